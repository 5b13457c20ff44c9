package rocketmq

import (
	"errors"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/watermill-rocketmq/watermill-rocketmq/internal/faults"
	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
)

// maxNamespaceLength is what brokers since 5.4.0 take of a group, which a namespace is
// a part of (TopicValidator.GROUP_MAX_LENGTH).
const maxNamespaceLength = 120

// Validate reports everything that is wrong with the cluster. Zero values are no
// faults: they stand for defaults, where there are any. The error wraps one error for
// each fault, joined by errors.Join, whose text begins with the name of the field.
// Clients call it by themselves.
func (c Cluster) Validate() error {
	c = c.WithDefaults()
	l := faults.List(c.nameServerFaults())
	c.checkNamespaces(&l)
	if err := checkProvider(c.Credentials); err != nil {
		l = append(l, err)
	}
	if c.Headers != BinaryHeaders && c.Headers != JSONHeaders {
		l.Add("Headers is %q, want binary or json", c.Headers)
	}
	for _, d := range []struct {
		name  string
		value time.Duration
	}{
		{"DialTimeout", c.DialTimeout},
		{"HeartbeatInterval", c.HeartbeatInterval},
		{"RouteRefreshInterval", c.RouteRefreshInterval},
	} {
		l.Duration(d.name, d.value)
	}
	return l.Err("rocketmq: cluster")
}

// nameServerFaults is what package routing finds wrong, without its own name.
func (c *Cluster) nameServerFaults() []error {
	names := routing.Config{NameServers: c.NameServers, Resolver: c.Resolver, ResolveInterval: c.ResolveInterval}
	return flatten(errors.Unwrap(names.Validate()))
}

// flatten takes apart what errors.Join has joined.
func flatten(err error) []error {
	if err == nil {
		return nil
	}
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return []error{err}
	}
	var faults []error
	for _, part := range joined.Unwrap() {
		faults = append(faults, flatten(part)...)
	}
	return faults
}

func (c *Cluster) checkNamespaces(l *faults.List) {
	if !legalNamespace(c.Namespace) {
		l.Add("Namespace is %q, want letters, digits and _-|", c.Namespace)
	}
	if len(c.NamespaceV2) > maxNamespaceLength || !utf8.ValidString(c.NamespaceV2) {
		l.Add("NamespaceV2 is %q, want at most %d bytes of UTF-8", c.NamespaceV2, maxNamespaceLength)
	}
	if c.Namespace != "" && c.NamespaceV2 != "" {
		l.Add("Namespace (%q) and NamespaceV2 (%q) are both set, want one of them", c.Namespace, c.NamespaceV2)
	}
}

func legalNamespace(name string) bool {
	return len(name) <= maxNamespaceLength && !strings.ContainsFunc(name, func(r rune) bool {
		legal := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("_-|", r)
		return !legal
	})
}
