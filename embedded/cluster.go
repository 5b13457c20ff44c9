package embedded

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/access"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/clock"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/memnet"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/sockets"
	"github.com/watermill-rocketmq/watermill-rocketmq/marshaler"
)

// Ports of a network in memory. They mean nothing outside it.
const (
	memoryNameServerPort = 9876
	memoryBrokerPort     = 10911
	memoryBrokerStep     = 20
)

// Cluster is a set of name servers and brokers in this process. It is safe for
// concurrent use. Close it when it is no longer needed.
type Cluster struct {
	cfg         config
	behaviour   behaviour
	started     time.Time
	network     memnet.Network
	timers      clock.Timers
	brokers     []*Broker
	nameServers []*NameServer

	watching     atomic.Int32                  // len(watchers), to be read for every message
	interceptors atomic.Pointer[[]interceptor] // nil without any; changed under mu
	closing      sync.Once

	mu              sync.Mutex        // guards the fields below
	orderConf       map[string]string // by topic, see SetOrderTopic
	lastInterceptor int
	watchers        map[chan struct{}]struct{} // of AwaitMessages, each with room for one
	users           []User                     // with WithACL
	ports           map[int]int                // by first port: in-memory addresses given out
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
	c := &Cluster{cfg: cfg, behaviour: newBehaviour(&cfg), users: access.Clone(cfg.users), started: time.Now(), watchers: make(map[chan struct{}]struct{}), ports: make(map[int]int)}
	for i := range cfg.brokers {
		c.brokers = append(c.brokers, newBroker(c, "broker-"+string(rune('a'+i))))
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
	for _, b := range c.brokers {
		if err := b.startAt(c.freeAddr(memoryBrokerPort)); err != nil {
			return err
		}
	}
	for i, n := range c.nameServers {
		addr := ""
		if i < len(c.cfg.nameServerAddrs) {
			addr = c.cfg.nameServerAddrs[i]
		} else {
			addr = c.freeAddr(memoryNameServerPort)
		}
		if _, err := n.srv.start(addr); err != nil {
			return fmt.Errorf("embedded: start %s: %w", n.srv.name, err)
		}
	}
	return nil
}

// freeAddr is an address to listen on. In memory it is the next one from first
// on; else sockets.Listen picks the port.
func (c *Cluster) freeAddr(first int) string {
	if !c.cfg.inMemory {
		return sockets.AnyPort
	}
	step := 1
	if first == memoryBrokerPort {
		step = memoryBrokerStep
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	port := first + step*c.ports[first]
	c.ports[first]++
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
}

// Close stops all servers, cuts all connections and waits for every goroutine of
// the cluster. It returns nil, and may be called more than once.
func (c *Cluster) Close() error {
	c.closing.Do(func() {
		for _, s := range c.servers() {
			s.close()
		}
		c.timers.Close()
		for _, s := range c.servers() {
			s.wait()
		}
	})
	return nil
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
	changed := make(chan struct{}, 1)
	c.mu.Lock()
	c.watchers[changed] = struct{}{}
	c.watching.Add(1)
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.watchers, changed)
		c.watching.Add(-1)
	}()
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

// messagesStored tells those that wait in AwaitMessages.
func (c *Cluster) messagesStored() {
	if c.watching.Load() == 0 {
		return
	}
	c.mu.Lock()
	watchers := slices.Collect(maps.Keys(c.watchers))
	c.mu.Unlock()
	for _, w := range watchers {
		select {
		case w <- struct{}{}:
		default: // it knows already
		}
	}
}
