package publisher_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/stretchr/testify/require"

	rocketmq "github.com/watermill-rocketmq/watermill-rocketmq"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/realbroker"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
)

// An HTTP endpoint that lists the name servers, as the Java client asks one, is
// all that a publisher needs.
func TestHTTPDiscovery(t *testing.T) {
	inEveryWorld(t, func(t *testing.T, w *world) {
		server := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/rocketmq/nsaddr" {
				http.NotFound(out, r)
				return
			}
			_, _ = fmt.Fprintln(out, strings.Join(w.nameServers, ";"))
		}))
		defer server.Close()
		topic := newTopic(t, "discovered")
		w.createTopic(t, topic, 1)
		p := publisherIn(t, w, func(c *publisher.Config) {
			c.Cluster.NameServers, c.Cluster.Resolver = nil, routing.NewHTTPResolver(server.URL+"/rocketmq/nsaddr")
		})
		require.NoError(t, p.Publish(topic, newMessage("x")))
		require.Len(t, w.read(t, topic, 1), 1)
	})
}

// When the only name server that a resolver knows dies, it is asked again before it
// is due, and the publisher goes on by what it says then.
func TestResolverAfterANameServerDied(t *testing.T) {
	version := realbroker.Versions()[0]
	w := ownCluster(t, realbroker.Config{Version: version, NameServers: 2})
	first, second := newTopic(t, "first"), newTopic(t, "second")
	w.createTopic(t, first, 1)
	w.createTopic(t, second, 1)
	l := newList(w.nameServers[0])
	p := publisherIn(t, w, func(c *publisher.Config) {
		c.Cluster.NameServers, c.Cluster.Resolver, c.SendTimeout = nil, l, time.Minute
	})
	require.NoError(t, p.Publish(first, newMessage("x")))
	require.NoError(t, w.real.NameServerStop(0))
	l.become(w.nameServers[1])
	require.NoError(t, p.Publish(second, newMessage("x")))
	onSecond := realbroker.WitnessFor(t, version, w.nameServers[1:])
	require.Len(t, onSecond.Read(t, first, 1), 1)
	require.Len(t, onSecond.Read(t, second, 1), 1)
}

// list is a Resolver whose list can be changed.
type list struct{ addrs atomic.Pointer[[]string] }

func newList(addrs ...string) *list {
	l := new(list)
	l.become(addrs...)
	return l
}

func (l *list) become(addrs ...string) { l.addrs.Store(&addrs) }

func (l *list) Resolve(context.Context) ([]string, error) { return *l.addrs.Load(), nil }

// Name servers that are no longer in the list are left, those that are new are
// asked, and nothing is published twice or lost over it. A log line tells.
func TestPromiseResolver(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		l := newList(c.NameServers()[0])
		logger := watermill.NewCaptureLogger()
		// A lookup at the same moment as the change would go by the list before.
		const refresh = 31 * time.Second
		p, err := publisher.New(publisher.Config{Cluster: rocketmq.Cluster{Resolver: l, Dial: c.Dial, RouteRefreshInterval: refresh}}, logger)
		require.NoError(t, err)
		defer p.Close()
		require.NoError(t, p.Publish(orders, newMessage("x")))
		asked := func(server string) int { return c.Stats()[server].Requests[headers.CodeTopicRoute] }
		require.Equal(t, 1, asked("nameserver-0"))
		require.Equal(t, 1, c.Stats()["nameserver-0"].Open)

		l.become(c.NameServers()[1])
		time.Sleep(routing.DefaultResolveInterval + time.Second)
		synctest.Wait()
		before := asked("nameserver-0")
		require.Zero(t, c.Stats()["nameserver-0"].Open, "it is no name server any more")
		time.Sleep(time.Minute)
		synctest.Wait()
		require.Equal(t, before, asked("nameserver-0"))
		require.Positive(t, asked("nameserver-1"), "the route is looked up again every 31 s")
		require.NoError(t, p.Publish(orders, newMessage("x")))
		require.Len(t, messagesIn(c, orders), 2)
		require.True(t, slices.ContainsFunc(logger.Captured()[watermill.InfoLogLevel], func(m watermill.CapturedMessage) bool {
			return m.Msg == "RocketMQ name servers changed" && fmt.Sprint(m.Fields["after"]) == fmt.Sprint(c.NameServers()[1:])
		}))
	}, embedded.WithNameServers(2))
}

// A publisher whose resolver fails at first publishes as soon as it does not; one
// whose resolver never succeeds says why.
func TestPromiseResolverFails(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		var calls atomic.Int32
		p := publisherOn(t, c, func(cfg *publisher.Config) {
			cfg.Cluster.NameServers = nil
			cfg.Cluster.Resolver = routing.ResolverFunc(func(context.Context) ([]string, error) {
				if calls.Add(1) < 3 {
					return nil, fmt.Errorf("no directory today")
				}
				return c.NameServers(), nil
			})
		})
		synctest.Wait()
		elapsed := stopwatch()
		require.NoError(t, p.Publish(orders, newMessage("x")))
		require.LessOrEqual(t, elapsed(), 2*time.Second)
		require.Equal(t, int32(3), calls.Load())
	})
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		p := publisherOn(t, c, func(cfg *publisher.Config) {
			cfg.Cluster.NameServers = nil
			cfg.Cluster.Resolver = routing.ResolverFunc(func(context.Context) ([]string, error) { return nil, fmt.Errorf("no directory today") })
		})
		err := p.Publish(orders, newMessage("x"))
		require.ErrorIs(t, err, publisher.ErrSendTimeout)
		require.Equal(t, publisher.NotSent, failureOf(t, err).Outcome())
		var failed *routing.ResolveError
		require.ErrorAs(t, failureOf(t, err).Results[0].Failed[0].Err, &failed)
		require.ErrorContains(t, failed, "no directory today")
	})
}

