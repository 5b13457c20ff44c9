package subscriber

import (
	"time"

	rocketmq "github.com/watermill-rocketmq/watermill-rocketmq"
	"github.com/watermill-rocketmq/watermill-rocketmq/marshaler"
	"github.com/watermill-rocketmq/watermill-rocketmq/topics"
)

// Config sets up a Subscriber. Cluster.NameServers, or Cluster.Resolver in its place, or
// Client in place of Cluster, must be set; the zero value of each other field stands for
// its default. Durations are ordinary Go durations, sizes are bytes.
type Config struct {
	// Cluster is where the messages come from and how to get there. It is the same value
	// for every client of the cluster.
	Cluster rocketmq.Cluster

	// Client, if it is set, lends the subscriber its connections, routes and heartbeat,
	// which it has in common with others then; Cluster must be zero. It is made with
	// rocketmq.Connect, and whoever has made it closes it, after the subscriber. Nil, the
	// default, has the subscriber make and close its own.
	//
	// Brokers tell the members of a group apart by their connections. So a second
	// subscriber of the same group that pulls makes a Client of its own all the same.
	Client *rocketmq.Client

	// Group is the consumer group: each message goes to one member of it. Its members
	// have the same name, and the same Filters, whatever language they are written in.
	// Empty, the default, is for a subscriber that gets all messages for itself, as all
	// others without a group do: it begins at From each time, and nothing that it acks is
	// remembered by brokers.
	Group string

	// Engine is how messages come from the brokers: Auto, the default, POP or Pull. All
	// members of a group that read the same topic must use the same.
	Engine Engine

	// Ordered has at most one message of each queue with a handler, in the order in which
	// they are stored. With publisher.Config.OrderingKey, or the sharding key of another
	// client, the messages of a key are in one queue, so they come one at a time and in
	// order, also when they are nacked and when members come and go. All members of the
	// group must agree on it.
	Ordered bool

	// From is where the group begins to read a queue that it has not read before.
	// Earliest by default: the first message that is stored.
	From From

	// Filters say which messages of a topic the group wants, by Watermill's name of the
	// topic. A topic without one is read in full. All members of the group must agree.
	Filters map[string]Filter

	// What becomes of a message.

	// Unmarshaler turns a RocketMQ message into a Watermill message. marshaler.Default by
	// default. It is called by several goroutines at once.
	Unmarshaler marshaler.Unmarshaler

	// Topics maps Watermill topic names to RocketMQ's, as publisher.Config.Topics does.
	// marshaler.EscapeTopics by default.
	Topics marshaler.TopicMapper

	// Unreadable says what becomes of a message that cannot be decompressed or that the
	// Unmarshaler refuses: UnreadableToDeadLetter by default. It never ends the
	// subscription.
	Unreadable Unreadable

	// Redelivery is the pauses before a message that was nacked comes again.
	Redelivery RedeliveryConfig

	// MaxDeliveries is how often a message is delivered. When the last delivery is nacked
	// the message goes to DeadLetter and is acked then. 16 by default; Endless delivers it
	// until it is acked. Deliveries are counted as the broker knows them, and those since
	// the message was last taken from a broker: where a process ends in between, some are
	// not counted. Brokers count deliveries that no handler has seen, too: those of a process
	// that was killed, those whose answer was lost, and messages that were given back (before
	// 5.5.0).
	MaxDeliveries int

	// DeadLetter takes messages whose deliveries are used up, and those that are not
	// readable. Nil, the default, has the broker store them in the group's dead letter
	// topic, %DLQ%<group>, as it does for the Java client. An error is tried again, with
	// the message held back meanwhile; nothing is acked before it has returned nil. So a
	// dead letter may be stored twice, and is not lost. A subscriber without a Group has no
	// such topic: it drops the message, with a log line.
	DeadLetter DeadLetterFunc

	// How much and how long.

	// MaxInFlight bounds what a subscription has taken from brokers and is not answered:
	// 256 messages and 64 MiB by default. How many handlers a router runs at once follows
	// from it.
	MaxInFlight InFlight

	// MaxProcessing is how long a handler may take. After that the message has failed: its
	// context ends with the cause ErrProcessingTime, and it is delivered again, perhaps
	// while the handler still works. 1 h by default.
	MaxProcessing time.Duration

	// Lease is how long brokers keep a message for its handler without a sign of life
	// (invisibleTime of POP): a crashed member's messages come to others after it. It is
	// renewed while a handler works. 60 s by default, 1 s to 12 h. Pull has no leases.
	Lease time.Duration

	// CommitInterval is the time between two commits of offsets (Pull): what a crashed
	// member has acked in the last of it comes again. 1 s by default.
	CommitInterval time.Duration

	// RequestTimeout bounds one request to a broker. 3 s by default.
	RequestTimeout time.Duration

	// StartTimeout is how long Subscribe and SubscribeInitialize try to begin while servers
	// cannot be reached, unless their contexts end before. 15 s by default.
	StartTimeout time.Duration

	// CloseTimeout bounds how long Close, and the end of a subscription's context, waits
	// for handlers to answer. 10 s by default.
	CloseTimeout time.Duration

	// CreateTopics lets the subscriber create topics that do not exist. Without it a
	// subscription waits for its topic.
	CreateTopics topics.Config

	// Hooks are called for messages, leases and queues. Of several each is called in its
	// turn, and a DeliveryStart gets the context that the one before it has returned.
	Hooks []Hooks
}

// InFlight is an amount of messages.
type InFlight struct {
	// Messages is the number of messages, at least 1. Brokers hand out up to 32 at once,
	// and a request for fewer costs them as much: less than 128 is slower than need be.
	Messages int
	// Bytes is the size of their bodies and properties, as they came and decompressed. The
	// messages of the requests that are under way when it is reached come on top. It is
	// also the most that one body may have.
	Bytes int
}

// RedeliveryConfig is the pauses between the deliveries of a message.
type RedeliveryConfig struct {
	// MinPause is the pause after the first delivery that is nacked. It doubles with each
	// until MaxPause; a fifth of it is left to chance. 100 ms and 10 min by default.
	//
	// A message with the metadata of Watermill's DelayOnError middleware
	// (_watermill_delayed_for, _watermill_delayed_until) waits as long as that says instead.
	// With Pull no broker waits for longer than 2 h, its last delay level.
	MinPause, MaxPause time.Duration
	// MaxLocalPause is the longest pause during which the message stays with this
	// subscriber, and in MaxInFlight. For a longer one it goes back to the broker, which
	// delivers it to any member. That takes up to 5 s more with POP, and is the next longer
	// delay level with Pull. 5 s by default. With Config.Ordered, and without a Group, all
	// messages stay.
	MaxLocalPause time.Duration
}

// Endless is a Config.MaxDeliveries without an end.
const Endless = -1
