package subscriber

import (
	"context"
	"net/netip"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
)

// Hooks are functions that the subscriber calls when something happens, for tracing and
// metrics to be built on. Any of them may be nil, and costs nothing then. Config.Hooks takes
// any number of Hooks.
//
// A delivery begins with DeliveryStart and ends with one of Acked, Nacked and Released. The
// hooks in between, and those, get the context that DeliveryStart has returned, or else that
// of the message. It may have ended then: the context of a message ends with its answer.
// InfoFromContext returns for each of them all that RocketMQ knows of the message.
//
// Hooks are called outside of all locks, by many goroutines at once. What a hook is about
// waits for it, so it must return soon, and must not call Close or Stop.
type Hooks struct {
	// Fetched is called for each answer of a broker that has messages.
	Fetched func(FetchEvent)
	// DeliveryStart is called before a message is handed out, each time that it is. The
	// context that it returns becomes that of the message: it is ctx, or made of it. The
	// message must not be changed, and not be kept for longer than its handler has it; from
	// Received on it is the handler's. It may wait for a receiver yet, for long where there
	// is none, and go back without one: Released then.
	DeliveryStart func(ctx context.Context, msg *message.Message, e MessageEvent) context.Context
	// Received is called when a receiver has taken a message from the channel.
	Received func(ctx context.Context, e MessageEvent)
	// Acked and Nacked are called when the message's answer is seen. That of an ack says
	// nothing of the broker. Nacked is also called for a handler that has taken longer than
	// Config.MaxProcessing.
	Acked  func(ctx context.Context, e MessageEvent)
	Nacked func(ctx context.Context, e NackEvent)
	// Released is called for a message that goes back unanswered: nobody received it before
	// much of its lease was over (POP), which happens where handlers are slower than what is
	// fetched; or its subscription ended, or its queue went to another member. It may not
	// have come as far as DeliveryStart.
	Released func(ctx context.Context, e MessageEvent)
	// Renewed is called when a lease was renewed, LeaseLost when it was not.
	Renewed   func(ctx context.Context, e MessageEvent)
	LeaseLost func(ctx context.Context, e MessageEvent)
	// DeadLettered is called when a message is a dead letter, DeadLetterFailed for each try
	// that fails. Both come after Nacked or Unreadable.
	DeadLettered     func(ctx context.Context, e MessageEvent)
	DeadLetterFailed func(ctx context.Context, e MessageEvent)
	// Unreadable is called for a message that no Watermill message can be made of. It has
	// no DeliveryStart.
	Unreadable func(ctx context.Context, e MessageEvent)
	// Rebalanced is called when the queues that belong to this member have changed (Pull).
	Rebalanced func(RebalanceEvent)

	// The connections and routes of a Config.Client are those of all that it was lent to.

	// Connected is called when a connection to a broker or name server has been made, and
	// Disconnected once for each when it has ended. cause matches ErrClosed when Close was
	// the reason.
	Connected    func(addr string)
	Disconnected func(addr string, cause error)
	// RouteChanged is called when a topic has got its first route (before is nil then) or
	// one with other queues to read or other brokers. topic is RocketMQ's name.
	RouteChanged func(topic string, before, after *routing.Route)
	// RouteRefreshFailed is called when the route of a topic, which is known, could not be
	// looked up again. topic is RocketMQ's name.
	RouteRefreshFailed func(topic string, err error)
}

// FetchEvent is messages that have come.
type FetchEvent struct {
	// Topic is Watermill's name, or that of the group's retry topic (Pull). RocketMQTopic
	// is the broker's, Group is Config.Group.
	Topic, RocketMQTopic, Group string
	// Queue is where they are from; its ID is -1 for an answer with those of several.
	Queue    routing.MessageQueue
	Messages int
}

// MessageEvent is one message.
type MessageEvent struct {
	// Topic is Watermill's name, RocketMQTopic that of the broker, Group is Config.Group.
	Topic, RocketMQTopic, Group string
	// SubscribedTopic is RocketMQ's name of Topic. RocketMQTopic is another one for a message
	// that comes again from the group's retry topic.
	SubscribedTopic string
	// Namespace is Cluster.Namespace or NamespaceV2. The first is part of RocketMQ's names.
	Namespace string
	// Broker, QueueID and QueueOffset say where the message is, BrokerAddr which address
	// the broker calls its own.
	Broker      string
	BrokerAddr  netip.AddrPort
	QueueID     int32
	QueueOffset int64
	// UUID is Watermill's, empty if none has been made of the message yet.
	UUID string
	// Deliveries is the number of this delivery, 1 for the first.
	Deliveries int
	// Bytes is the size of the body as it came.
	Bytes int
	// StoreTime is when the message was stored, by the broker's clock.
	StoreTime time.Time
	// Took is how long the handler has had it, 0 if it was not handed out.
	Took time.Duration
	// Err is what has failed, if something has.
	Err error
}

// NackEvent is a delivery that has failed.
type NackEvent struct {
	MessageEvent
	// Pause is the time until the next delivery. Last says that there is none.
	Pause time.Duration
	Last  bool
	// Local says that the message stays with this subscriber meanwhile.
	Local bool
}

// RebalanceEvent is the queues of a topic that belong to this member.
type RebalanceEvent struct {
	// Topic is Watermill's name, or that of the group's retry topic. RocketMQTopic is the
	// broker's, Group is Config.Group.
	Topic, RocketMQTopic, Group string
	Before, After               []routing.MessageQueue
}
