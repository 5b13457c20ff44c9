package embedded

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/access"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/addresses"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/clock"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/intercept"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/kvconfig"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/memnet"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/sockets"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/versions"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/watch"
	"github.com/watermill-rocketmq/watermill-rocketmq/marshaler"
)

// Cluster is a set of name servers and brokers in this process. It is safe for
// concurrent use. Close it when it is no longer needed.
type Cluster struct {
	cfg         config
	behaviour   versions.Behaviour
	started     time.Time
	network     memnet.Network
	memory      addresses.Memory
	timers      clock.Timers
	brokers     []*Broker
	nameServers []*NameServer

	watchers     watch.Watchers // of AwaitMessages
	interceptors intercept.List[func(Request) Fault]
	closing      sync.Once
	closeErr     error // set by closing

	mu        sync.Mutex        // guards the fields below
	kv        kvconfig.Table    // of the name servers
	orderConf map[string]string // by topic, see SetOrderTopic
	users     []User            // with WithACL
}

// Start starts a cluster. By default it is one name server and one broker of
// version 5.5.0 on free TCP ports of 127.0.0.1, that creates topics by itself.
func Start(opts ...Option) (*Cluster, error) {
	cfg := defaults()
	for _, o := range opts {
		o(&cfg)
	}
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	cfg.syncFlushTimeout = cmp.Or(cfg.syncFlushTimeout, 5*time.Second) // MessageStoreConfig.syncFlushTimeout
	c := &Cluster{cfg: cfg, behaviour: versions.Of(cfg.version, cfg.binaryAnswers), users: access.Clone(cfg.users), started: time.Now()}
	for i := range cfg.brokers {
		c.brokers = append(c.brokers, newBroker(c, i))
	}
	if cfg.dir != "" {
		for _, b := range c.brokers {
			if err := b.openFolder(); err != nil {
				return nil, errors.Join(err, c.Close())
			}
		}
	}
	for i := range cfg.nameServers {
		n := &NameServer{cluster: c}
		n.srv = newServer(c, "nameserver-"+strconv.Itoa(i), n)
		c.nameServers = append(c.nameServers, n)
	}
	if err := c.start(); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

func (c *Cluster) start() error {
	for i, b := range c.brokers {
		if b.keeper != nil {
			b.keepUp()
		}
		if err := b.startAt(c.addrOr(c.cfg.brokerAddrs, i, c.memory.Broker)); err != nil {
			return err
		}
	}
	for i, n := range c.nameServers {
		if _, err := n.srv.Start(c.addrOr(c.cfg.nameServerAddrs, i, c.memory.NameServer)); err != nil {
			return fmt.Errorf("embedded: start %s: %w", n.srv.Name(), err)
		}
	}
	return nil
}

// addrOr is the i-th of addrs. If there is none it is a free one of loopback, or in memory
// the next one.
func (c *Cluster) addrOr(addrs []string, i int, next func() string) string {
	switch {
	case i < len(addrs):
		return addrs[i]
	case c.cfg.inMemory:
		return next()
	}
	return sockets.AnyPort
}

// Close stops all servers, cuts all connections and waits for every goroutine of
// the cluster. It may be called more than once. An error means that a folder, see Dir, could not
// be closed in good order: what was acknowledged is there, as after a crash.
func (c *Cluster) Close() error {
	c.closing.Do(func() {
		for _, s := range c.servers() {
			s.Close()
		}
		c.timers.Close()
		for _, s := range c.servers() {
			s.Wait()
		}
		for _, b := range c.brokers {
			c.closeErr = errors.Join(c.closeErr, b.closeFolder())
		}
	})
	return c.closeErr
}

func (c *Cluster) servers() []*server {
	var list []*server
	for _, n := range c.nameServers {
		list = append(list, n.srv)
	}
	for _, b := range c.brokers {
		list = append(list, b.servers()...)
	}
	return list
}

// NameServers returns the addresses of the name servers.
func (c *Cluster) NameServers() []string {
	addrs := make([]string, len(c.nameServers))
	for i, n := range c.nameServers {
		addrs[i] = n.Addr()
	}
	return addrs
}

// NameServer returns the i-th name server, nil if there is none.
func (c *Cluster) NameServer(i int) *NameServer {
	if i < 0 || i >= len(c.nameServers) {
		return nil
	}
	return c.nameServers[i]
}

// Brokers returns the brokers in the order of their names.
func (c *Cluster) Brokers() []*Broker { return slices.Clone(c.brokers) }

// Broker returns the i-th broker, nil if there is none.
func (c *Cluster) Broker(i int) *Broker {
	if i < 0 || i >= len(c.brokers) {
		return nil
	}
	return c.brokers[i]
}

// Dial opens a connection to a server of the cluster. It fits the Dial field of
// the configurations of this module, and works for clusters in memory and on
// TCP alike.
func (c *Cluster) Dial(ctx context.Context, network, addr string) (net.Conn, error) {
	if c.cfg.inMemory {
		return c.network.Dial(ctx, network, addr)
	}
	var d net.Dialer
	return d.DialContext(ctx, network, addr)
}

// CreateTopic creates a topic on every broker, or sets its number of queues
// there.
func (c *Cluster) CreateTopic(name string, queues int) error {
	for _, b := range c.brokers {
		if err := b.CreateTopic(name, queues); err != nil {
			return err
		}
	}
	return nil
}

// DeleteTopic removes a topic and its messages from every broker.
func (c *Cluster) DeleteTopic(name string) {
	for _, b := range c.brokers {
		b.DeleteTopic(name)
	}
}

// Messages returns all messages of a topic that are stored, by broker, queue and
// offset. topic is RocketMQ's name, here and in Stored and AwaitMessages: what a
// publisher is told to send to shop.orders is in _wm_shop-2Eorders (see
// marshaler.EscapeTopics, and WatermillMessages for Watermill's name). Half messages
// are in topic RMQ_SYS_TRANS_HALF_TOPIC.
//
// A topic that does not exist has no messages. The error is a *TopicNameError: no
// topic can have the name, or there is none and another one has Watermill's messages
// to it.
func (c *Cluster) Messages(topic string) ([]Message, error) {
	if err := c.checkTopicName(topic); err != nil {
		return nil, err
	}
	return c.messages(topic), nil
}

func (c *Cluster) messages(topic string) []Message {
	var list []Message
	for _, b := range c.brokers {
		list = append(list, b.messages(topic)...)
	}
	return list
}

// Stored returns how many messages a topic has got, those dropped by
// WithRetention included. Its errors are those of Messages.
func (c *Cluster) Stored(topic string) (int, error) {
	if err := c.checkTopicName(topic); err != nil {
		return 0, err
	}
	return c.stored(topic), nil
}

func (c *Cluster) stored(topic string) int {
	n := 0
	for _, b := range c.brokers {
		n += b.stored(topic)
	}
	return n
}

// WatermillMessages returns all messages that are stored of a topic by Watermill's
// name, such as shop.orders, by broker, queue and offset, as marshaler.Default makes
// them. It is for publishers with the default Config.Topics and without a namespace:
// for others, Messages has what is stored under RocketMQ's name, and Message.Watermill
// the message. An error is a *marshaler.TopicError, or one of Message.Watermill.
func (c *Cluster) WatermillMessages(topic string) ([]*message.Message, error) {
	mapped, err := marshaler.EscapeTopics{}.MapTopic(topic)
	if err != nil {
		return nil, err
	}
	return watermillMessages(c.messages(mapped.Name))
}

// AwaitWatermillMessages is AwaitMessages for a topic by Watermill's name, and its
// result that of WatermillMessages.
func (c *Cluster) AwaitWatermillMessages(ctx context.Context, topic string, n int) ([]*message.Message, error) {
	mapped, err := marshaler.EscapeTopics{}.MapTopic(topic)
	if err != nil {
		return nil, err
	}
	stored, err := c.AwaitMessages(ctx, mapped.Name, n)
	list, unreadable := watermillMessages(stored)
	if err == nil {
		err = unreadable
	}
	return list, err
}

// watermillMessages stops at the first message that cannot be read.
func watermillMessages(stored []Message) ([]*message.Message, error) {
	list := make([]*message.Message, 0, len(stored))
	for _, m := range stored {
		msg, err := m.Watermill()
		if err != nil {
			return list, fmt.Errorf("embedded: message %s: %w", m.OffsetMessageID, err)
		}
		list = append(list, msg)
	}
	return list, nil
}

// AwaitMessages waits until a topic has got at least n messages and returns what
// is stored. When ctx ends before, it returns what there is and the cause. A name
// that no topic can have is a *TopicNameError at once.
func (c *Cluster) AwaitMessages(ctx context.Context, topic string, n int) ([]Message, error) {
	if err := c.checkTopicName(topic); err != nil {
		return nil, err
	}
	changed, stop := c.watchers.Watch()
	defer stop()
	for c.stored(topic) < n {
		select {
		case <-changed:
		case <-ctx.Done():
			return c.messages(topic), fmt.Errorf("embedded: %d of %d messages in topic %s%s: %w",
				c.stored(topic), n, topic, c.elsewhere(topic), context.Cause(ctx))
		}
	}
	return c.messages(topic), nil
}

// elsewhere says which other topics have messages, for who has asked for the
// wrong one.
func (c *Cluster) elsewhere(topic string) string {
	var others []string
	for _, b := range c.brokers {
		for _, t := range b.Topics() {
			if t.Name != topic && !slices.Contains(others, t.Name) && c.stored(t.Name) > 0 {
				others = append(others, t.Name)
			}
		}
	}
	if len(others) == 0 {
		return ""
	}
	slices.Sort(others)
	return fmt.Sprintf(" (others have some: %s)", strings.Join(others, ", "))
}
