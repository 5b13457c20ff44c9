package publisher_test

import (
	"context"
	"fmt"
	"net"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/stretchr/testify/require"

	rocketmq "github.com/watermill-rocketmq/watermill-rocketmq"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
)

// connect returns a Client of the cluster, closed with the test: after the publishers that
// are lent it by then.
func connect(t testing.TB, c *embedded.Cluster) *rocketmq.Client {
	t.Helper()
	client, err := rocketmq.Connect(c.Config(), nil)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, client.Close()) })
	return client
}

// lent has a publisher of that group be lent the Client.
func lent(client *rocketmq.Client, group string) func(*publisher.Config) {
	return func(c *publisher.Config) { c.Cluster, c.Client, c.ProducerGroup = rocketmq.Cluster{}, client, group }
}

// publishers returns many that are lent the Client, each with a group of its own.
func publishers(t testing.TB, c *embedded.Cluster, client *rocketmq.Client, n int) []*publisher.Publisher {
	t.Helper()
	all := make([]*publisher.Publisher, n)
	for i := range all {
		all[i] = publisherOn(t, c, lent(client, fmt.Sprint("group-", i)))
	}
	return all
}

// Twenty publishers have one connection to each server, look a topic up once, and send one
// heartbeat to each broker, which names all of them.
func TestPromiseShareConnections(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		client := connect(t, c)
		all := publishers(t, c, client, 20)
		time.Sleep(time.Second)
		require.Zero(t, c.Stats().Accepted(), "nothing to send, no connection")
		var wg sync.WaitGroup
		for _, p := range all {
			wg.Go(func() {
				for _, msg := range newMessages(4) {
					if err := p.Publish(orders, msg); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		time.Sleep(29*time.Second - 1)
		require.Equal(t, 1, routeRequests(c))
		for _, server := range []string{"broker-a", "broker-b", "nameserver-0"} {
			require.Equal(t, 1, c.Stats()[server].Accepted, server)
		}
		for _, b := range c.Brokers() {
			require.Equal(t, 1, heartbeats(c, b.Name()), "that of the new connection")
			for i := range all {
				require.Equal(t, []string{client.Session().ID()}, b.Producers(fmt.Sprint("group-", i)))
			}
		}
		time.Sleep(10 * time.Minute)
		for _, b := range c.Brokers() {
			require.Equal(t, 21, heartbeats(c, b.Name()), "one for all in 30 s")
			require.Equal(t, 1, c.Stats()[b.Name()].Accepted)
		}
		require.Len(t, messagesIn(c, orders), 80)
	}, embedded.WithBrokers(2))
}

// A publisher that comes later makes itself known over the connections that there are.
// One that closes is forgotten by the brokers at once; the others go on as they were.
func TestPromiseShareComeAndGo(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		client := connect(t, c)
		broker := c.Broker(0)
		first := publisherOn(t, c, lent(client, "first"))
		require.NoError(t, first.Publish(orders, newMessage("x")))
		later := unclosedPublisherOn(t, c, lent(client, "later"))
		twin := unclosedPublisherOn(t, c, lent(client, "later"))
		synctest.Wait()
		require.Len(t, broker.Producers("later"), 1)

		elapsed := stopwatch()
		require.NoError(t, twin.Close())
		require.Len(t, broker.Producers("later"), 1, "there is another one of the group")
		require.NoError(t, later.Close())
		require.Zero(t, elapsed())
		require.Empty(t, broker.Producers("later"))
		require.Len(t, broker.Producers("first"), 1)
		e := failureOf(t, later.Publish(orders, newMessage("x")))
		require.ErrorIs(t, e, publisher.ErrClosed)

		time.Sleep(10 * time.Minute)
		require.Empty(t, broker.Producers("later"), "heartbeats do not name it any more")
		require.NoError(t, first.Publish(orders, newMessage("y")))
		require.Equal(t, 2, c.Stats().Accepted())
		require.Len(t, messagesIn(c, orders), 2)
	})
}

