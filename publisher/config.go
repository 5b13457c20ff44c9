package publisher

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"math"
	"net"
	"strings"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/body"
	"github.com/watermill-rocketmq/watermill-rocketmq/marshaler"
	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
)

// DefaultProducerGroup is the producer group of a Publisher that was given none.
const DefaultProducerGroup = "watermill_producer"

// Config sets up a Publisher. NameServers, or Resolver in its place, is the one
// field that must be set; the zero value of each other field stands for its
// default. Durations are ordinary Go durations, sizes are bytes.
type Config struct {
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
	ProducerGroup string

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

	// OrderingKey returns the ordering key of a message, empty for a message that
	// has none. Nil, the default, is for messages that all have none. It is
	// called by many goroutines at once. An error refuses the message.
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

	// Batch limits how messages share requests.
	Batch BatchConfig

	// Waiting bounds what all Publish calls together hold in memory. At the limit
	// further calls wait, in the order of coming, for as long as SendTimeout and
	// their messages' contexts allow; PublishAsync returns ErrWaitingFull.
	Waiting WaitingConfig

	// AcceptNotDurable takes the answers FLUSH_DISK_TIMEOUT,
	// FLUSH_SLAVE_TIMEOUT and SLAVE_NOT_AVAILABLE for success, as the Java
	// client does. By default Publish returns a *NotDurableError for them: the
	// broker has the message, but it is not yet on disk or on a replica.
	AcceptNotDurable bool

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

	// Transaction sets up transactions, see Publisher.BeginTransaction.
	Transaction TransactionConfig

	// AutoCreate says how brokers that may create topics are asked to.
	AutoCreate AutoCreateConfig

	// UnitMode is the request field of that name, used by brokers that are
	// deployed in units.
	UnitMode bool

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

	// VIPChannel sends messages to a second port that brokers have, two below the
	// one they register, where no consumers are served (vipChannelEnabled of the
	// Java client). Heartbeats still go to the first. Proxies have no such port.
	VIPChannel bool

	// Dial opens connections; net.Dialer's DialContext by default. An embedded
	// cluster, a proxy or a test network goes here.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)

	// TLS turns TLS on for name servers and brokers. Certificates are verified:
	// where ServerName is empty, for the host of the address. Certificates in it
	// are shown to servers that ask for one (mutual TLS). A message that cannot be
	// sent for a certificate fails at once, with a *CertificateError. It must not
	// be changed once New has it.
	TLS *tls.Config

	// Credentials sign every request, to brokers and name servers. Nil, the
	// default, signs none. NewCredentials is for a user who stays the same, a
	// provider of your own for keys that change. A message that the access
	// control of a broker turns away fails at once, with an *AuthenticationError,
	// a *PermissionError or, where the broker does not say which, an *AccessError.
	Credentials CredentialsProvider

	// Headers chooses how request headers are written: BinaryHeaders (default)
	// or JSONHeaders. Every broker since 4.9 reads both.
	Headers HeaderFormat

	// DialTimeout bounds a dial with its TLS handshake. 3 s by default.
	DialTimeout time.Duration

	// HeartbeatInterval is the time between two heartbeats to each broker. 30 s
	// by default, as in the Java client. Brokers close a connection that was
	// silent for 120 s.
	HeartbeatInterval time.Duration

	// RouteRefreshInterval is the time between two looks at each topic's route.
	// 30 s by default, as in the Java client. A failing broker makes the
	// publisher look at once.
	RouteRefreshInterval time.Duration

	// CloseTimeout bounds how long Close waits for Publish calls to end by
	// themselves. 10 s by default.
	CloseTimeout time.Duration
}

// CompressionConfig says which bodies are compressed, and how. A body is sent as
// it is when compression would not make it smaller.
type CompressionConfig struct {
	// Codec is Zlib, LZ4, Zstd or NoCompression. Zlib by default: consumers
	// that use rocketmq-client-go read nothing else, and Java consumers from
	// before 4.9.4 lose such messages without an error.
	Codec Compression
	// Level is 1, the fastest, to 9. By default it is 5 for Zlib and Zstd, as in
	// the Java client, and for LZ4 its fast mode, which is below level 1.
	Level int
	// Threshold is the size from which bodies are compressed. 4096 by default,
	// as in the Java client (compressMsgBodyOverHowmuch).
	Threshold int
}

// Compression names a codec.
type Compression string

// The codecs a CompressionConfig may name.
const (
	Zlib          Compression = "zlib"
	LZ4           Compression = "lz4"
	Zstd          Compression = "zstd"
	NoCompression Compression = "none"
)

// BackoffConfig is a pause that grows: about Min after the first failed attempt,
// doubling until Max. Each pause is drawn from the upper half of its length, so
// that many publishers do not come back at one moment.
type BackoffConfig struct {
	// Min is 10 ms by default, or Max if that is less.
	Min time.Duration
	// Max is 1 s by default.
	Max time.Duration
}