// names is a resolver of names behind Cluster.Dial, as a dialer has one: it dials
// the addresses of a name one after the other.
type names struct {
	dial  func(ctx context.Context, network, addr string) (net.Conn, error)
	addrs atomic.Pointer[[]string] // of ns.example:9876
}

func (n *names) become(addrs ...string) { n.addrs.Store(&addrs) }

func (n *names) Dial(ctx context.Context, network, addr string) (conn net.Conn, err error) {
	addrs := []string{addr}
	if addr == "ns.example:9876" {
		addrs = *n.addrs.Load()
	}
	for _, addr := range addrs {
		if conn, err = n.dial(ctx, network, addr); err == nil {
			return conn, nil
		}
	}
	return nil, err
}

// A name of a name server is looked up at each dial: when it points elsewhere it is
// followed as soon as the connection to where it pointed before is lost, or
// answers nothing. As long as that works it is used.
func TestPromiseNameThatMoves(t *testing.T) {
	for how, end := range map[string]func(c *embedded.Cluster){
		"down": func(c *embedded.Cluster) { c.NameServer(0).Stop() },
		"silent": func(c *embedded.Cluster) {
			c.Intercept(func(r embedded.Request) embedded.Fault {
				if r.Server == "nameserver-0" {
					return embedded.Ignore()
				}
				return embedded.Fault{}
			})
		},
	} {
		t.Run(how, func(t *testing.T) {
			inBubble(t, func(t *testing.T, c *embedded.Cluster) {
				n := &names{dial: c.Dial}
				n.become(c.NameServers()[0])
				p := publisherOn(t, c, func(c *publisher.Config) {
					c.Cluster.NameServers, c.Cluster.Dial, c.SendTimeout = []string{"ns.example:9876"}, n.Dial, time.Minute
				})
				require.NoError(t, p.Publish(orders, newMessage("x")))
				n.become(c.NameServers()[1])
				require.NoError(t, p.Publish("second", newMessage("x")))
				require.Zero(t, c.Stats()["nameserver-1"].Accepted, "the old one is there still")
				end(c)
				elapsed := stopwatch()
				require.NoError(t, p.Publish("third", newMessage("x")))
				require.LessOrEqual(t, elapsed(), 10*time.Second)
				require.Equal(t, 1, c.Stats()["nameserver-1"].Accepted)
			}, embedded.WithNameServers(2))
		})
	}
}

// Of a name with several addresses one is used, and another one when that is down.
// With a DNSResolver each is a name server of its own: one that hangs costs its
// timeout once, and one that the name no longer has is left.
func TestPromiseNameWithSeveralAddresses(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		n := &names{dial: c.Dial}
		n.become(c.NameServers()...)
		p := publisherOn(t, c, func(c *publisher.Config) { c.Cluster.NameServers, c.Cluster.Dial = []string{"ns.example:9876"}, n.Dial })
		require.NoError(t, p.Publish(orders, newMessage("x")))
		require.Zero(t, c.Stats()["nameserver-1"].Accepted)
		c.NameServer(0).Stop()
		require.NoError(t, p.Publish("second", newMessage("x")))
		require.Equal(t, 1, c.Stats()["nameserver-1"].Accepted)
	}, embedded.WithNameServers(2))

	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		var hosts atomic.Pointer[[]string]
		hosts.Store(&[]string{"127.0.0.2", "127.0.0.3"})
		p := publisherOn(t, c, func(cfg *publisher.Config) {
			cfg.Cluster.NameServers = nil
			cfg.Cluster.Resolver = routing.DNSResolver{Names: []string{"ns.example:9876"}, Lookup: func(_ context.Context, host string) ([]string, error) {
				require.Equal(t, "ns.example", host)
				return *hosts.Load(), nil
			}}
		})
		c.Intercept(func(r embedded.Request) embedded.Fault {
			if r.Server == "nameserver-0" {
				return embedded.Ignore()
			}
			return embedded.Fault{}
		})
		for _, topic := range []string{orders, "second", "third"} {
			elapsed := stopwatch()
			require.NoError(t, p.Publish(topic, newMessage("x")))
			require.LessOrEqual(t, elapsed(), 1100*time.Millisecond)
		}
		hosts.Store(&[]string{"127.0.0.3"})
		time.Sleep(routing.DefaultResolveInterval + time.Second)
		synctest.Wait()
		require.Zero(t, c.Stats()["nameserver-0"].Open)
		require.NoError(t, p.Publish(orders, newMessage("x")))
	}, embedded.WithNameServers(2), embedded.WithNameServerAddr("127.0.0.2:9876", "127.0.0.3:9876"))
}
