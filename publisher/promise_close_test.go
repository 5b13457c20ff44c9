package publisher_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
)

// That no goroutine is left after Close needs no test of its own here: the bubble
// of each test would not end.

func TestPromiseCloseUnused(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		p := unclosedPublisherOn(t, c, nil)
		elapsed := stopwatch()
		require.NoError(t, p.Close())
		require.Zero(t, elapsed())
		require.Zero(t, c.Stats().Accepted())
	})
}

func TestPromiseClosedRefuses(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		p := unclosedPublisherOn(t, c, nil)
		require.NoError(t, p.Publish(orders, newMessage("x")))
		require.NoError(t, p.Close())
		require.NoError(t, p.Close())
		err := p.Publish(orders, newMessages(3)...)
		require.ErrorIs(t, err, publisher.ErrClosed)
		failed := failureOf(t, err)
		require.Equal(t, publisher.NotSent, failed.Outcome())
		require.Equal(t, publisher.ErrClosed, failed.Results[0].Err)
		require.Equal(t, publisher.ErrNotAttempted, failed.Results[2].Err)
		require.Equal(t, 1, sends(c))
		for _, server := range c.Stats() {
			require.Zero(t, server.Open)
		}
	})
}

// ends is what Publish and Close returned, and when, counted from the Close.
type ends struct {
	published, closed     error
	publishedAt, closedAt time.Duration
}

// closing closes p while a Publish call of two messages blocks.
func closing(p *publisher.Publisher) (e ends) {
	var wg sync.WaitGroup
	var elapsed func() time.Duration
	wg.Go(func() {
		e.published = p.Publish(orders, newMessages(2)...)
		e.publishedAt = elapsed()
	})
	time.Sleep(time.Second)
	elapsed = stopwatch()
	e.closed = p.Close()
	e.closedAt = elapsed()
	wg.Wait()
	return e
}

func TestPromiseCloseDrains(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		everySend(c, embedded.DelayAnswer(4*time.Second))
		p := unclosedPublisherOn(t, c, func(c *publisher.Config) {
			c.SendTimeout, c.AttemptTimeout = time.Minute, time.Minute
		})
		e := closing(p)
		require.NoError(t, e.published)
		require.NoError(t, e.closed)
		require.Equal(t, 3*time.Second, e.publishedAt)
		require.Equal(t, 3*time.Second, e.closedAt)
		require.Len(t, messagesIn(c, orders), 2)
	})
}

// Draining includes the messages of a call whose turn has not come.
func TestPromiseCloseDrainsWhatWaits(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		everySend(c, embedded.DelayAnswer(4*time.Second))
		p := unclosedPublisherOn(t, c, func(c *publisher.Config) {
			c.SendTimeout, c.AttemptTimeout, c.Batch.MaxMessages = time.Minute, time.Minute, 1
		})
		e := closing(p)
		require.NoError(t, e.published)
		require.NoError(t, e.closed)
		require.Equal(t, 7*time.Second, e.publishedAt, "both messages of the call are sent")
		require.Len(t, messagesIn(c, orders), 2)
	})
}