// AvoidanceConfig says which brokers get no messages for a while, of any topic of
// the publisher, because others were slow to be stored there or failed. It is what
// the Java client has as sendLatencyFaultEnable (MQFaultStrategy, 5.5.0), where it
// is off by default.
//
// Avoidance is a preference. A topic whose brokers all ail is published as if none
// did, but for those that do not answer, if others do. When a broker's time is over
// one request tries it: if that is stored, the broker is used as before. Messages
// with an ordering key belong to one queue and go to its broker, however it fares.
type AvoidanceConfig struct {
	// Off switches it off: each message may go to any broker that has not failed
	// that message.
	Off bool
	// SlowAfter is the latency from which a broker counts as slow. It is then
	// avoided for 2 s, and for longer if it was slower, up to 30 s for 15 s. 550 ms
	// by default. These are the Java client's steps.
	SlowAfter time.Duration
	// FailedFor is how long a broker is avoided that could not be reached, did
	// not answer, or takes no messages: read-only, busy, full, or shutting down. As
	// much is added each time that it fails again, up to three times. 10 s by
	// default, as in the Java client.
	FailedFor time.Duration
}

// BatchConfig limits how many messages share a request. A message never waits for
// others to come: what is sent together has gathered while an earlier request to
// the topic was under way, or came in one Publish call. Linger changes that.
type BatchConfig struct {
	// MaxMessages is the most messages of a request, 1024 by default. 1 sends
	// every message by itself.
	MaxMessages int
	// MaxBytes is the most bytes of bodies and properties in a request. 1 MiB by
	// default, or MaxMessageSize if that is less, which it may not exceed: the
	// broker holds a batch to the same limit as a message. A larger message is
	// sent by itself.
	MaxBytes int
	// Linger lets messages wait that long for others to come, unless they fill a
	// request already. 0 by default, and hardly ever of use: it adds to the
	// latency of every message.
	Linger time.Duration
}

// WaitingConfig bounds the messages that are not yet published. A call that is
// over a limit by itself goes on when it is alone.
type WaitingConfig struct {
	// Messages is 65536 by default.
	Messages int
	// Bytes of payload, UUID and metadata. 64 MiB by default.
	Bytes int
}

// TraceConfig switches on message trace: a record of each message that a broker has
// stored is sent to a topic of its own, where mqadmin queryMsgTraceById and the
// consoles find it by message id and key (the Pub records of the Java client's
// enableMsgTrace, 5.5.0). Messages that failed or were sent one-way have none, nor
// have those that a broker answers with TRACE_ON=false, nor those to the trace
// topic.
//
// Traces never hold up a message or make it fail. They are gathered for a second and
// sent by a goroutine of their own over connections of their own, under the producer
// group _INNER_TRACE_PRODUCER-<ProducerGroup>-PRODUCE-1. Those that find no room or
// cannot be sent within 5 s are lost: Hooks.TracesDropped is told of each loss, and a
// log line at most once a minute.
type TraceConfig struct {
	// Enabled switches it on.
	Enabled bool
	// Topic is DefaultTraceTopic by default, which brokers have if they are
	// configured with traceTopicEnable.
	Topic string
	// Waiting is the most records that are kept until they are sent, some 200
	// bytes each; 65536 by default.
	Waiting int
}

// AutoCreateConfig goes with every send: a broker with autoCreateTopicEnable
// makes an unknown topic after this model.
type AutoCreateConfig struct {
	// DefaultTopic is the topic whose settings are copied. TBW102 by default,
	// which every broker that may create topics has.
	DefaultTopic string
	// Queues is the number of queues of a new topic on each broker. 4 by
	// default, as in the Java client; brokers give at most what DefaultTopic
	// has, 8 unless configured.
	Queues int
}

// HeaderFormat is how request headers are written.
type HeaderFormat string

// The header formats.
const (
	BinaryHeaders HeaderFormat = "binary"
	JSONHeaders   HeaderFormat = "json"
)

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
	setDefault(&c.Backoff.Min, min(10*time.Millisecond, c.Backoff.Max))
	setDefault(&c.Avoidance.SlowAfter, 550*time.Millisecond)
	setDefault(&c.Avoidance.FailedFor, 10*time.Second)
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
	setDefault(&c.Headers, BinaryHeaders)
	setDefault(&c.DialTimeout, 3*time.Second)
	setDefault(&c.HeartbeatInterval, 30*time.Second)
	setDefault(&c.RouteRefreshInterval, 30*time.Second)
	setDefault(&c.CloseTimeout, 10*time.Second)
	c.Transaction.setDefaults()
}

// maxGroupLength is what brokers since 5.4.0 take, so that the names of retry
// topics made from the group still fit (TopicValidator.GROUP_MAX_LENGTH).
const maxGroupLength = 120

