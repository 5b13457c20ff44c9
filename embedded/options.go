package embedded

import (
	"crypto/tls"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/access"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/addresses"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/names"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/store"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/store/commitlog"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/store/consumequeue"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/store/folder"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/transactions"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

// ErrOptions is in the error of Start for options that are wrong.
var ErrOptions = errors.New("embedded: options")

// Option sets up a Cluster.
type Option func(*config)

type topicSpec struct {
	name   string
	queues int
}

type config struct {
	inMemory          bool
	nameServerAddrs   []string
	brokerAddrs       []string
	advertised        addresses.Advertised
	nameServers       int
	brokers           int
	topics            []topicSpec
	autoCreate        bool
	version           headers.Version
	binaryAnswers     bool
	maxMessageSize    int
	tls               *tls.Config
	tlsRequired       bool
	acl               bool
	users             []User
	idleTimeout       time.Duration
	retention         int
	maxBytes          int64
	dir               string
	syncFlush         bool
	syncFlushTimeout  time.Duration
	commitLogFileSize int64
	queueFileSize     int64
	indexSlots        int
	indexEntries      int
	limits            store.Limits
	openFile          commitlog.Opener // nil for those of the system
	pollScan          time.Duration
	delayLevels       []time.Duration
	maxDelay          time.Duration
	withoutTimers     bool
	recall            bool
	vipPort           bool
	orderTopics       map[string]string
	reviveLag         time.Duration
	popKV             bool
	retryTopicV2      bool
	noGroups          bool
	dropReplies       bool
	propertyFilter    bool

	transactionCheck transactions.Check
}

func defaults() config {
	return config{
		nameServers:    1,
		brokers:        1,
		autoCreate:     true,
		version:        headers.Version5_5_0,
		maxMessageSize: 4 << 20,           // MessageStoreConfig.maxMessageSize
		idleTimeout:    120 * time.Second, // NettyServerConfig.serverChannelMaxIdleTimeSeconds

		transactionCheck: transactions.DefaultCheck(),
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

// WithBrokerAddr fixes the addresses that brokers listen on, in the order of their names.
// Without it they are on free ports of 127.0.0.1.
func WithBrokerAddr(addrs ...string) Option {
	return func(c *config) { c.brokerAddrs = append(c.brokerAddrs, addrs...) }
}

// WithAdvertisedAddr has clients told other addresses of brokers than those they listen on,
// which a container is in front of: one host for all brokers (brokerIP1), or for each a host
// or a host and a port. The default port is the one that the broker listens on, the default
// host of all addresses 127.0.0.1. Start fails for a name that has no address.
func WithAdvertisedAddr(addrs ...string) Option {
	return func(c *config) { c.advertised = append(c.advertised, addrs...) }
}

// WithNameServers sets the number of name servers, 1 by default.
func WithNameServers(n int) Option { return func(c *config) { c.nameServers = n } }

// WithBrokers sets the number of brokers, 1 by default. They are called
// broker-a, broker-b and so on, and each is a master.
func WithBrokers(n int) Option { return func(c *config) { c.brokers = n } }

// WithTopic creates a topic on every broker, with as many queues on each. One that a folder has,
// see Dir, stays as it is.
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

// DefaultMaxBytes is how many bytes of messages a broker keeps unless WithMaxBytes says
// otherwise: 256 MiB.
const DefaultMaxBytes = 256 << 20

// WithMaxBytes sets how many bytes of messages each broker keeps, with properties and what
// else belongs to a record. When there are more the oldest of all topics go, some at a time,
// which moves the minimum offsets of their queues. In memory the default is DefaultMaxBytes.
// In a folder there is no limit by default, but files of the log that nothing was written to
// for 72 h go all the same (fileReservedTime); whole files go, and the last one stays.
func WithMaxBytes(n int64) Option { return func(c *config) { c.maxBytes = n } }

// Dir keeps messages, topics, groups and offsets in a folder, in the files of a real broker:
// what a cluster had stored is there when the next one is started with the folder, also
// after a crash of the process. A real broker of 4.9 or 5.x opens it as its storePathRootDir
// once the cluster was closed, and the other way round. Of several brokers each has a folder
// of its own in it, by its name.
//
// An answer to a send says that the operating system has the message, which a crash of the
// process does not take away; see WithSyncFlush. As with real brokers offsets of groups are
// written every 5 s, so that after a crash messages come again. Start fails if somebody else
// has the folder open. A testing/synctest bubble cannot have a folder.
func Dir(dir string) Option { return func(c *config) { c.dir = dir } }

// WithSyncFlush has brokers with Dir answer a send when the message is on the disk
// (flushDiskType=SYNC_FLUSH). Sends that wait share a flush. Those with the property
// WAIT=false are answered before.
func WithSyncFlush() Option { return func(c *config) { c.syncFlush = true } }

// WithSyncFlushTimeout sets how long a send waits for the disk with WithSyncFlush, 0 for the
// default of 5 s (syncFlushTimeout). Then it is answered with FLUSH_DISK_TIMEOUT: the operating
// system has the message, and consumers get it when it is on the disk. It is lost if the
// machine crashes before, or if the disk fails then.
func WithSyncFlushTimeout(d time.Duration) Option {
	return func(c *config) { c.syncFlushTimeout = d }
}

// WithCommitLogFileSize sets how long the files of the log are with Dir
// (mappedFileSizeCommitLog), a multiple of 4096. The default is RocketMQ's, 1 GiB, of which only
// what was written takes room on the disk. A folder that has files goes on with their size.
func WithCommitLogFileSize(bytes int64) Option {
	return func(c *config) { c.commitLogFileSize = bytes }
}

// WithConsumeQueueFileSize sets how long the files of queues are that a cluster with Dir leaves
// behind (mappedFileSizeConsumeQueue), a multiple of 20, 6,000,000 by default. A real broker
// needs the same setting, and so for WithIndexFileSize.
func WithConsumeQueueFileSize(n int64) Option { return func(c *config) { c.queueFileSize = n } }

// WithIndexFileSize sets how many slots and entries the files of the index have (maxHashSlotNum
// and maxIndexNum), 5,000,000 and 20,000,000 by default.
func WithIndexFileSize(slots, entries int) Option {
	return func(c *config) { c.indexSlots, c.indexEntries = slots, entries }
}

// WithDiskLimits has brokers with Dir look every 5 s how much of the disk is used. Above the
// part clean the oldest files of the log go, up to ten in a look, whatever their age; the last
// one stays. Above the part full sends are refused with SERVICE_NOT_AVAILABLE, until a look
// finds no more than clean. RocketMQ's are 0.85 and 0.9 (diskSpaceCleanForciblyRatio and
// diskSpaceWarningLevelRatio). The default is not to look, as the disk of a developer is often
// fuller than that. Start fails where the system does not tell.
func WithDiskLimits(clean, full float64) Option {
	return func(c *config) { c.limits = store.Limits{Clean: clean, Full: full, Usage: folder.Usage} }
}

// WithRetention keeps the newest n messages of each queue and drops older ones,
// which moves the queue's minimum offset. By default the newest of all queues are
// kept, see WithMaxBytes.
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
	return func(c *config) {
		c.transactionCheck = transactions.Check{Timeout: timeout, Interval: interval, Most: checks}
	}
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

// WithPropertyFilter lets consumers select messages by an expression over their properties
// when they pull (enablePropertyFilter=true), with SQL92 as the type of the expression. By
// default they are refused, as by RocketMQ. Pops may have such expressions anyway.
func WithPropertyFilter() Option { return func(c *config) { c.propertyFilter = true } }

// WithoutStoredReplies has brokers hand replies on without storing them
// (storeReplyMessageEnable=false).
func WithoutStoredReplies() Option { return func(c *config) { c.dropReplies = true } }

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
	check(len(c.brokerAddrs) > c.brokers, "%d broker addresses for %d brokers", len(c.brokerAddrs), c.brokers)
	check(c.inMemory && len(c.advertised) > 0, "an advertised address in memory, where nobody listens")
	faults = append(faults, c.advertised.Check(c.brokers), access.CheckUsers(c.users, c.version))
	check(c.version < 1 || c.version > math.MaxInt16, "version %d", c.version)
	check(c.maxMessageSize < 1, "maximal message size %d", c.maxMessageSize)
	check(c.tlsRequired && c.tls == nil, "TLS is required but not set up, see WithTLS")
	check(c.idleTimeout <= 0, "idle timeout %v", c.idleTimeout)
	check(c.maxBytes < 0, "%d bytes of messages", c.maxBytes)
	check(c.syncFlush && c.dir == "", "sync flush without a folder, see Dir")
	check(c.syncFlushTimeout < 0 || c.syncFlushTimeout > 0 && !c.syncFlush, "sync flush time-out of %v without WithSyncFlush", c.syncFlushTimeout)
	check(c.commitLogFileSize < 0 || c.commitLogFileSize%commitlog.PageSize != 0 || c.commitLogFileSize > 0 && c.dir == "",
		"commit log files of %d bytes, want a multiple of %d, in a folder", c.commitLogFileSize, commitlog.PageSize)
	check(c.queueFileSize < 0 || c.queueFileSize%consumequeue.UnitSize != 0 || c.queueFileSize > 0 && c.dir == "",
		"consume queue files of %d bytes, want a multiple of %d, in a folder", c.queueFileSize, consumequeue.UnitSize)
	check(c.indexSlots < 0 || c.indexEntries < 0 || c.indexEntries == 1 || (c.indexSlots == 0) != (c.indexEntries == 0) || c.indexSlots > 0 && c.dir == "",
		"index files of %d slots and %d entries, want at least 1 and 2, in a folder", c.indexSlots, c.indexEntries)
	check(c.limits.Usage != nil && (c.limits.Clean <= 0 || c.limits.Full < c.limits.Clean || c.limits.Full > 1 || c.dir == ""),
		"disk limits of %v and %v, want parts of 1 that do not go down, in a folder", c.limits.Clean, c.limits.Full)
	check(c.retention < 0, "retention of %d messages", c.retention)
	check(c.pollScan < 0, "poll scan of %v", c.pollScan)
	check(c.transactionCheck.Timeout < 0 || c.transactionCheck.Interval <= 0 || c.transactionCheck.Most < 1,
		"transaction check after %v, every %v, %d times", c.transactionCheck.Timeout, c.transactionCheck.Interval, c.transactionCheck.Most)
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
		return fmt.Errorf("%w: %w", ErrOptions, err)
	}
	return nil
}
