package routing

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

// Values of Config's fields that are left zero.
const (
	// DefaultRefreshInterval is Java's pollNameServerInterval (ClientConfig of 5.5.0).
	DefaultRefreshInterval = 30 * time.Second
	// DefaultNameServerTimeout is shorter than Java's 3 s (mqClientApiTimeout):
	// the next name server has to be asked within the time of one send.
	DefaultNameServerTimeout = time.Second
	// DefaultTopic is the topic that brokers with autoCreateTopicEnable register
	// (TopicValidator.AUTO_CREATE_TOPIC_KEY_TOPIC of 5.5.0).
	DefaultTopic = headers.DefaultTopic
	// DefaultTopicQueues is Java's defaultTopicQueueNums (DefaultMQProducer of 5.5.0).
	DefaultTopicQueues = 4
)

const (
	// maxNameServers is the most name servers there may be, far beyond any use.
	maxNameServers = 1 << 10
	// maxAddr is the length of the longest name of a host (RFC 1035), and room for a
	// zone and the port.
	maxAddr = 255 + 64
)

// Invoker carries one request to one address and brings back its answer. It
// must return soon after ctx ends, be safe for concurrent use, and give a
// Command that owns its memory.
type Invoker interface {
	Invoke(ctx context.Context, addr string, r headers.Request, body []byte) (headers.Command, error)
}

// Config says where the name servers are and how the cache is kept. Fields
// left zero take the default named beside them.
type Config struct {
	// NameServers are the addresses to ask, host:port each, IPv6 hosts in
	// brackets. Spaces around an address and a leading "http://" are dropped,
	// and so are addresses given twice. 1 to 1,024 entries, unless there is a Resolver.
	//
	// The order has no meaning: each Table shuffles its copy, as the Java client
	// does, so that many clients spread over the name servers.
	NameServers []string
	// Resolver finds the name servers in place of NameServers, which must be empty
	// then. A Table with one runs one more goroutine.
	Resolver Resolver
	// ResolveInterval is the time between two calls of the Resolver. Default
	// DefaultResolveInterval.
	ResolveInterval time.Duration
	// RefreshInterval is the time between two lookups of each cached topic.
	// Default DefaultRefreshInterval.
	RefreshInterval time.Duration
	// NameServerTimeout is how long one name server may take for one answer,
	// dialing included, before the next one is asked. Default
	// DefaultNameServerTimeout.
	NameServerTimeout time.Duration
	// DefaultTopic is the topic whose route a topic without a route borrows, so
	// that the first message makes the broker create it. Default "TBW102".
	DefaultTopic string
	// DefaultTopicQueues is the most queues per broker that are taken from the
	// default topic's route. Default DefaultTopicQueues.
	DefaultTopicQueues int32
	// Events tells what happens in the background.
	Events Events
}

// Events are functions that a Table calls when something happens that no caller
// is told of. Any of them may be nil. They run in the Table's goroutines,
// outside all of its locks. While one runs, further lookups of its topic wait, so
// it must return soon and must not call what may wait for a lookup: Route,
// BrokerAddr, Close. For one topic they come one at a time and in order. None is
// called once Close has returned.
type Events struct {
	// RouteChanged says that a view of a topic got its first route (before is nil) or
	// one that differs in this view: for Writing in queues or brokers, for Reading in
	// queues or in the servers to read from. after is never nil. What changes both views
	// is told of each, Writing first. Route may return it before: those who waited
	// for the lookup do not wait for the event.
	RouteChanged func(topic string, v View, before, after *Route)
	// RefreshFailed says that a lookup of a topic that has a route in the view failed.
	// The route stays in use, except that a *NoQueueError and a *StaticTopicError
	// drop it from this view: the name server has said that nobody may publish there,
	// or read. An answer that no sound name server gives is no such word; see
	// ErrUnfitRoute.
	//
	// A topic that is gone from the name servers keeps its last known route, and
	// each lookup calls RefreshFailed with an error that matches
	// &headers.StatusError{Code: headers.TopicNotExist}.
	RefreshFailed func(topic string, v View, err error)
	// NameServerFailed says that a name server gave no usable answer and the next
	// one, if there is any, is asked.
	NameServerFailed func(addr string, err error)
	// NameServersChanged says that the Resolver brought another list than the one
	// before, which is nil the first time. Order does not count. Questions to name
	// servers that are under way go by the old list.
	NameServersChanged func(before, after []string)
	// ResolveFailed says that the Resolver failed. The list that there is stays in
	// use; as long as there is none the lookups fail, and while they go on the
	// Resolver is called every second, and so may be this.
	ResolveFailed func(err error)
}

