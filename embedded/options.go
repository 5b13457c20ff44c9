package embedded

import (
	"crypto/tls"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/access"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/names"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

// Option sets up a Cluster.
type Option func(*config)

type topicSpec struct {
	name   string
	queues int
}

type config struct {
	inMemory        bool
	nameServerAddrs []string
	nameServers     int
	brokers         int
	topics          []topicSpec
	autoCreate      bool
	version         headers.Version
	binaryAnswers   bool
	maxMessageSize  int
	tls             *tls.Config
	tlsRequired     bool
	acl             bool
	users           []User
	idleTimeout     time.Duration
	retention       int
	pollScan        time.Duration
	delayLevels     []time.Duration
	maxDelay        time.Duration
	withoutTimers   bool
	recall          bool
	vipPort         bool
	orderTopics     map[string]string
	reviveLag       time.Duration
	popKV           bool
	retryTopicV2    bool
	noGroups        bool

	transactionCheck transactionCheck
}

func defaults() config {
	return config{
		nameServers:    1,
		brokers:        1,
		autoCreate:     true,
		version:        headers.Version5_5_0,
		maxMessageSize: 4 << 20,           // MessageStoreConfig.maxMessageSize
		idleTimeout:    120 * time.Second, // NettyServerConfig.serverChannelMaxIdleTimeSeconds

		transactionCheck: defaultTransactionCheck,
		delayLevels:      headers.DelayLevels(),
		maxDelay:         3 * 24 * time.Hour, // MessageStoreConfig.timerMaxDelaySec
		reviveLag:        100 * time.Millisecond,
	}
}

// InMemory keeps the cluster off the network: there is no socket, and
// Cluster.Dial is the only way to it. Such a cluster waits on channels, timers
// and condition variables only, so that it works inside a testing/synctest
// bubble. Start it, dial it and close it in the same bubble.
//
// A client needs Cluster.Dial as well as the addresses, which read as those of
// servers on this machine: without it, it would call whoever is at 127.0.0.1:9876.
func InMemory() Option { return func(c *config) { c.inMemory = true } }

// WithNameServerAddr fixes the addresses of the name servers, in their order.
// Without it they are on free ports of 127.0.0.1, or on 127.0.0.1:9876 and the
// ports after it when the cluster is in memory.
func WithNameServerAddr(addrs ...string) Option {
	return func(c *config) { c.nameServerAddrs = append(c.nameServerAddrs, addrs...) }
}

// WithNameServers sets the number of name servers, 1 by default.
func WithNameServers(n int) Option { return func(c *config) { c.nameServers = n } }

// WithBrokers sets the number of brokers, 1 by default. They are called
// broker-a, broker-b and so on, and each is a master.
func WithBrokers(n int) Option { return func(c *config) { c.brokers = n } }

// WithTopic creates a topic on every broker, with as many queues on each.
func WithTopic(name string, queues int) Option {
	return func(c *config) { c.topics = append(c.topics, topicSpec{name, queues}) }
}

// WithOrderTopic gives a topic, which is not created by it, an order configuration
// at the name servers, such as "broker-b:3;broker-a:2": clients take it for the list
// of the topic's queues (orderMessageEnable and ORDER_TOPIC_CONFIG).
func WithOrderTopic(name, conf string) Option {
	return func(c *config) {
		if c.orderTopics == nil {
			c.orderTopics = make(map[string]string)
		}
		c.orderTopics[name] = conf
	}
}

// WithoutAutoCreateTopic makes brokers refuse sends to topics that do not exist
// (autoCreateTopicEnable=false), as is usual in production. There is then no
// topic TBW102.
func WithoutAutoCreateTopic() Option { return func(c *config) { c.autoCreate = false } }

// WithVersion makes the cluster behave like another RocketMQ version where the
// versions differ on the wire. The default is 5.5.0. See the package
// documentation.
func WithVersion(v headers.Version) Option { return func(c *config) { c.version = v } }

// WithBinaryAnswers makes all servers answer with binary headers, as 5.x does
// when started with rocketmq.serialize.type=ROCKETMQ. By default 5.x answers
// with JSON and 4.9 in the serialization of the request.
func WithBinaryAnswers() Option { return func(c *config) { c.binaryAnswers = true } }

// WithMaxMessageSize sets the largest body that a broker takes, 4 MiB by
// default.
func WithMaxMessageSize(n int) Option { return func(c *config) { c.maxMessageSize = n } }

// WithTLS makes all servers speak TLS to clients that begin with a TLS
// handshake, and go on in plain with others, as RocketMQ's permissive mode does.
// cfg needs a certificate. Its ClientAuth and ClientCAs ask for one of clients
// (mutual TLS, tls.server.need.client.auth).
func WithTLS(cfg *tls.Config) Option { return func(c *config) { c.tls = cfg } }

// WithTLSRequired closes connections that do not begin with a TLS handshake
// (tls.server.mode=enforcing). It needs WithTLS.
func WithTLSRequired() Option { return func(c *config) { c.tlsRequired = true } }

// WithIdleTimeout sets how long a connection may be without traffic either way
// before its server closes it. The default is RocketMQ's, 120 s.
func WithIdleTimeout(d time.Duration) Option { return func(c *config) { c.idleTimeout = d } }

// WithRetention keeps the newest n messages of each queue and drops older ones,
// which moves the queue's minimum offset. By default everything is kept until
// the cluster closes.
func WithRetention(n int) Option { return func(c *config) { c.retention = n } }

// WithPollScan makes a broker look for long polls whose time is up at every
// multiple of d only, as a real one does every 5 s: it then answers them late.
// By default they are answered when their time is up.
func WithPollScan(d time.Duration) Option { return func(c *config) { c.pollScan = d } }

// WithTransactionCheck sets when brokers ask producers what became of half
// messages: at every multiple of interval since Start, those that are older than
// timeout, and each at most the given number of times. After that the message
// goes to TRANS_CHECK_MAX_TIME_TOPIC. The default is RocketMQ's: 6 s, 30 s, 15
// checks. See also Broker.CheckTransactions.
func WithTransactionCheck(timeout, interval time.Duration, checks int) Option {
	return func(c *config) { c.transactionCheck = transactionCheck{timeout, interval, checks} }
}

// WithDelayLevels sets the delays that the levels 1, 2 and so on stand for
// (messageDelayLevel). The default is RocketMQ's table of 18 levels, from 1 s to
// 2 h.
func WithDelayLevels(levels ...time.Duration) Option {
	return func(c *config) { c.delayLevels = slices.Clone(levels) }
}

// WithMaxDelay sets how far ahead the time of a timer message may be
// (timerMaxDelaySec). The default is RocketMQ's, 3 days.
func WithMaxDelay(d time.Duration) Option { return func(c *config) { c.maxDelay = d } }

// WithoutTimers makes brokers refuse timer messages (timerWheelEnable=false).
func WithoutTimers() Option { return func(c *config) { c.withoutTimers = true } }

// WithRecall lets clients recall timer messages (recallMessageEnable=true), which
// RocketMQ forbids by default. It has a meaning from 5.3.3 on.
func WithRecall() Option { return func(c *config) { c.recall = true } }

// WithReviveLag sets how long after its invisible time is over a popped message is
// delivered again. Until then an acknowledgement still counts. Real brokers take 2 to 5 s
// for it, whatever time was asked for, or half a second with popConsumerKVServiceEnable.
// The default is 0.1 s, so that tests of messages that are not acknowledged need not
// wait as long as users have to.
func WithReviveLag(d time.Duration) Option { return func(c *config) { c.reviveLag = d } }

// WithPopKV has brokers keep pops as those with popConsumerKVServiceEnable do, which
// exists from 5.3.2 on: there is one revive queue, number 0, offsets are committed behind
// the position of pops, and a group that is popped from is locked as a whole, see
// Contended.
func WithPopKV() Option { return func(c *config) { c.popKV = true } }

// WithRetryTopicV2 has brokers put messages that are popped and not acknowledged into
// %RETRY%group+topic instead of %RETRY%group_topic, which they still read
// (enableRetryTopicV2, from 5.2.0 on).
func WithRetryTopicV2() Option { return func(c *config) { c.retryTopicV2 = true } }

// WithoutAutoCreateGroup makes brokers refuse consumer groups that were not created
// before (autoCreateSubscriptionGroup=false).
func WithoutAutoCreateGroup() Option { return func(c *config) { c.noGroups = true } }

func (c *config) validate() error {
	var faults []error
	check := func(bad bool, format string, args ...any) {
		if bad {
			faults = append(faults, fmt.Errorf(format, args...))
		}
	}
	check(c.brokers < 1 || c.brokers > 26, "%d brokers, want 1 to 26", c.brokers)
	check(c.nameServers < 1, "%d name servers, want at least 1", c.nameServers)
	check(len(c.nameServerAddrs) > c.nameServers, "%d name server addresses for %d name servers", len(c.nameServerAddrs), c.nameServers)
	check(c.version < 1 || c.version > math.MaxInt16, "version %d", c.version)
	check(c.maxMessageSize < 1, "maximal message size %d", c.maxMessageSize)
	check(c.tlsRequired && c.tls == nil, "TLS is required but not set up, see WithTLS")
	if err := access.CheckUsers(c.users, c.version); err != nil {
		faults = append(faults, err)
	}
	check(c.idleTimeout <= 0, "idle timeout %v", c.idleTimeout)
	check(c.retention < 0, "retention of %d messages", c.retention)
	check(c.pollScan < 0, "poll scan of %v", c.pollScan)
	check(c.transactionCheck.timeout < 0 || c.transactionCheck.interval <= 0 || c.transactionCheck.most < 1,
		"transaction check after %v, every %v, %d times", c.transactionCheck.timeout, c.transactionCheck.interval, c.transactionCheck.most)
	check(c.reviveLag < 0, "revive lag of %v", c.reviveLag)
	check(c.maxDelay < 0, "maximal delay of %v", c.maxDelay)
	check(len(c.delayLevels) == 0, "no delay levels")
	for i, d := range c.delayLevels {
		check(d <= 0, "delay level %d of %v", i+1, d)
	}
	for _, t := range c.topics {
		remark := names.Fault(t.name)
		check(remark != "", "topic %q: %s", t.name, remark)
		check(t.queues < 1 || t.queues > math.MaxInt32, "topic %q with %d queues", t.name, t.queues)
	}
	if err := errors.Join(faults...); err != nil {
		return fmt.Errorf("embedded: options: %w", err)
	}
	return nil
}
