package publisher

import (
	"context"
	"crypto/tls"
	"net"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/watermill-rocketmq/watermill-rocketmq/marshaler"
	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
)

// DefaultProducerGroup is the producer group of a Publisher that was given none.
const DefaultProducerGroup = "watermill_producer"

// Config sets up a Publisher. NameServers, or Resolver in its place, must be
// set, and ProducerGroup for transactions; the zero value of each other field
// stands for its default. Durations are ordinary Go durations, sizes are bytes.
type Config struct {
	// Where the cluster is, and who we are to it.

	// NameServers are the addresses of the cluster's name servers, host:port.
	// They are equal; the first that answers is used until it fails. A name is
	// looked up at each dial, so that one that points elsewhere is followed when the
	// connection is lost. NAMESRV_ADDR and other variables of the environment are
	// not read.
	NameServers []string

	// Resolver finds the name servers in place of NameServers, which must be empty
	// then: routing.HTTPResolver asks an HTTP endpoint, as the Java client does,
	// routing.DNSResolver looks up all addresses of a name, and any other source is
	// a routing.ResolverFunc. A failure leaves the list that was last found.
	Resolver routing.Resolver

	// ResolveInterval is the time between two calls of the Resolver. 2 min by
	// default, as in the Java client. It is called earlier when no name server is
	// of use.
	ResolveInterval time.Duration

	// ProducerGroup names this kind of producer to the brokers. It is a fixed
	// name, DefaultProducerGroup by default, and not made up per process:
	// brokers keep a record of each group they have heard of.
	//
	// With Transaction.Check it is required, and has to be a name of the program's
	// own: the same for all of its processes, and nobody else's. A broker asks any
	// producer of the group about a transaction, and one that looks into another
	// database would have committed messages rolled back.
	ProducerGroup string

	// Namespace is put in front of topics and ProducerGroup for the brokers, as the
	// Java client's namespace (v1) is: the topic orders is <namespace>%orders
	// there, and has that name in consoles and in the errors of package routing.
	// Topics of RocketMQ's own and names that have the prefix already stay as they
	// are. The lengths that brokers allow are those of the whole name. Messages get
	// the property INSTANCE_ID; a Result has the topic without the namespace.
	Namespace string

	// NamespaceV2 is put into every request, as the Java client's namespaceV2 is
	// (5.2.0 and later; ext fields nsd and ns). Names stay as they are. It is for
	// servers that separate namespaces: Apache's brokers, up to 5.5.0 at least,
	// take the fields and have one topic of a name for all. Brokers of 4.x are
	// refused with an *UnsupportedError, before anything is sent.
	NamespaceV2 string

	// UnitMode is the request field of that name, used by brokers that are
	// deployed in units.
	UnitMode bool

	// VIPChannel sends messages to a second port that brokers have, two below the
	// one they register, where no consumers are served (vipChannelEnabled of the
	// Java client). Heartbeats still go to the first. Proxies have no such port.
	VIPChannel bool

	// How to get in.

	// Credentials sign every request, to brokers and name servers. Nil, the
	// default, signs none. NewCredentials is for a user who stays the same, a
	// provider of your own for keys that change. A message that the access
	// control of a broker turns away fails at once, with an *AuthenticationError,
	// a *PermissionError or, where the broker does not say which, an *AccessError.
	Credentials CredentialsProvider

	// TLS turns TLS on for name servers and brokers. Certificates are verified:
	// where ServerName is empty, for the host of the address. Certificates in it
	// are shown to servers that ask for one (mutual TLS). A message that cannot be
	// sent for a certificate fails at once, with a *CertificateError. It must not
	// be changed once New has it.
	TLS *tls.Config

	// Dial opens connections; net.Dialer's DialContext by default. An embedded
	// cluster, a proxy or a test network goes here.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)

	// DialTimeout bounds a dial with its TLS handshake. 3 s by default.
	DialTimeout time.Duration

	// What becomes of a message.

	// Marshaler turns a Watermill message into a RocketMQ message.
	// marshaler.Default by default. It is called by many goroutines at once.
	Marshaler marshaler.Marshaler

	// Topics maps Watermill topic names to RocketMQ's, whose alphabet is small.
	// marshaler.EscapeTopics by default; marshaler.PlainTopics switches the
	// mapping off.
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
	// properties together: brokers take a larger one and never deliver it.
	MaxMessageSize int

	// OrderingKey returns the ordering key of a message, empty for a message that
	// has none. Nil, the default, is for messages that all have none. It is
	// called by many goroutines at once. An error refuses the message.
	//
	// It is asked about every message of the Publisher, and RocketMQ keeps no order
	// for messages that are delayed or in a transaction: with a key they are refused
	// with a *CombinationError. So it has to return "" for those that have the
	// metadata delay.DelayedUntilKey, as DelayOnError and a requeuer set it, and for
	// those of BeginTransaction or an outbox. A second Publisher for them, without
	// OrderingKey, does as well.
	//
	// All messages of a key go to one queue: the one that the Java client's
	// SelectMessageQueueByHash picks, unless Queues says otherwise. A queue that keys go to has one request
	// under way, so the messages of a key are stored in the order in which they
	// were handed over: in the order of one Publish call, and those of a call
	// before those of a call that began after it had returned. A message that
	// fails holds up those behind it until it is stored or given up; then they
	// are sent as if it had not been there. See the README for what may break the
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
	// as well. 3 s by default. A publisher that is to bridge the restart of a
	// broker wants a minute.
	SendTimeout time.Duration

	// AttemptTimeout bounds one attempt within SendTimeout. 2 s by default, so
	// that there is time left to try another broker when one hangs. For the same
	// reason an attempt gets at most two thirds of the time that its message has
	// left (but 100 ms), as long as the topic has another broker that is well and
	// has not failed the message. An attempt that runs out of time may have stored
	// the message, so a retry after it may store it twice, under the same message
	// id.
	AttemptTimeout time.Duration

	// Backoff is the pause between attempts.
	Backoff BackoffConfig

	// Avoidance keeps messages away from brokers that were slow or failed.
	Avoidance AvoidanceConfig

	// AcceptNotDurable takes the answers FLUSH_DISK_TIMEOUT,
	// FLUSH_SLAVE_TIMEOUT and SLAVE_NOT_AVAILABLE for success, as the Java
	// client does. By default Publish returns a *NotDurableError for them: the
	// broker has the message, but it is not yet on disk or on a replica.
	AcceptNotDurable bool

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

	// Hooks are told of requests, retries, connections and routes.
	Hooks Hooks

	// Trace tells where each message has gone, for RocketMQ's own tools.
	Trace TraceConfig

	// Topics that do not exist.

	// AutoCreate says how brokers that may create topics are asked to.
	AutoCreate AutoCreateConfig

	// CreateTopics lets the publisher create topics that do not exist.
	CreateTopics CreateTopicsConfig

	// How it speaks with the servers.

	// Headers chooses how request headers are written: BinaryHeaders (default)
	// or JSONHeaders. Every broker since 4.9 reads both.
	Headers HeaderFormat

	// HeartbeatInterval is the time between two heartbeats to each broker. 30 s
	// by default, as in the Java client. Brokers close a connection that was
	// silent for 120 s.
	HeartbeatInterval time.Duration

	// RouteRefreshInterval is the time between two looks at each topic's route.
	// 30 s by default, as in the Java client. A failing broker makes the
	// publisher look at once.
	RouteRefreshInterval time.Duration
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

func (c *Config) setDefaults() {
	setDefault(&c.ProducerGroup, DefaultProducerGroup)
	if c.Marshaler == nil {
		c.Marshaler = marshaler.Default{}
	}
	if c.Topics == nil {
		c.Topics = marshaler.EscapeTopics{}
	}
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
	setDefault(&c.AutoCreate.DefaultTopic, "TBW102")
	setDefault(&c.AutoCreate.Queues, 4)
	c.CreateTopics.setDefaults()
	setDefault(&c.Headers, BinaryHeaders)
	setDefault(&c.DialTimeout, 3*time.Second)
	setDefault(&c.HeartbeatInterval, 30*time.Second)
	setDefault(&c.RouteRefreshInterval, 30*time.Second)
	setDefault(&c.CloseTimeout, 10*time.Second)
	c.Transaction.setDefaults()
}
