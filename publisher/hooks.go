package publisher

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/marshaler"
	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
)

// Hooks are functions that the publisher calls when something happens, for tracing and
// metrics to be built on. Any of them may be nil, and costs nothing then. Config.Hooks
// takes any number of Hooks.
//
// A message has one PublishStart and one PublishEnd. Messages share requests: between the
// two there is an AttemptStart and an AttemptEnd for each request that the message is in.
// What one of the two starts returns as a context comes back with its end.
//
// Hooks are called outside of all locks, by many goroutines at once. What a hook is about
// waits for it, so it must return soon. It must not call Close or Flush, and not Publish
// or PublishOneway, which may wait for what waits for the hook; PublishAsync is allowed.
// Slices in events are the publisher's, and good until the hook returns; all else may be
// kept.
//
// The contexts of messages are for their values. They may have ended, and nothing that a
// hook returns bounds a message.
//
// With a Config.Client connections and routes are those of all publishers that it was
// lent to, and the hooks of each publisher hear of them, from when it is made until its
// Close has returned. So Disconnected may be about a connection that was made before.
type Hooks struct {
	// PublishStart is called for each message of Publish, PublishAsync, PublishOneway and
	// BeginTransaction, on the goroutine that calls them, before the message is looked at
	// in any other way. ctx is the message's context. The other hooks about the message
	// get the context that it returns. e is good until it returns.
	PublishStart func(ctx context.Context, e *PublishEvent) context.Context
	// PublishEnd is called once for each PublishStart, with the context that this has
	// returned, when the result of the message is final: before Publish returns, and for
	// PublishAsync on a goroutine of the publisher unless PublishAsync returns an error.
	// Config.OnResult is called after it. It is not called after a panic of user code.
	PublishEnd func(ctx context.Context, r Result)

	// AttemptStart is called when a send request has found its queue, or has found that
	// there is none, on the goroutine that sends: a Publish call's or a sender's. ctx is
	// that of the first message in the request. AttemptEnd and Retry get the context that
	// it returns.
	AttemptStart func(ctx context.Context, e AttemptEvent) context.Context
	// AttemptEnd is called once for each AttemptStart, on the same goroutine, whatever has
	// become of the attempt. It is called before the PublishEnd of the messages, but for
	// those whose callers have left meanwhile.
	AttemptEnd func(ctx context.Context, e AttemptEvent)
	// Retry is called when messages are to be sent again, before the pause, on
	// the goroutine that sends. They may yet be given up during the pause, or wait
	// behind others.
	Retry func(ctx context.Context, e RetryEvent)

	// Connected is called when a connection to a broker or name server has been
	// made, before the first request uses it, on a goroutine of the connection.
	Connected func(addr string)
	// Disconnected is called once for each connection that was Connected, when it
	// has ended, on a goroutine of the connection. cause matches ErrClosed when
	// Close was the reason. It may come after Connected of the connection that
	// takes its place.
	Disconnected func(addr string, cause error)
	// RouteChanged is called when a topic has got its first route (before is nil
	// then) or one with other queues to write or other brokers, on the goroutine that looked it
	// up: for one topic one at a time and in order. Further lookups of the topic
	// wait for it; messages do not, and may be sent by the route before the hook is
	// called. topic is RocketMQ's name. Routes do not change.
	RouteChanged func(topic string, before, after *routing.Route)
	// RouteRefreshFailed is called when the route of a topic, which is known, could not
	// be looked up again, on the goroutine that looked. The route stays in use, unless
	// err is a *routing.NoQueueError or a *routing.StaticTopicError: the name server
	// has said that nobody may publish to the topic. topic is RocketMQ's name.
	RouteRefreshFailed func(topic string, err error)
	// TracesDropped is called when records of Config.Trace have been lost, with
	// their number and the reason, on the goroutine that sends the traces.
	TracesDropped func(records int, cause error)
}

// PublishEvent is a message that is about to be published.
type PublishEvent struct {
	// Topic is Watermill's name.
	Topic string
	// RocketMQTopic is the name that brokers know; empty if there is none, and the message
	// will be refused.
	RocketMQTopic string
	// Message is the caller's. It must not be changed, and not be kept for longer than
	// Publish takes.
	Message *message.Message
	// Async, Oneway and Transaction say which method it was given to, if not Publish:
	// PublishAsync, PublishOneway or BeginTransaction.
	Async, Oneway, Transaction bool

	injected []headers.Property
}

// SetProperty has the message sent with a property of that name, in place of one that
// its metadata makes, such as the trace context of a message that is passed on. Message
// stays as it is. Consumers get it as metadata. For W3C trace context the names are
// traceparent, tracestate and baggage, as the Java agent of OpenTelemetry has them.
//
// An error means that the message goes without it: the name is one that RocketMQ or this
// module has a use for, or name or value are empty, or not UTF-8, or hold a character that
// separates properties (0x01, 0x02). A message also goes without all of them if they make
// its properties larger than Config.MaxPropertiesSize, which a debug line tells.
func (e *PublishEvent) SetProperty(name, value string) error {
	property := headers.Property{Name: name, Value: value}
	if err := property.Check(); err != nil {
		return err
	}
	if !marshaler.Free(name) {
		return &headers.PropertyError{Name: name, Reason: "has a name that is not free"}
	}
	e.injected = slices.DeleteFunc(e.injected, func(p headers.Property) bool { return p.Name == name })
	e.injected = append(e.injected, property)
	return nil
}

// AttemptMessage is a message in a request.
type AttemptMessage struct {
	// Context is what PublishStart has returned, or else the message's own.
	Context context.Context
	// UUID is Watermill's.
	UUID string
}

// AttemptEvent is a request to store messages.
type AttemptEvent struct {
	// Topic is Watermill's name, RocketMQTopic that of the broker.
	Topic, RocketMQTopic string
	// Messages are those in the request, which may belong to several calls. With
	// AttemptEnd some may be missing: those that have been given up since AttemptStart.
	Messages []AttemptMessage
	// Bytes is the size of the request's body.
	Bytes int
	// Try counts the attempts for these messages from 1.
	Try    int
	Oneway bool
	// Attempt says where, when, for how long and how. With AttemptStart it has the queue,
	// if one was found, and when it began. With AttemptEnd its Outcome is Stored and its
	// Err nil if a broker has stored the messages. A one-way attempt without an error is
	// MayBeStored. One that has not been made, since nobody waited for it any more, has
	// ErrNotAttempted.
	Attempt Attempt
	// Status is the broker's answer if it has stored the messages, else StatusNone.
	// One other than SendOK says that they have less safety than the broker is
	// configured for.
	Status SendStatus
}

// Code returns the code of the broker's answer. ok is false if there was none.
func (e *AttemptEvent) Code() (code headers.ResponseCode, ok bool) {
	var answer *headers.StatusError
	switch {
	case e.Status != StatusNone:
		return e.Status.code(), true
	case errors.As(e.Attempt.Err, &answer):
		return answer.Code, true
	}
	return 0, false
}

// RetryEvent says that messages are about to be sent again.
type RetryEvent struct {
	// Topic is Watermill's name, RocketMQTopic that of the broker.
	Topic, RocketMQTopic string
	// Messages are those of the failed attempt. Some may have been left by their callers
	// meanwhile, and are not sent again.
	Messages []AttemptMessage
	// Failed is how many attempts there were.
	Failed int
	// Pause is how long the next attempt waits at most. It is 0 where a broker
	// refused the content of a request with several messages, which are sent again
	// in two halves.
	Pause time.Duration
	// Err is that of the failed attempt.
	Err error
}
