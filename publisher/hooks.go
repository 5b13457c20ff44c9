package publisher

import (
	"time"

	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
)

// Hooks are functions that are told what the publisher does, for tracing and
// metrics to be built on. Any of them may be nil, and costs nothing then.
// Config.OnResult is the one that tells the result of each message.
//
// They are called outside of all locks, by many goroutines at once. What a hook
// tells of waits for it, so it must return soon. It must not call Close or Flush,
// and not Publish or PublishOneway, which may wait for what waits for the hook;
// PublishAsync is allowed. Slices in events are the publisher's, and good until
// the hook returns; all else may be kept.
//
// With a Config.Client connections and routes are those of all publishers that it was
// lent to, and each publisher's hooks are told of them, from when it is made until its
// Close has returned. So Disconnected may tell of a connection that was made before.
type Hooks struct {
	// BeforeSend is called right before a send request is handed to its
	// connection, on the goroutine that sends: a Publish call's or a sender's.
	// AfterAttempt is called once for each.
	BeforeSend func(SendEvent)
	// AfterAttempt is called after each attempt, good or bad, on the same
	// goroutine as BeforeSend, before OnResult is told of the messages. An attempt
	// that found no queue, no broker or no connection has had no BeforeSend.
	AfterAttempt func(AttemptEvent)
	// Retry is called when messages are to be sent again, before the pause, on
	// the goroutine that sends. They may yet be given up during the pause, or wait
	// behind others.
	Retry func(RetryEvent)
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

// SendEvent tells of a send request that is about to leave.
type SendEvent struct {
	// Topic is RocketMQ's name of it.
	Topic        string
	MessageQueue routing.MessageQueue
	Addr         string // of the broker
	// UUIDs are those of the messages in the request, which may belong to several
	// calls.
	UUIDs []string
	// Bytes is the size of the request's body.
	Bytes int
	// Try counts the attempts for these messages from 1.
	Try    int
	Oneway bool
}

// AttemptEvent tells how an attempt has ended.
type AttemptEvent struct {
	// Topic is RocketMQ's name of it.
	Topic string
	// UUIDs are those of the messages in the request.
	UUIDs []string
	// Try counts the attempts for these messages from 1.
	Try    int
	Oneway bool
	// Attempt says where, when, for how long and how: its Outcome is Stored and
	// its Err nil if a broker has stored the messages. A one-way attempt without
	// an error is MayBeStored.
	Attempt Attempt
	// Status is the broker's answer if it has stored the messages, else StatusNone.
	// One other than SendOK says that they have less safety than the broker is
	// configured for.
	Status SendStatus
}

// RetryEvent tells that messages are about to be sent again.
type RetryEvent struct {
	// Topic is RocketMQ's name of it.
	Topic string
	// UUIDs are those of the messages of the failed attempt. Some may have been
	// left by their callers meanwhile, and are not sent again.
	UUIDs []string
	// Failed is how many attempts there were.
	Failed int
	// Pause is how long the next attempt waits at most. It is 0 where a broker
	// refused the content of a request with several messages, which are sent again
	// in two halves.
	Pause time.Duration
	// Err is that of the failed attempt.
	Err error
}
