package publisher

import (
	"errors"
	"fmt"
	"strings"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

// ErrSeveralClusters means that brokers of more than one cluster are registered at
// the name servers, so that CreateTopics.Cluster has to say where topics belong.
var ErrSeveralClusters = errors.New("several clusters share the name servers: CreateTopics.Cluster has to name one")

// ErrNoMaster means that no broker of the cluster has a master, where a topic
// could be created.
var ErrNoMaster = errors.New("no broker with a master is registered")

// ErrTopicNotRouted means that brokers have created a topic, but the name servers
// did not show it on all of them in time. It is there a moment later.
var ErrTopicNotRouted = errors.New("the name servers do not know the new topic yet")

// errUnsupported is what a proxy says to all that is about creating topics.
var errUnsupported = &headers.StatusError{Code: headers.RequestNotSupported}

// CreateTopicError means that a missing topic was not created, or not on every
// broker. No message was sent.
type CreateTopicError struct {
	// Topic is the name in RocketMQ.
	Topic string
	// Created names the brokers that have the topic by this attempt.
	Created []string
	// Brokers are those that refused or could not be reached. When Created is
	// empty none was asked to create it before all had been reached.
	Brokers []*BrokerError
	// Err is what failed before any broker was asked, or after all had created
	// the topic: an error of package routing, ErrSeveralClusters, ErrNoMaster,
	// ErrTopicNotRouted, or that of a context. Nil if Brokers says it all.
	Err error
}

// BrokerError is what went wrong with one broker: a *headers.StatusError, an
// *UnsupportedError, a *transport.OpError, or one of those that mean that access
// or a certificate was refused.
type BrokerError struct {
	Broker string
	Addr   string
	Err    error
}

// Error names the broker, its address and the cause.
func (e *BrokerError) Error() string { return fmt.Sprintf("%s (%s): %v", e.Broker, e.Addr, e.Err) }

// Unwrap returns the cause.
func (e *BrokerError) Unwrap() error { return e.Err }

// Error names the topic and each broker with what went wrong there.
func (e *CreateTopicError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "cannot create topic %q", e.Topic)
	if len(e.Created) > 0 {
		fmt.Fprintf(&b, " on every broker (%s created it)", strings.Join(e.Created, ", "))
	}
	for i, err := range e.Unwrap() {
		if i == 0 {
			b.WriteString(": ")
		} else {
			b.WriteString("; ")
		}
		b.WriteString(err.Error())
	}
	return b.String()
}

// Unwrap returns the causes.
func (e *CreateTopicError) Unwrap() []error {
	var causes []error
	if e.Err != nil {
		causes = append(causes, e.Err)
	}
	for _, b := range e.Brokers {
		causes = append(causes, b)
	}
	return causes
}

// again reports whether another attempt can succeed.
func (e *CreateTopicError) again() bool {
	if errors.Is(e.Err, ErrSeveralClusters) || errors.Is(e.Err, errUnsupported) {
		return false
	}
	for _, b := range e.Brokers {
		var unsupported *UnsupportedError
		if errors.As(b.Err, &unsupported) || !judge(b.Err).again() {
			return false
		}
	}
	return true
}
