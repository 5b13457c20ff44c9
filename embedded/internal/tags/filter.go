// Package tags is how brokers filter messages: by the hashes of their tags.
package tags

import (
	"slices"
	"strings"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

// Filter passes messages by the hash of their tag, as brokers do; a client
// has to compare the tags themselves again. The zero Filter passes nothing.
type Filter struct {
	all    bool
	hashes []int32
}

func (f *Filter) Passes(hash int32) bool { return f.all || slices.Contains(f.hashes, hash) }

// Parse reads an expression such as "a || b" (FilterAPI.buildSubscriptionData
// of 5.5.0). ok is false if there is no tag in it.
func Parse(expression string) (f Filter, ok bool) {
	if expression == "" || expression == "*" {
		return Filter{all: true}, true
	}
	for tag := range strings.SplitSeq(expression, "||") {
		if tag = strings.TrimSpace(tag); tag != "" {
			f.hashes = append(f.hashes, headers.HashCode(tag))
		}
	}
	return f, len(f.hashes) > 0
}

// Of is the filter of a subscription that a heartbeat brought: an expression and the
// hashes that go with it.
func Of(expression string, hashes []int32) Filter {
	return Filter{all: expression == "" || expression == "*", hashes: hashes}
}

// IsExpression reports whether kind, an expression type, is that of tags.
func IsExpression(kind string) bool { return kind == "" || kind == "TAG" }

// HashOf is the filter code of a message's tag: 0 without one.
func HashOf(properties []byte) int32 {
	var tag []byte
	for name, value := range headers.Properties(properties) {
		if string(name) == headers.PropertyTags {
			tag = value
		}
	}
	return headers.HashCode(string(tag))
}