// What still blocks after CloseTimeout is cut off, whatever it waits for.
func TestPromiseCloseCutsOff(t *testing.T) {
	for name, cut := range map[string]struct {
		prepare func(c *embedded.Cluster)
		dial    func(ctx context.Context, network, addr string) (net.Conn, error)
		outcome publisher.Outcome
	}{
		"answer": {
			prepare: func(c *embedded.Cluster) { everySend(c, embedded.Ignore()) },
			outcome: publisher.MayBeStored,
		},
		"route": {
			prepare: func(c *embedded.Cluster) { c.Intercept(ignoreRoutes) },
		},
		"pause": {
			prepare: func(c *embedded.Cluster) { everySend(c, embedded.Answer(headers.FlowControl, "")) },
		},
		"dial": {
			prepare: func(*embedded.Cluster) {},
			dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
				<-ctx.Done()
				return nil, context.Cause(ctx)
			},
		},
		// With no time left there is no goodbye that a broker could fail to answer.
		"pause, silent broker": {
			prepare: func(c *embedded.Cluster) {
				everySend(c, embedded.Answer(headers.FlowControl, ""))
				c.Intercept(func(r embedded.Request) embedded.Fault {
					if r.Code == headers.CodeUnregisterClient {
						return embedded.Ignore()
					}
					return embedded.Fault{}
				})
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, c *embedded.Cluster) {
				cut.prepare(c)
				p := unclosedPublisherOn(t, c, func(c *publisher.Config) {
					c.SendTimeout, c.AttemptTimeout, c.CloseTimeout = time.Hour, time.Hour, 5*time.Second
					c.Batch.MaxMessages = 1
					if cut.dial != nil {
						c.Cluster.Dial, c.Cluster.DialTimeout = cut.dial, time.Hour
					}
				})
				e := closing(p)
				require.Equal(t, publisher.ErrCloseTimeout, e.closed)
				require.Equal(t, publisher.ErrCloseTimeout, p.Close(), "each call returns the same")
				require.Equal(t, 5*time.Second, e.closedAt)
				require.Equal(t, 5*time.Second, e.publishedAt)
				require.ErrorIs(t, e.published, publisher.ErrClosed)
				require.Equal(t, []publisher.Outcome{cut.outcome, publisher.NotSent}, outcomes(failureOf(t, e.published)))
			})
		})
	}
}

// A Dial that does not heed its context is left behind, and what it brings in
// the end is closed.
func TestPromiseCloseDespiteDial(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		release := make(chan struct{})
		p := unclosedPublisherOn(t, c, func(config *publisher.Config) {
			config.CloseTimeout = time.Second
			config.Cluster.Dial = func(_ context.Context, network, addr string) (net.Conn, error) {
				<-release
				return c.Dial(context.Background(), network, addr)
			}
		})
		e := closing(p)
		require.Equal(t, publisher.ErrCloseTimeout, e.closed)
		require.ErrorIs(t, e.published, publisher.ErrClosed)
		require.LessOrEqual(t, e.closedAt, 2*time.Second)
		close(release)
		require.Zero(t, sends(c))
		require.Zero(t, c.Stats()["nameserver-0"].Open)
	})
}

// Every Close returns when all is over, and the same.
func TestPromiseCloseFromMany(t *testing.T) {
	for name, c := range map[string]struct {
		fault embedded.Fault
		want  error
		took  time.Duration
	}{
		"drained":     {embedded.Delay(2 * time.Second), nil, 2 * time.Second},
		"not drained": {embedded.Ignore(), publisher.ErrCloseTimeout, 10 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, cluster *embedded.Cluster) {
				everySend(cluster, c.fault)
				p := unclosedPublisherOn(t, cluster, func(c *publisher.Config) { c.SendTimeout, c.AttemptTimeout = time.Minute, time.Minute })
				var wg sync.WaitGroup
				wg.Go(func() { _ = p.Publish(orders, newMessage("x")) })
				synctest.Wait() // until the message is on its way
				elapsed := stopwatch()
				for i := range 16 {
					wg.Go(func() {
						time.Sleep(time.Duration(i) * time.Millisecond)
						if err := p.Close(); !errors.Is(err, c.want) || elapsed() < c.took {
							t.Errorf("%v after %v", err, elapsed())
						}
					})
				}
				wg.Wait()
			})
		})
	}
}

// In a crowd every call is either published or refused, and nothing is stored
// that was refused.
func TestPromiseCloseInACrowd(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		everySend(c, embedded.DelayAnswer(time.Millisecond))
		p := unclosedPublisherOn(t, c, nil)
		var mu sync.Mutex
		published, refused := 0, 0
		var wg sync.WaitGroup
		for range 32 {
			wg.Go(func() {
				for range 20 {
					err := p.Publish(orders, newMessage("x"))
					mu.Lock()
					switch {
					case err == nil:
						published++
					case errors.Is(err, publisher.ErrClosed) && failureOf(t, err).Outcome() == publisher.NotSent:
						refused++
					default:
						t.Error(err)
					}
					mu.Unlock()
				}
			})
		}
		time.Sleep(10 * time.Millisecond)
		require.NoError(t, p.Close())
		wg.Wait()
		require.NotZero(t, published)
		require.NotZero(t, refused)
		require.Len(t, messagesIn(c, orders), published)
	})
}