// Validate reports everything that is wrong with the configuration, each fault
// with the name of its field. Zero values are no faults: they stand for defaults.
func (c Config) Validate() error {
	c.setDefaults()
	var faults []error
	fault := func(format string, args ...any) {
		faults = append(faults, fmt.Errorf(format, args...))
	}
	names := routing.Config{NameServers: c.NameServers, Resolver: c.Resolver, ResolveInterval: c.ResolveInterval}
	if err := names.Validate(); err != nil {
		faults = append(faults, err)
	}
	c.checkNamespaces(fault)
	if group := wrapNamespace(c.Namespace, c.ProducerGroup); !legalGroup(group) {
		fault("ProducerGroup is %q, want 1 to %d letters, digits and _-%%|", group, maxGroupLength)
	}
	if err := marshaler.CheckTopicName(c.AutoCreate.DefaultTopic); err != nil && !errors.Is(err, marshaler.ErrTopicReserved) {
		fault("AutoCreate.DefaultTopic: %w", err)
	}
	if err := marshaler.CheckTopicName(c.Trace.Topic); err != nil && !errors.Is(err, marshaler.ErrTopicReserved) {
		fault("Trace.Topic: %w", err)
	}
	if _, ok := codecs[c.Compression.Codec]; !ok && c.Compression.Codec != NoCompression {
		fault("Compression.Codec is %q, want zlib, lz4, zstd or none", c.Compression.Codec)
	}
	if err := c.checkCredentials(); err != nil {
		faults = append(faults, err)
	}
	if c.Headers != BinaryHeaders && c.Headers != JSONHeaders {
		fault("Headers is %q, want binary or json", c.Headers)
	}
	for _, n := range []struct {
		name         string
		value, least int
		most         int
	}{
		{"Compression.Level", c.Compression.Level, 0, 9},
		{"Compression.Threshold", c.Compression.Threshold, 1, 1 << 30},
		{"Batch.MaxMessages", c.Batch.MaxMessages, 1, 1 << 16},
		{"Batch.MaxBytes", c.Batch.MaxBytes, 0, headers.MaxFrameSize - 1<<16},
		{"Waiting.Messages", c.Waiting.Messages, 1, math.MaxInt},
		{"Waiting.Bytes", c.Waiting.Bytes, 1, math.MaxInt},
		{"Trace.Waiting", c.Trace.Waiting, 1, math.MaxInt},
		{"MaxPropertiesSize", c.MaxPropertiesSize, 1, headers.MaxPropertiesSize},
		{"MaxMessageSize", c.MaxMessageSize, 1, headers.MaxFrameSize - 1<<16},
		{"AutoCreate.Queues", c.AutoCreate.Queues, 1, 1 << 16},
	} {
		if n.value < n.least || n.value > n.most {
			fault("%s is %d, want %d to %d", n.name, n.value, n.least, n.most)
		}
	}
	for _, d := range []struct {
		name  string
		value time.Duration
	}{
		{"SendTimeout", c.SendTimeout},
		{"AttemptTimeout", c.AttemptTimeout},
		{"Backoff.Min", c.Backoff.Min},
		{"Backoff.Max", c.Backoff.Max},
		{"Avoidance.SlowAfter", c.Avoidance.SlowAfter},
		{"Avoidance.FailedFor", c.Avoidance.FailedFor},
		{"DialTimeout", c.DialTimeout},
		{"HeartbeatInterval", c.HeartbeatInterval},
		{"RouteRefreshInterval", c.RouteRefreshInterval},
		{"CloseTimeout", c.CloseTimeout},
		{"Batch.Linger", c.Batch.Linger},
	} {
		if d.value < 0 {
			fault("%s is %v, want 0 or more", d.name, d.value)
		}
	}
	if c.Batch.Linger >= c.SendTimeout {
		fault("Batch.Linger (%v) is not less than SendTimeout (%v)", c.Batch.Linger, c.SendTimeout)
	}
	if c.Batch.MaxBytes > c.MaxMessageSize {
		fault("Batch.MaxBytes (%d) is more than MaxMessageSize (%d)", c.Batch.MaxBytes, c.MaxMessageSize)
	}
	if err := c.Queues.validate(); err != nil {
		faults = append(faults, err)
	}
	if c.Backoff.Min > c.Backoff.Max {
		fault("Backoff.Min (%v) is more than Backoff.Max (%v)", c.Backoff.Min, c.Backoff.Max)
	}
	faults = append(faults, c.Transaction.faults(c.Topics)...)
	if err := errors.Join(faults...); err != nil {
		return fmt.Errorf("publisher: config: %w", err)
	}
	return nil
}

func legalGroup(group string) bool {
	for _, r := range group {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', strings.ContainsRune("_-%|", r):
		default:
			return false
		}
	}
	return len(group) <= maxGroupLength
}

func (c *Config) serialization() headers.Serialization {
	if c.Headers == JSONHeaders {
		return headers.JSON
	}
	return headers.Binary
}

// compressor returns nil for NoCompression.
func (c *Config) compressor() (*body.Compressor, error) {
	codec, ok := codecs[c.Compression.Codec]
	if !ok {
		return nil, nil
	}
	return body.NewCompressor(codec, c.Compression.Level)
}

var codecs = map[Compression]body.Compression{Zlib: body.Zlib, LZ4: body.LZ4, Zstd: body.Zstd}
