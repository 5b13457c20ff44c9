// Package view has what there is to see of a broker, for people and their tools.
package view

import (
	"time"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

// Queue is one queue of a topic on a broker.
type Queue struct {
	ID int32
	// MinOffset is the offset of the oldest message that is there, MaxOffset that of the
	// next one to come.
	MinOffset, MaxOffset int64
	// Delivered counts the messages of the queue that were in answers to pulls and pops
	// since Start, each as often as it was in one.
	Delivered int64
	// LastStored is when the newest message was stored, and zero without messages.
	LastStored time.Time
}

// Group is a consumer group, as one broker knows it.
type Group struct {
	Name string
	// ConsumeType and MessageModel are those of the last heartbeat, and empty without
	// members.
	ConsumeType  headers.ConsumeType
	MessageModel headers.MessageModel
	// Members are the clients whose heartbeats name the group, by their ids.
	Members []Member
	// Subscriptions are what the members want, by topic.
	Subscriptions []headers.SubscriptionData
	// Positions are where the group is in the queues of the topics that it has subscribed
	// to or committed offsets for, by topic and queue.
	Positions []Position
}

// Member is a member of a consumer group.
type Member struct {
	ClientID string
	// Addr is the address of the client's end of the connection.
	Addr     string
	Language string
	Version  headers.Version
}

// None stands for an offset that there is not.
const None int64 = -1

// Position is where a group is in a queue.
type Position struct {
	Topic string
	Queue Queue
	// Committed is the offset that the group has committed: that of the first message
	// that it has not consumed or, if it pops, not popped. It is None if there is none.
	Committed int64
	// Unacked is the offset of the first message that was popped and is neither
	// acknowledged nor delivered again, None if there is none.
	Unacked int64
}

// Lag is how many messages of the queue the group has still to consume, and None while
// it has committed nothing: where it will begin is then the client's choice.
func (p *Position) Lag() int64 {
	at := p.Committed
	if p.Unacked != None && (at == None || p.Unacked < at) {
		at = p.Unacked
	}
	if at == None {
		return None
	}
	return max(0, p.Queue.MaxOffset-max(at, p.Queue.MinOffset))
}

// Client is one connection of a client to a broker.
type Client struct {
	// Server is the name of the server that it is connected to, such as "broker-a".
	Server string
	// Addr is the address of the client's end.
	Addr string
	// ClientID, Language and Version are those of the last heartbeat, and empty before
	// the first one.
	ClientID string
	Language string
	Version  headers.Version
	// ProducerGroups and ConsumerGroups are the groups that it is a member of, sorted.
	ProducerGroups, ConsumerGroups []string
}
