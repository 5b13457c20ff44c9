package publisher

import (
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	rocketmq "github.com/watermill-rocketmq/watermill-rocketmq"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/topicname"
	"github.com/watermill-rocketmq/watermill-rocketmq/marshaler"
	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
	"github.com/watermill-rocketmq/watermill-rocketmq/topics"
)

// DefaultProducerGroup is the producer group of a Publisher that was given none.
const DefaultProducerGroup = "watermill_producer"

// Config sets up a Publisher. Cluster.NameServers, or Cluster.Resolver in its place, or
// Client in place of Cluster, must be set, and ProducerGroup for transactions; the zero
// value of each other field stands for its default. Durations are ordinary Go durations, sizes are bytes.
type Config struct {
	// Cluster is where the messages go and how to get there. It is the same value for
	// every client of the cluster.
	Cluster rocketmq.Cluster

	// Client, if it is set, lends the publisher its connections, routes and heartbeat,
	// which it has in common with others then; Cluster must be zero. It is made with
	// rocketmq.Connect, and whoever has made it closes it, after the publisher: Close
	// leaves it open. Nil, the default, has the publisher make and close its own.
	//
	// What publishers share a Client may differ in all that is in their Configs, the
	// ProducerGroup among it. They share the fate of connections: one that is taken for
	// dead is closed for all of them, and requests of one may wait for those of others
	// to be written. Log lines about connections and routes are the Client's. Check-backs
	// of transactions go to the publisher of their producer group; of several that have the
	// same, to the one that has the transaction open, or else to one with a
	// Transaction.Check.
	Client *rocketmq.Client

	// ProducerGroup names this kind of producer to the brokers: the name of the
	// program, as a rule, or of its part. It is a fixed name, the same for all of its
	// processes, and not made up per process: brokers keep a record of each group they
	// have heard of. DefaultProducerGroup, the default, is shared by all programs that set
	// none: consoles and mqadmin (producerConnection) show them as one, and brokers cannot
	// be told to let one in and not the other. New says so in a log line.
	//
	// With Transaction.Check it is required, and has to be a name of the program's
	// own: the same for all of its processes, and nobody else's. A broker asks any
	// producer of the group about a transaction, and one that looks into another
	// database would have committed messages rolled back.
	ProducerGroup string

	// What becomes of a message.

	// Marshaler turns a Watermill message into a RocketMQ message.
	// marshaler.Default by default. It is called by many goroutines at once.
	Marshaler marshaler.Marshaler

	// Topics maps Watermill topic names to RocketMQ's, whose alphabet is small.
	// marshaler.EscapeTopics by default; marshaler.PlainTopics switches the
	// mapping off, and marshaler.DotTopics and marshaler.NewTopicTable make names to be
	// shared with programs in other languages. An EscapeTopics is told of Cluster.Namespace.
	// A log line tells once of each topic that brokers know by another name, and TopicName
	// returns it.
	Topics marshaler.TopicMapper

	// Compression of message bodies.
	Compression CompressionConfig

	// MaxPropertiesSize is the most bytes of a message's properties string:
	// metadata, UUID, unique id and the names around them. 32000 by default,
	// which leaves the broker 767 bytes for what it adds; at most 32767, where
	// brokers refuse (MessageExtEncoder, 5.5.0). A message with more metadata is
	// refused before sending.
	MaxPropertiesSize int

	// MaxMessageSize is the most bytes of a body, as sent: after compression.
	// 4 MiB by default, the broker's own default (maxMessageSize of
	// MessageStoreConfig, 5.5.0). A larger message is refused before sending, with
	// a *MessageTooLargeError. A timer message has 1 KiB less for body and
	// properties together: brokers take a larger one and never deliver it. A delayed
	// message that is larger gets a delay level, if there is one.
	MaxMessageSize int

	// OrderingKey returns the ordering key of a message, empty for a message that
	// has none. Nil, the default, is for messages that all have none. It is
	// called by many goroutines at once. An error refuses the message.
	//
	// It is asked about every message of the Publisher. A delayed message has no
	// order in RocketMQ: it stands in its queue as its time comes. So it goes
	// without the key that it is given here, to any queue, and a debug line tells
	// (one in 30 s for each topic): what DelayOnError, delay.NewPublisher or a
	// poison queue publishes is not held up. A message in a transaction has no order
	// either and is refused with a *CombinationError, so for those of
	// BeginTransaction or an outbox it has to return "". A second Publisher for
	// them, without OrderingKey, does as well.
	//
	// It has to return the same for the same message each time: an error of it is
	// ErrPermanent. Only a message that a poison queue or a requeuer publishes
	// (metadata reason_poisoned or _watermill_requeuer_retries) then goes without a
	// key instead: it may have failed for want of what its key is made of.
	//
	// All messages of a key go to one queue: the one that the Java client's
	// SelectMessageQueueByHash picks, unless Queues says otherwise. A queue that keys go to has one request
	// under way, so the messages of a key are stored in the order in which they
	// were handed over: in the order of one Publish call, and those of a call
	// before those of a call that began after it had returned. A message that
	// fails holds up those behind it until it is stored or given up; then they
	// are sent as if it had not been there. docs/guarantees.md says what may break the
	// order.
	//
	// The key is also stored in the property __SHARDINGKEY, so it has to be a
	// legal property value.
	OrderingKey func(topic string, msg *message.Message) (string, error)

	// Queues says which of a topic's queues a message goes to.
	Queues QueuesConfig

	// Delay says how long messages may be delayed, and what becomes of delays that
	// brokers before 5.0.0 do not know.
	Delay DelayConfig

	// Transaction sets up transactions, see Publisher.BeginTransaction. They need a
	// ProducerGroup of the program's own.
	Transaction TransactionConfig

	// How long, and what if it fails.

	// SendTimeout bounds a Publish call: all attempts for all of its messages,
	// and the wait for its turn before. A message's context bounds that message
	// as well. 3 s by default, as the Java client has it, so that who waits for Publish
	// hears soon.
	//
	// In a router nobody waits but the message that is handled, and an error has it done
	// all over, by Retry, or by the subscriber after a pause. There a minute is better: it
	// bridges the restart of a broker, and the handler does not run again for it. It has
	// to be shorter than what the source gives a handler: subscriber.Config.MaxProcessing
	// (1 h), the ack deadline of another Pub/Sub, or the middleware Timeout, whose context
	// ends Publish. And Close waits no longer than CloseTimeout for it.
	SendTimeout time.Duration

	// AttemptTimeout bounds one attempt within SendTimeout. 2 s by default, so
	// that there is time left to try another broker when one hangs. For the same
	// reason an attempt gets at most two thirds of the time that its message has
	// left (but 100 ms), as long as the topic has another broker that is well and
	// has not failed the message. An attempt that runs out of time may have stored
	// the message, so a retry after it may store it twice, under the same message
	// id. If its request has waited for three quarters of AttemptTimeout (of
	// SendTimeout, if that is less; at most 2 s) without a byte from the broker, the
	// next attempt has a new connection.
	AttemptTimeout time.Duration

	// Backoff is the pause between attempts.
	Backoff BackoffConfig

	// Avoidance keeps messages away from brokers that were slow or failed.
	Avoidance AvoidanceConfig

	// RequireDurable makes a failure of the answers FLUSH_DISK_TIMEOUT,
	// FLUSH_SLAVE_TIMEOUT and SLAVE_NOT_AVAILABLE: the error is a *NotDurableError,
	// and the outcome Stored. By default they are successes, as with the Java
	// client: the broker has the message, though it is not yet on disk or on a
	// replica as the broker's configuration asks for. Result.Status and
	// AttemptEvent.Status have the answer, and a log line tells of it, one in 30 s
	// for each broker.
	//
	// A Watermill router takes an error for a request to do it all again, so with
	// RequireDurable the message is stored once more each time that its handler
	// runs, for as long as the broker answers so.
	RequireDurable bool

	// CloseTimeout bounds how long Close waits for Publish calls to end by
	// themselves. 10 s by default.
	CloseTimeout time.Duration

	// How much at once.

	// Batch limits how messages share requests.
	Batch BatchConfig

	// Waiting bounds what all Publish calls together hold in memory. At the limit
	// further calls wait, in the order of coming, for as long as SendTimeout and
	// their messages' contexts allow; PublishAsync returns ErrWaitingFull.
	Waiting WaitingConfig

	// What is told of it.

	// OnResult is told what became of each message, once. For Publish and
	// PublishOneway it runs on the goroutine that publishes, before the call
	// returns, so many may run at once, and the call waits for it. For
	// PublishAsync it runs on a goroutine of the publisher, for one result after
	// the other; messages count as waiting (see Waiting) until it has returned. It
	// must not call Close or Flush. For asynchronous messages it should not call
	// Publish either, which may wait for room that only its own return gives back;
	// PublishAsync it may call.
	OnResult func(Result)

	// Hooks are called for messages, requests, retries, connections and routes. Of several
	// each is called in its turn, and a hook that returns a context gets the one that the
	// hook before it has returned.
	Hooks []Hooks

	// Trace tells where each message has gone, for RocketMQ's own tools.
	Trace TraceConfig

	// Topics that do not exist.

	// AutoCreate says how brokers that may create topics are asked to.
	AutoCreate topics.AutoCreate

	// CreateTopics lets the publisher create topics that do not exist.
	CreateTopics topics.Config
}