// Close ends calls of its own publisher that are under way, and no others, though all wait
// for answers on one connection.
func TestPromiseShareCloseCutsOwnCalls(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		client := connect(t, c)
		everySend(c, embedded.DelayAnswer(2*time.Second))
		mine := unclosedPublisherOn(t, c, func(cfg *publisher.Config) {
			lent(client, "mine")(cfg)
			cfg.CloseTimeout, cfg.AttemptTimeout, cfg.SendTimeout = time.Second, time.Hour, time.Hour
		})
		other := publisherOn(t, c, func(cfg *publisher.Config) {
			lent(client, "other")(cfg)
			cfg.AttemptTimeout, cfg.SendTimeout = time.Hour, time.Hour
		})
		ended := make(chan error, 1)
		go func() { ended <- mine.Publish(orders, newMessage("mine")) }()
		kept := make(chan error, 1)
		go func() { kept <- other.Publish(orders, newMessage("other")) }()
		synctest.Wait()
		elapsed := stopwatch()
		require.ErrorIs(t, mine.Close(), publisher.ErrCloseTimeout)
		require.Equal(t, time.Second, elapsed())
		e := failureOf(t, <-ended)
		require.ErrorIs(t, e, publisher.ErrClosed)
		require.Equal(t, publisher.MayBeStored, e.Outcome())
		require.NoError(t, <-kept)
		require.Equal(t, 2*time.Second, elapsed())
		require.Equal(t, 2, c.Stats().Accepted())
	})
}

// A broker that answers neither heartbeats nor the goodbye holds up the Close of one
// publisher for a second, and the others not at all.
func TestPromiseShareGoodbyeToHangingBroker(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		client := connect(t, c)
		stays := publisherOn(t, c, lent(client, "stays"))
		goes := unclosedPublisherOn(t, c, lent(client, "goes"))
		for _, msg := range newMessages(4) {
			require.NoError(t, goes.Publish(orders, msg))
		}
		synctest.Wait()
		c.Intercept(func(r embedded.Request) embedded.Fault {
			if r.Server == "broker-a" && (r.Code == headers.CodeHeartbeat || r.Code == headers.CodeUnregisterClient) {
				return embedded.Ignore()
			}
			return embedded.Fault{}
		})
		time.Sleep(30 * time.Second) // a heartbeat is under way
		elapsed := stopwatch()
		require.NoError(t, goes.Close())
		require.Equal(t, time.Second, elapsed())
		require.Empty(t, c.Broker(1).Producers("goes"))
		require.NoError(t, stays.Publish(orders, newMessage("x")))
		require.Equal(t, time.Second, elapsed())
	}, embedded.WithBrokers(2))
}

// Who closes the Client first ends the calls of the publishers that it was lent to, which
// fail from then on. They can be closed as ever.
func TestPromiseShareClientClosesFirst(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		client := connect(t, c)
		everySend(c, embedded.Ignore())
		seen := newResults()
		p := unclosedPublisherOn(t, c, func(cfg *publisher.Config) {
			lent(client, "group")(cfg)
			cfg.AttemptTimeout, cfg.SendTimeout = time.Hour, time.Hour
			cfg.Trace.Enabled, cfg.OnResult = true, seen.add
		})
		calls := make(chan error, 2)
		for range cap(calls) {
			go func() { calls <- p.Publish(orders, newMessage("x")) }()
			synctest.Wait()
		}
		elapsed := stopwatch()
		require.NoError(t, client.Close())
		for range cap(calls) {
			require.ErrorIs(t, <-calls, publisher.ErrClosed)
		}
		require.ErrorIs(t, p.Publish(orders, newMessage("x")), publisher.ErrClosed)
		require.Len(t, seen.c, 3)
		require.ErrorIs(t, p.PublishAsync(orders, newMessage("x")), publisher.ErrClosed)
		require.Len(t, seen.c, 3, "what is returned is not told as well")
		_, err := p.Check(t.Context())
		require.ErrorIs(t, err, publisher.ErrClosed)
		require.NoError(t, p.Close())
		require.Zero(t, elapsed())
		require.NoError(t, client.Close(), "again")

		_, err = publisher.New(publisher.Config{Client: client}, nil)
		require.ErrorIs(t, err, publisher.ErrClosed)
	})
}