// Close says goodbye to each broker that is connected.
func TestPromiseCloseUnregisters(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		var mu sync.Mutex
		var goodbyes []string
		c.Intercept(func(r embedded.Request) embedded.Fault {
			if r.Code == headers.CodeUnregisterClient {
				mu.Lock()
				defer mu.Unlock()
				goodbyes = append(goodbyes, r.Server)
				if r.Command.Fields.String("producerGroup") != "shop" || r.Command.Fields.String("clientID") == "" {
					t.Errorf("goodbye from nobody: %+v", r)
				}
			}
			return embedded.Fault{}
		})
		p := unclosedPublisherOn(t, c, func(c *publisher.Config) { c.ProducerGroup = "shop" })
		for _, msg := range newMessages(3) { // each to another broker
			require.NoError(t, p.Publish(orders, msg))
		}
		c.Broker(2).Kill()
		time.Sleep(time.Second)
		elapsed := stopwatch()
		require.NoError(t, p.Close())
		require.Zero(t, elapsed(), "a broker that is gone is not waited for")
		require.ElementsMatch(t, []string{"broker-a", "broker-b"}, goodbyes)
	}, embedded.WithBrokers(3))
}

// Brokers that do not answer the goodbye are waited for side by side, a second in
// all, and not beyond CloseTimeout.
func TestPromiseCloseSilentBrokers(t *testing.T) {
	for limit, want := range map[time.Duration]time.Duration{
		10 * time.Second: time.Second, 300 * time.Millisecond: 300 * time.Millisecond,
	} {
		inBubble(t, func(t *testing.T, c *embedded.Cluster) {
			c.Intercept(func(r embedded.Request) embedded.Fault {
				if r.Code == headers.CodeUnregisterClient {
					return embedded.Ignore()
				}
				return embedded.Fault{}
			})
			p := unclosedPublisherOn(t, c, func(c *publisher.Config) { c.CloseTimeout = limit })
			for _, msg := range newMessages(3) { // each to another broker
				require.NoError(t, p.Publish(orders, msg))
			}
			elapsed := stopwatch()
			require.NoError(t, p.Close())
			require.Equal(t, want, elapsed())
		}, embedded.WithBrokers(3))
	}
}

// A heartbeat that is never answered does not hold up Close.
func TestPromiseCloseDuringHeartbeat(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		c.Intercept(func(r embedded.Request) embedded.Fault {
			if r.Code == headers.CodeHeartbeat {
				return embedded.Ignore()
			}
			return embedded.Fault{}
		})
		p := unclosedPublisherOn(t, c, nil)
		require.NoError(t, p.Publish(orders, newMessage("x")))
		elapsed := stopwatch()
		require.NoError(t, p.Close())
		require.Zero(t, elapsed())
	})
}

// Watermill's metrics and logs name a publisher by its String, which must not
// differ from one to the next.
func TestPromiseString(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		var name fmt.Stringer = publisherOn(t, c, nil)
		require.Equal(t, "rocketmq.Publisher", name.String())
		require.Equal(t, name.String(), publisherOn(t, c, func(c *publisher.Config) { c.ProducerGroup = "shop" }).String())
	})
}

// A call that ends in a panic of the user's own code is over for Close too.
func TestPromiseCloseAfterPanic(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		p := unclosedPublisherOn(t, c, func(c *publisher.Config) { c.OnResult = func(publisher.Result) { panic("mine") } })
		require.PanicsWithValue(t, "mine", func() { _ = p.Publish(orders, newMessage("x")) })
		elapsed := stopwatch()
		require.NoError(t, p.Close())
		require.Zero(t, elapsed())
	})
}
