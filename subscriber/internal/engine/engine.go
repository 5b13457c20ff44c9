// Package engine has what a Subscriber asks of an engine: of package pop, which has brokers
// lease messages (POP, 5.x), and of package pull, which reads queues and keeps offsets.
//
// A subscription ends in this order: Output.Stop closes the channel, Fetcher.Stop ends the
// fetching, Output.Drain waits for the handlers, for as long as Fetcher.Hasten is not called,
// and Fetcher.Close tells the brokers what
// they have to know.
package engine

import (
	"context"
	"time"

	"github.com/ThreeDotsLabs/watermill"

	"github.com/watermill-rocketmq/watermill-rocketmq/internal/session"
	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber/internal/delivery"
	"github.com/watermill-rocketmq/watermill-rocketmq/transport"
)

// Config is what engines know of their Subscriber.
type Config struct {
	Session *session.Session
	// Member is the Subscriber's part in the session. Its connections and routes are used,
	// and its group is named in heartbeats where the engine needs that.
	Member *session.Member
	// Group is the consumer group as brokers know it. It is empty for one that reads all
	// messages for itself, which only package pull can.
	Group string
	// Ordered has one message of a queue handed out at a time.
	Ordered bool
	// Lease is how long a message belongs to a handler before the lease has to be renewed
	// (invisibleTime of POP).
	Lease time.Duration
	// RequestTimeout bounds one request, beside what the broker may wait in it.
	RequestTimeout time.Duration
	// CommitInterval is the time between two commits of offsets.
	CommitInterval time.Duration
	// AckLinger is the longest time that an ack waits for others to be sent with.
	AckLinger time.Duration
	Logger    watermill.LoggerAdapter
	Observer  Observer
}

// Observer is told what an engine does. Its methods are called outside of locks by
// goroutines that wait for them.
type Observer interface {
	// Fetched says how many messages an answer of a broker has brought, and of which queue:
	// its ID is -1 if they are of several. It is called for answers that have some.
	Fetched(topic string, queue routing.MessageQueue, messages int)
	// Rebalanced says which queues of a topic belong to this member now.
	Rebalanced(topic string, before, after []routing.MessageQueue)
}

// From says where a group begins to read a queue that it has not read before.
type From struct {
	Position Position
	Time     time.Time // of FromTime
}

// Position is a place in a queue.
type Position uint8

// The positions.
const (
	Earliest Position = iota // the first message that is stored
	Latest                   // the next message that will be stored
	FromTime                 // the first message that was stored at a time, or after it
)

// Filter says which messages of a topic a group wants. The zero value wants all.
type Filter struct {
	// Expression is one of tags, such as "paid || refunded", or of SQL92.
	Expression string
	SQL        bool
}

// Topic is what a group reads.
type Topic struct {
	Name   string // as brokers know it
	Filter Filter
	From   From
}

// Engine takes messages from brokers for one consumer group. It is safe for concurrent use.
type Engine interface {
	// Initialize makes the position durable from which the group reads the topic, where the
	// group has none. It returns when brokers have it.
	Initialize(ctx context.Context, topic Topic) error
	// Subscribe begins to put messages of the topic into lanes of the output, until
	// Fetcher.Stop. ctx bounds the beginning only. It initializes the topic.
	Subscribe(ctx context.Context, topic Topic, output *delivery.Output) (Fetcher, error)
	// Seek moves the group to another position in all queues of the topic. Messages that
	// are with handlers are not called back.
	Seek(ctx context.Context, topic Topic, to From) error
	// RetryTopics are the names of the topics in which brokers keep messages of the topic
	// that are to be delivered again.
	RetryTopics(topic string) []string
	// RetryQueues are the queues of retry topics that are read, for all subscriptions, nil if
	// that is decided by the brokers.
	RetryQueues() []routing.MessageQueue
	// Events are what the engine is to be told of what happens to its Member, and Serve takes
	// the requests that brokers make of its group (headers.CodeConsumerIDsChanged and its
	// like). They do not wait for anything.
	Events() session.Events
	Serve(request *transport.PeerRequest)
	// Close leaves the group. All Fetchers must have been closed before.
	Close(ctx context.Context) error
}

// Fetcher puts the messages of one subscription into its lanes.
type Fetcher interface {
	// Stop ends the fetching. When it returns no message will be put into a lane. It takes
	// as long as requests under way take, until ctx ends.
	Stop(ctx context.Context)
	// Hasten says that handlers are not waited for any more: the output is to be drained, and
	// what that waits for, renewals of leases, is not tried again.
	Hasten()
	// Close tells the brokers what was acked, and gives back what the fetcher has. The
	// output must have been drained. The error says what brokers have not confirmed.
	Close(ctx context.Context) error
	// Queues are the queues that are read, nil if that is decided by the brokers.
	Queues() []routing.MessageQueue
	// Unconfirmed is how many acks the brokers have not heard of, or not confirmed.
	Unconfirmed() int
}