// Two clusters in one process never meet, nor do two Clients of one cluster.
func TestPromiseTwoClients(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		another, err := embedded.Start(embedded.InMemory(), embedded.WithTopic(orders, 1))
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, another.Close()) })
		for _, cluster := range []*embedded.Cluster{c, c, another} {
			for _, p := range publishers(t, cluster, connect(t, cluster), 2) {
				require.NoError(t, p.Publish(orders, newMessage("x")))
			}
		}
		synctest.Wait()
		require.Equal(t, 2, c.Stats()["broker-a"].Accepted)
		require.Len(t, messagesIn(c, orders), 4)
		require.Len(t, c.Broker(0).Producers("group-0"), 2)
		require.Equal(t, 1, another.Stats()["broker-a"].Accepted)
		require.Len(t, messagesIn(another, orders), 2)
		require.NotSubset(t, c.Broker(0).Producers("group-0"), another.Broker(0).Producers("group-0"))
	})
}

// A check-back goes to the publisher of its group. Of two it goes to the one that has the
// transaction open, and does not answer, and else to one that can.
func TestPromiseShareCheckBacks(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		client := connect(t, c)
		lentTo := func(group string, j *judgements) *publisher.Publisher {
			return publisherOn(t, c, func(cfg *publisher.Config) {
				lent(client, group)(cfg)
				if j != nil {
					cfg.Transaction.Check = j.check
				}
			})
		}
		first, second, other := judging(publisher.TransactionCommit), judging(publisher.TransactionCommit), judging(publisher.TransactionRollback)
		lentTo(shop, nil)
		lentTo(shop, first)
		owner, stranger := lentTo(shop, second), lentTo("other", other)

		open := begin(t, owner, "open")
		begin(t, stranger, "the other group's").Unknown()
		synctest.Wait()
		require.Equal(t, 2, c.Broker(0).CheckTransactions())
		synctest.Wait()
		require.Zero(t, first.count()+second.count(), "its owner has it open")
		require.Equal(t, 1, other.count())
		require.Equal(t, "the other group's", string(other.asked[0].Message.Payload))
		require.Equal(t, 1, endRequests(c))

		open.Unknown()
		checkNow(t, c)
		require.Equal(t, 1, first.count()+second.count())
		require.Equal(t, 1, other.count())
		require.Equal(t, "open", string(messagesIn(c, orders)[0].Body))
		require.Equal(t, 1, c.Stats()["broker-a"].Accepted)
	})
}

// Each publisher's hooks are told of what all have in common, from when it was made until
// it is closed.
func TestPromiseShareHooks(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		client := connect(t, c)
		var first, later hookLog
		hooked := func(group string, log *hookLog) *publisher.Publisher {
			return unclosedPublisherOn(t, c, func(cfg *publisher.Config) {
				lent(client, group)(cfg)
				cfg.Hooks = []publisher.Hooks{log.hooks()}
			})
		}
		p := hooked("first", &first)
		require.NoError(t, p.Publish(orders, newMessage("x")))
		synctest.Wait()
		require.Len(t, first.ups, 2)
		require.Len(t, first.routes, 1)

		q := hooked("later", &later)
		require.NoError(t, q.Publish("another", newMessage("x")))
		synctest.Wait()
		require.Len(t, first.sends, 1, "requests are told of to those that send them")
		require.Len(t, later.sends, 1)
		require.Empty(t, later.ups)
		require.Equal(t, first.routes[1:], later.routes)

		require.NoError(t, p.Close())
		require.Empty(t, first.downs)
		c.Broker(0).DropConnections()
		synctest.Wait()
		require.Empty(t, first.downs, "it is closed")
		require.Equal(t, []string{c.Broker(0).Addr()}, later.downs)
		require.NoError(t, client.Close())
		require.Len(t, later.downs, 2)
		require.ErrorIs(t, later.causes[1], publisher.ErrClosed)
		require.NoError(t, q.Close())
	}, embedded.WithTopic("another", 1))
}

