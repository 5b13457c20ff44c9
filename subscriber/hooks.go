package subscriber

import (
	"time"

	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
)

// Hooks are functions that are told what the subscriber does, for tracing and metrics to be
// built on. Any of them may be nil, and costs nothing then.
//
// They are called outside of all locks, by many goroutines at once. What a hook tells of
// waits for it, so it must return soon, and must not call Close or Stop.
type Hooks struct {
	// Fetched is told of each answer of a broker that has messages.
	Fetched func(FetchEvent)
	// Received is called when a receiver has taken a message from the channel.
	Received func(MessageEvent)
	// Acked and Nacked are called when the message's answer is seen. That of an ack says
	// nothing of the broker.
	Acked  func(MessageEvent)
	Nacked func(NackEvent)
	// Released is called for a message that goes back unanswered: it had not been handed
	// out when the subscription ended, or was not in time.
	Released func(MessageEvent)
	// Renewed is called when a lease was renewed, LeaseLost when it was not.
	Renewed   func(MessageEvent)
	LeaseLost func(MessageEvent)
	// DeadLettered is called when a message is a dead letter, DeadLetterFailed for each try
	// that fails.
	DeadLettered     func(MessageEvent)
	DeadLetterFailed func(MessageEvent)
	// Unreadable is called for a message that no Watermill message can be made of.
	Unreadable func(MessageEvent)
	// Rebalanced is called when the queues that belong to this member have changed (Pull).
	Rebalanced func(RebalanceEvent)
}

// FetchEvent tells of messages that have come.
type FetchEvent struct {
	// Topic is Watermill's name, or that of the group's retry topic (Pull).
	Topic string
	// Queue is where they are from; its ID is -1 for an answer with those of several.
	Queue    routing.MessageQueue
	Messages int
}

// MessageEvent tells of one message.
type MessageEvent struct {
	Info Info
	// UUID is Watermill's, empty if the message is not readable.
	UUID string
	// Took is how long the handler has had it, 0 if it was not handed out.
	Took time.Duration
	// Err is what has failed, if something has.
	Err error
}

// NackEvent tells of a delivery that has failed.
type NackEvent struct {
	MessageEvent
	// Pause is the time until the next delivery. Last says that there is none.
	Pause time.Duration
	Last  bool
	// Local says that the message stays with this subscriber meanwhile.
	Local bool
}

// RebalanceEvent tells of the queues of a topic that belong to this member.
type RebalanceEvent struct {
	// Topic is Watermill's name, or that of the group's retry topic.
	Topic         string
	Before, After []routing.MessageQueue
}