// stallTimeout is how long requests wait on a connection without a sign of life
// before it is replaced. An attempt that runs out of time has to bring that much
// evidence, so that the next one does not go into the same silence. What the attempt
// spends before its request is written, on route, connection and credentials, is no
// evidence: a quarter of its time is left for that.
func (c *Config) stallTimeout() time.Duration {
	const most = 2 * time.Second
	return min(most, max(1, min(c.AttemptTimeout, c.SendTimeout)/4*3))
}

func (c *Config) setDefaults() {
	if c.Client != nil {
		c.Cluster = c.Client.Cluster()
	}
	c.Cluster = c.Cluster.WithDefaults()
	setDefault(&c.ProducerGroup, DefaultProducerGroup)
	if c.Marshaler == nil {
		c.Marshaler = marshaler.Default{}
	}
	if c.Topics == nil {
		c.Topics = marshaler.EscapeTopics{}
	}
	c.Topics = topicname.InNamespace(c.Topics, c.Cluster.Namespace)
	setDefault(&c.Compression.Codec, Zlib)
	setDefault(&c.Compression.Threshold, 4096)
	setDefault(&c.MaxPropertiesSize, marshaler.DefaultMaxPropertiesSize)
	setDefault(&c.MaxMessageSize, 4<<20)
	c.Queues.setDefaults()
	setDefault(&c.SendTimeout, 3*time.Second)
	setDefault(&c.AttemptTimeout, 2*time.Second)
	setDefault(&c.Backoff.Max, time.Second)
	setDefault(&c.Backoff.Min, max(0, min(10*time.Millisecond, c.Backoff.Max)))
	setDefault(&c.Avoidance.SlowAfter, 550*time.Millisecond)
	setDefault(&c.Avoidance.FailedFor, 10*time.Second)
	c.Delay.setDefaults()
	setDefault(&c.Batch.MaxMessages, 1024)
	if c.MaxMessageSize > 0 {
		setDefault(&c.Batch.MaxBytes, min(1<<20, c.MaxMessageSize))
	}
	setDefault(&c.Waiting.Messages, 1<<16)
	setDefault(&c.Waiting.Bytes, 64<<20)
	setDefault(&c.Trace.Topic, DefaultTraceTopic)
	setDefault(&c.Trace.Waiting, 1<<16)
	setDefault(&c.AutoCreate.DefaultTopic, routing.DefaultTopic)
	setDefault(&c.AutoCreate.Queues, 4)
	c.CreateTopics = c.CreateTopics.WithDefaults()
	setDefault(&c.CloseTimeout, 10*time.Second)
	c.Transaction.setDefaults()
}