func (c *Config) setDefaults() {
	if c.ResolveInterval == 0 {
		c.ResolveInterval = DefaultResolveInterval
	}
	if c.RefreshInterval == 0 {
		c.RefreshInterval = DefaultRefreshInterval
	}
	if c.NameServerTimeout == 0 {
		c.NameServerTimeout = DefaultNameServerTimeout
	}
	if c.DefaultTopic == "" {
		c.DefaultTopic = DefaultTopic
	}
	if c.DefaultTopicQueues == 0 {
		c.DefaultTopicQueues = DefaultTopicQueues
	}
}

// Validate reports every field that New would refuse, each by its name. The faults
// themselves, joined, are what the error wraps.
func (c *Config) Validate() error {
	var faults []error
	if err := c.validateSource(); err != nil {
		faults = append(faults, err)
	}
	if c.ResolveInterval < 0 {
		faults = append(faults, fmt.Errorf("ResolveInterval is %v, want more than 0", c.ResolveInterval))
	}
	if c.RefreshInterval < 0 {
		faults = append(faults, fmt.Errorf("RefreshInterval is %v, want more than 0", c.RefreshInterval))
	}
	if c.NameServerTimeout < 0 {
		faults = append(faults, fmt.Errorf("NameServerTimeout is %v, want more than 0", c.NameServerTimeout))
	}
	if c.DefaultTopicQueues < 0 || c.DefaultTopicQueues > maxQueues {
		faults = append(faults, fmt.Errorf("DefaultTopicQueues is %d, want 1 to %d", c.DefaultTopicQueues, maxQueues))
	}
	if err := errors.Join(faults...); err != nil {
		return fmt.Errorf("routing: config: %w", err)
	}
	return nil
}

// validateSource reports what is wrong with where the name servers come from.
func (c *Config) validateSource() error {
	switch {
	case c.Resolver != nil && len(c.NameServers) > 0:
		return errors.New("NameServers and Resolver are both set, want one of them")
	case c.Resolver != nil:
		if own, ok := c.Resolver.(interface{ Validate() error }); ok {
			if err := own.Validate(); err != nil {
				return fmt.Errorf("Resolver: %w", err)
			}
		}
		return nil
	case c.ResolveInterval > 0:
		return fmt.Errorf("ResolveInterval is %v without a Resolver", c.ResolveInterval)
	case len(c.NameServers) == 0:
		return errors.New("NameServers is empty, want at least one host:port, or a Resolver")
	}
	_, err := nameServerAddrs("NameServers", c.NameServers)
	return err
}

// nameServerAddrs returns a cleaned copy of list, or an error for each entry
// that is no address. name says whose entries they are.
func nameServerAddrs(name string, list []string) ([]string, error) {
	if len(list) > maxNameServers {
		return nil, fmt.Errorf("%s has %d entries, want at most %d", name, len(list), maxNameServers)
	}
	var addrs []string
	var faults []error
	for i, entry := range list {
		addr := strings.TrimPrefix(strings.TrimSpace(entry), "http://")
		if err := checkAddr(addr); err != nil {
			if strings.ContainsAny(addr, ";,") {
				err = errors.New("one entry per address, not a list")
			}
			faults = append(faults, fmt.Errorf("%s[%d] is %.*q, want host:port: %w", name, i, maxQuoted, entry, err))
			continue
		}
		if !slices.Contains(addrs, addr) {
			addrs = append(addrs, addr)
		}
	}
	return addrs, errors.Join(faults...)
}

// checkAddr reports what keeps addr from being dialed: a host, which may be a
// name, an IPv4 or a bracketed IPv6 address, and a port by number.
func checkAddr(addr string) error {
	if len(addr) > maxAddr {
		return fmt.Errorf("address %.*q...: longer than %d bytes", maxQuoted, addr, maxAddr)
	}
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return err
	}
	if host == "" || strings.ContainsAny(host, " \t\r\n/;,") {
		return fmt.Errorf("address %s: bad host", addr)
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return fmt.Errorf("address %s: bad port", addr)
	}
	return nil
}

func shuffle(addrs []string) {
	rand.Shuffle(len(addrs), func(i, j int) { addrs[i], addrs[j] = addrs[j], addrs[i] })
}