// A hook of one publisher may close another one of the Client.
func TestPromiseShareHookClosesAnother(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		client := connect(t, c)
		var other *publisher.Publisher
		p := publisherOn(t, c, func(cfg *publisher.Config) {
			lent(client, "first")(cfg)
			cfg.Hooks = append(cfg.Hooks, publisher.Hooks{RouteChanged: func(string, *routing.Route, *routing.Route) {
				if err := other.Close(); err != nil {
					t.Error(err)
				}
			}})
		})
		other = unclosedPublisherOn(t, c, lent(client, "other"))
		require.NoError(t, p.Publish(orders, newMessage("x")))
		synctest.Wait()
		require.ErrorIs(t, other.Publish(orders, newMessage("x")), publisher.ErrClosed)
	})
}

// Publishers may differ in how topics are made that do not exist.
func TestPromiseShareDefaultTopics(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		client := connect(t, c)
		for i, queues := range []int{0, 0, 2} {
			p := publisherOn(t, c, func(cfg *publisher.Config) {
				lent(client, fmt.Sprint(i))(cfg)
				cfg.AutoCreate.Queues = queues
			})
			require.NoError(t, p.Publish(fmt.Sprint("new-", i), newMessage("x")))
		}
		for i, queues := range []int{4, 4, 2} {
			report, err := publisherOn(t, c, lent(client, "look")).Check(t.Context(), fmt.Sprint("new-", i))
			require.NoError(t, err)
			require.Contains(t, report.String(), fmt.Sprint(queues, " queues"))
		}
	})
}

// An impatient publisher finds out about a connection that has died in its own time,
// whoever shares it.
func TestPromiseShareDeadConnection(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		client := connect(t, c)
		var mu sync.Mutex
		known, dead := map[string]bool{}, map[string]bool{}
		c.Intercept(func(r embedded.Request) embedded.Fault {
			mu.Lock()
			defer mu.Unlock()
			known[r.RemoteAddr] = true
			if dead[r.RemoteAddr] {
				return embedded.Ignore()
			}
			return embedded.Fault{}
		})
		publisherOn(t, c, lent(client, "patient"))
		hasty := publisherOn(t, c, func(cfg *publisher.Config) {
			lent(client, "hasty")(cfg)
			cfg.AttemptTimeout, cfg.SendTimeout = 200*time.Millisecond, time.Second
		})
		require.NoError(t, hasty.Publish(orders, newMessage("x")))
		mu.Lock()
		for addr := range known {
			dead[addr] = true
		}
		mu.Unlock()
		elapsed := stopwatch()
		require.NoError(t, hasty.Publish(orders, newMessage("x")))
		require.Less(t, elapsed(), 400*time.Millisecond)
	})
}

// Traces go over the connections of their publisher, unless they are to have their own.
func TestPromiseTraceConnections(t *testing.T) {
	for own, connections := range map[bool]int{false: 1, true: 2} {
		inBubble(t, func(t *testing.T, c *embedded.Cluster) {
			p := unclosedPublisherOn(t, c, func(cfg *publisher.Config) {
				cfg.Trace.Enabled, cfg.Trace.OwnConnections = true, own
			})
			require.NoError(t, p.Publish(orders, newMessage("x")))
			time.Sleep(time.Minute)
			require.Len(t, messagesIn(c, traceTopic), 1)
			require.Equal(t, connections, c.Stats()["broker-a"].Accepted)
			require.Equal(t, connections, c.Stats()["nameserver-0"].Accepted)
			require.Len(t, c.Broker(0).Producers("_INNER_TRACE_PRODUCER-"+publisher.DefaultProducerGroup+"-PRODUCE-1"), 1)
			require.NoError(t, p.Publish(orders, newMessage("y")))
			require.NoError(t, p.Close())
			require.Len(t, messagesIn(c, traceTopic), 2, "Close sends what waits")
			synctest.Wait()
			require.Zero(t, c.Stats()["broker-a"].Open)
			require.Empty(t, c.Broker(0).Producers(publisher.DefaultProducerGroup))
		}, withTrace)
	}
}

