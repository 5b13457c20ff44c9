package subscriber

import (
	"errors"
	"fmt"

	rocketmq "github.com/watermill-rocketmq/watermill-rocketmq"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/verdict"
	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber/internal/delivery"
	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber/internal/pop"
	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber/internal/pull"
)

var (
	// ErrClosed means that the Subscriber was closed before or during the call.
	ErrClosed = errors.New("subscriber is closed")
	// ErrNoGroup means that the call is for a consumer group, and Config.Group is empty.
	ErrNoGroup = errors.New("subscriber has no consumer group")
)

// Causes of the end of a message's context (context.Cause), beside Ack and Nack.
var (
	// ErrStopped means that the subscription has ended, and that Config.CloseTimeout was
	// over before the handler was done. The message is delivered again.
	ErrStopped = delivery.ErrStopped
	// ErrProcessingTime means that the handler has taken longer than Config.MaxProcessing.
	// The message is delivered again.
	ErrProcessingTime = delivery.ErrTooLong
	// ErrLeaseLost means that the lease could not be renewed, so that the broker delivers
	// the message to another member. An Ack still counts if it is in time.
	ErrLeaseLost = delivery.ErrLeaseLost
	// ErrQueueLost means that the queue of the message belongs to another member now, which
	// gets the message again.
	ErrQueueLost = delivery.ErrQueueLost
)

// OtherMembersError means that Seek was not done, as other members of the group are up.
type OtherMembersError = pull.OtherMembersError

// CloseError says what brokers have not confirmed at the end: messages may be delivered
// again though they were acked. There is nothing to be tried again.
type CloseError struct {
	// Topic is Watermill's name of the topic, empty if it is about the whole Subscriber.
	Topic string
	Err   error
}

// Error names the topic and the cause.
func (e *CloseError) Error() string {
	if e.Topic == "" {
		return fmt.Sprintf("subscriber: close: %v", e.Err)
	}
	return fmt.Sprintf("subscriber: close: topic %s: %v", e.Topic, e.Err)
}

// Unwrap returns the cause.
func (e *CloseError) Unwrap() error { return e.Err }

// SubscribeError is returned by Subscribe and SubscribeInitialize. Nothing was begun.
type SubscribeError struct {
	// Topic is Watermill's name of the topic.
	Topic string
	Err   error
}

// Error names the topic and the cause.
func (e *SubscribeError) Error() string { return fmt.Sprintf("subscribe to %s: %v", e.Topic, e.Err) }

// Unwrap returns the cause.
func (e *SubscribeError) Unwrap() error { return e.Err }

// FilterError means that a broker does not take a Filter: it has no enablePropertyFilter,
// or does not understand the condition.
type FilterError struct {
	Filter Filter
	// Broker is its address.
	Broker string
	// Err is its answer, a *headers.StatusError.
	Err error
}

// Error has the filter, the broker and its answer.
func (e *FilterError) Error() string {
	return fmt.Sprintf("broker %s does not take the filter %q: %v", e.Broker, e.Filter, e.Err)
}

// Unwrap returns the broker's answer.
func (e *FilterError) Unwrap() error { return e.Err }

// subscribeError is what users are told when a call for a topic fails: what access control
// says, and what a broker is too old for, is of package rocketmq.
func subscribeError(topic string, err error) error { return &SubscribeError{topic, explained(err)} }

func explained(err error) error {
	if refusal := verdict.Refusal(err); refusal != nil {
		return refusal
	}
	var noPOP *pop.UnsupportedError
	if errors.As(err, &noPOP) {
		return &rocketmq.UnsupportedError{Feature: rocketmq.FeaturePOP, Addr: noPOP.Broker, Version: noPOP.Version, Since: "5.0.0"}
	}
	return verdict.Bare(err)
}