// Log lines of connections are the Client's, one for all publishers.
func TestPromiseShareLogs(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		logs, quiet := watermill.NewCaptureLogger(), watermill.NewCaptureLogger()
		client, err := rocketmq.Connect(c.Config(), logs)
		require.NoError(t, err)
		for i := range 3 {
			p, err := publisher.New(publisher.Config{Client: client, ProducerGroup: fmt.Sprint(i)}, quiet)
			require.NoError(t, err)
			defer p.Close()
			require.NoError(t, p.Publish(orders, newMessage("x")))
		}
		c.Broker(0).DropConnections()
		synctest.Wait()
		said := func(l *watermill.CaptureLoggerAdapter, level watermill.LogLevel, text string) (count int) {
			for _, m := range l.Captured()[level] {
				if m.Msg == text {
					count++
				}
			}
			return count
		}
		require.Equal(t, 1, said(logs, watermill.InfoLogLevel, "Connection to RocketMQ lost"))
		require.Zero(t, said(quiet, watermill.InfoLogLevel, "Connection to RocketMQ lost"))
		require.NoError(t, client.Close())
	})
}

// Publishers that come, publish and go at once, over real sockets, for the race detector.
func TestShareAtOnce(t *testing.T) {
	c, err := embedded.Start(embedded.WithTopic(orders, 4), embedded.WithBrokers(2))
	require.NoError(t, err)
	defer c.Close()
	var mu sync.Mutex
	dialed := make(map[string]int)
	cluster := c.Config()
	cluster.Dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
		mu.Lock()
		dialed[addr]++
		mu.Unlock()
		return (&net.Dialer{}).DialContext(ctx, network, addr)
	}
	client, err := rocketmq.Connect(cluster, nil)
	require.NoError(t, err)
	var wg sync.WaitGroup
	const members, messages = 20, 50
	for i := range members {
		wg.Go(func() {
			p, err := publisher.New(publisher.Config{
				Client: client, ProducerGroup: fmt.Sprint("group-", i), Trace: publisher.TraceConfig{Enabled: i%4 == 0},
				SendTimeout: time.Minute, AttemptTimeout: time.Minute, // no message is sent again
				Hooks: []publisher.Hooks{{RouteChanged: func(string, *routing.Route, *routing.Route) {}}},
			}, nil)
			if err != nil {
				t.Error(err)
				return
			}
			for _, msg := range newMessages(messages) {
				if err := p.Publish(orders, msg); err != nil {
					t.Error(err)
				}
			}
			if err := p.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	require.NoError(t, client.Close())
	require.Len(t, messagesIn(c, orders), members*messages)
	mu.Lock()
	defer mu.Unlock()
	require.Len(t, dialed, 3)
	for addr, count := range dialed {
		require.Equal(t, 1, count, addr)
	}
}

// What Config.Client excludes is said by name.
func TestConfigClient(t *testing.T) {
	cluster := rocketmq.Cluster{NameServers: []string{"127.0.0.1:1"}, Namespace: "space"}
	client, err := rocketmq.Connect(cluster, nil)
	require.NoError(t, err)
	defer client.Close()
	require.NoError(t, publisher.Config{Client: client}.Validate())
	require.ErrorContains(t, publisher.Config{Client: client, Cluster: cluster}.Validate(), "Client and Cluster are both set")
	err = publisher.Config{Client: new(rocketmq.Client)}.Validate()
	require.EqualError(t, err, "publisher: config: Client is not one that rocketmq.Connect has returned")
	_, err = rocketmq.Connect(rocketmq.Cluster{}, nil)
	require.ErrorContains(t, err, "NameServers is empty")
	require.True(t, slices.Equal(client.Cluster().NameServers, cluster.NameServers))
	require.Equal(t, headers.Binary, client.Cluster().Headers.Serialization())
}
