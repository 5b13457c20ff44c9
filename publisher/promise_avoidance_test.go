package publisher_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
)

// atBroker makes one thing happen to the sends of one broker while it is on, and
// counts them.
type atBroker struct {
	on   atomic.Bool
	seen atomic.Int64
}

func startAt(c *embedded.Cluster, broker string, f embedded.Fault) *atBroker {
	a := &atBroker{}
	a.on.Store(true)
	c.Intercept(func(r embedded.Request) embedded.Fault {
		if r.Send == nil || r.Server != broker {
			return embedded.Fault{}
		}
		a.seen.Add(1)
		if !a.on.Load() {
			return embedded.Fault{}
		}
		return f
	})
	return a
}

// take returns how many sends the broker got since it was last asked.
func (a *atBroker) take() int {
	synctest.Wait()
	return int(a.seen.Swap(0))
}

// publishTo publishes n messages to a topic one after the other.
func publishTo(t testing.TB, p *publisher.Publisher, topic string, n int) {
	t.Helper()
	for range n {
		require.NoError(t, p.Publish(topic, newMessage("x")))
	}
}

// A broker that hangs costs one message its attempt. The next ones, of this topic
// and of others, go elsewhere until its time is over; then one tries it, and when
// it works it is used as before.
func TestPromiseAvoidance(t *testing.T) {
	for name, c := range map[string]struct {
		fault embedded.Fault
		cost  time.Duration // of the message that finds out
		lasts time.Duration // that the broker is avoided after it
		grows bool
	}{
		"hangs":        {embedded.Ignore(), 2 * time.Second, 10 * time.Second, true},
		"hangs up":     {embedded.DropConnection(), 0, 10 * time.Second, true},
		"busy":         {embedded.Answer(headers.SystemBusy, "[REJECTREQUEST]system busy"), 0, 10 * time.Second, true},
		"full":         {embedded.Answer(headers.ServiceNotAvailable, "service not available now."), 0, 10 * time.Second, true},
		"read-only":    {embedded.Answer(headers.NoPermission, "the broker[127.0.0.1] sending message is forbidden"), 0, 10 * time.Second, true},
		"goes away":    {embedded.Answer(headers.GoAway, "please go away"), 0, 10 * time.Second, true},
		"store failed": {embedded.Answer(headers.SystemError, "UNKNOWN_ERROR"), 0, 10 * time.Second, true},
		"slow":         {embedded.DelayAnswer(600 * time.Millisecond), 600 * time.Millisecond, 2 * time.Second, false},
		"slower":       {embedded.DelayAnswer(1800 * time.Millisecond), 1800 * time.Millisecond, 5 * time.Second, false},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, cluster *embedded.Cluster) {
				a := startAt(cluster, "broker-a", c.fault)
				p := publisherOn(t, cluster, nil)
				// finds publishes until the broker gets a message.
				finds := func() {
					t.Helper()
					elapsed := stopwatch()
					for a.take() == 0 {
						publishTo(t, p, orders, 1)
					}
					require.GreaterOrEqual(t, elapsed(), c.cost)
					require.LessOrEqual(t, elapsed(), c.cost+20*time.Millisecond)
				}
				// avoids publishes to both topics until shortly before the time is over.
				avoids := func(lasts time.Duration) {
					t.Helper()
					elapsed := stopwatch()
					for range 10 {
						publishTo(t, p, orders, 4)
						publishTo(t, p, "other", 4)
					}
					require.Zero(t, elapsed(), "they are not held up")
					time.Sleep(lasts - 50*time.Millisecond)
					publishTo(t, p, orders, 4)
					publishTo(t, p, "other", 4)
					require.Zero(t, a.take())
					time.Sleep(50 * time.Millisecond)
				}
				finds()
				avoids(c.lasts)
				finds()
				if c.grows {
					avoids(2 * c.lasts)
					finds()
					avoids(3 * c.lasts)
					finds()
					avoids(3 * c.lasts) // as long as it gets
				} else {
					avoids(c.lasts)
				}
				a.on.Store(false)
				publishTo(t, p, orders, 40)
				require.InDelta(t, 20, a.take(), 4, "an even share again")
			}, embedded.WithBrokers(2), embedded.WithTopic("other", 2))
		})
	}
}

// What a broker says about a message, or about the queue, is no fault of the broker.
func TestPromiseNoAvoidance(t *testing.T) {
	for name, f := range map[string]embedded.Fault{
		"queue gone": embedded.Answer(headers.InvalidParameter, "request queueId[7] is illegal"),
		"no topic":   embedded.Answer(headers.TopicNotExist, "topic[orders] not exist"),
		"illegal":    embedded.Answer(headers.MessageIllegal, "the message is illegal"),
		"quick":      embedded.DelayAnswer(549 * time.Millisecond),
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, c *embedded.Cluster) {
				a := startAt(c, "broker-a", f)
				p := publisherOn(t, c, nil)
				for range 40 {
					_ = p.Publish(orders, newMessage("x"))
				}
				require.Equal(t, 20, a.take(), "each second message goes there first")
			}, embedded.WithBrokers(2))
		})
	}
}

// Off, and with times of the user's own.
func TestPromiseAvoidanceConfig(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		a := startAt(c, "broker-a", embedded.Answer(headers.SystemBusy, "[REJECTREQUEST]"))
		off := publisherOn(t, c, func(c *publisher.Config) { c.Avoidance.Disabled = true })
		publishTo(t, off, orders, 40)
		require.Equal(t, 20, a.take())

		own := publisherOn(t, c, func(c *publisher.Config) { c.Avoidance.FailedFor = time.Minute })
		publishTo(t, own, orders, 2)
		require.Equal(t, 1, a.take())
		time.Sleep(59 * time.Second)
		publishTo(t, own, orders, 4)
		require.Zero(t, a.take())
		time.Sleep(time.Second)
		publishTo(t, own, orders, 2)
		require.Equal(t, 1, a.take())
	}, embedded.WithBrokers(2))
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		a := startAt(c, "broker-a", embedded.DelayAnswer(100*time.Millisecond))
		p := publisherOn(t, c, func(c *publisher.Config) { c.Avoidance.SlowAfter = 100 * time.Millisecond })
		publishTo(t, p, orders, 20)
		require.Equal(t, 1, a.take())
	}, embedded.WithBrokers(2))
}

// A broker is tried again by one request, whatever crowd is there: of its own topic
// and of another.
func TestPromiseAvoidanceProbe(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		a := startAt(c, "broker-a", embedded.Ignore())
		p := publisherOn(t, c, func(c *publisher.Config) { c.Batch.MaxMessages = 1 })
		publishTo(t, p, orders, 2)
		require.Equal(t, 1, a.take())
		time.Sleep(11 * time.Second)
		var wg sync.WaitGroup
		var late atomic.Int64
		for i := range 64 {
			topic := []string{orders, "other"}[i%2]
			wg.Go(func() {
				for range 4 {
					elapsed := stopwatch()
					if err := p.Publish(topic, newMessage("x")); err != nil {
						t.Error(err)
					}
					if elapsed() >= time.Second {
						late.Add(1)
					}
				}
			})
		}
		wg.Wait()
		require.Equal(t, 1, a.take())
		require.Equal(t, int64(1), late.Load(), "nobody else pays for it")
	}, embedded.WithBrokers(2), embedded.WithTopic("other", 2))
}

// Avoidance is a preference. Where all brokers ail those that answer are
// preferred, and a topic that has no other broker is published as ever.
func TestPromiseAvoidanceIsAPreference(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		require.NoError(t, c.Broker(0).CreateTopic("only", 1))
		a := startAt(c, "broker-a", embedded.DelayAnswer(600*time.Millisecond))
		p := publisherOn(t, c, nil)
		publishTo(t, p, "only", 3)
		require.Equal(t, 3, a.take(), "a broker that is alone is not avoided")
		publishTo(t, p, orders, 4)
		require.Zero(t, a.take())

		c.Broker(1).Kill()
		seen := newResults()
		p = publisherOn(t, c, func(c *publisher.Config) { c.OnResult = seen.add })
		for i := range 10 {
			result := publishOne(t, p, seen)
			require.Equal(t, "broker-a", result.MessageQueue.BrokerName)
			if i > 1 {
				require.Empty(t, result.Failed, "one that is slow is better than one that is dead")
			}
		}
	}, embedded.WithBrokers(2))
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		everySend(c, embedded.DelayAnswer(600*time.Millisecond))
		p := publisherOn(t, c, nil)
		publishTo(t, p, orders, 30)
		perBroker := make(map[string]int)
		for _, m := range messagesIn(c, orders) {
			perBroker[m.BrokerName]++
		}
		for _, name := range []string{"broker-a", "broker-b", "broker-c"} {
			require.InDelta(t, 10, perBroker[name], 2, "where all are slow none is preferred: %v", perBroker)
		}
	}, embedded.WithBrokers(3))
}

// Ordering keys stay where they belong, and a broker that stores one is forgiven.
func TestPromiseAvoidanceAndKeys(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		a := startAt(c, "broker-a", embedded.Answer(headers.SystemBusy, "[REJECTREQUEST]"))
		seen := newResults()
		p := publisherOn(t, c, func(c *publisher.Config) {
			c.OnResult = seen.add
			c.OrderingKey = func(_ string, msg *message.Message) (string, error) { return msg.Metadata.Get("key"), nil }
		})
		publishTo(t, p, orders, 2)
		require.Equal(t, 1, a.take())
		publishTo(t, p, orders, 4)
		require.Zero(t, a.take())
		a.on.Store(false)
		for range 6 {
			seen.next(t)
		}
		brokers := make(map[string]bool)
		for _, key := range []string{"a", "b", "c", "d", "e", "f"} {
			msg := newMessage("x")
			msg.Metadata.Set("key", key)
			require.NoError(t, p.Publish(orders, msg))
			brokers[seen.next(t).MessageQueue.BrokerName] = true
		}
		require.Len(t, brokers, 2, "keys go to all queues")
		require.NotZero(t, a.take())
		publishTo(t, p, orders, 20)
		require.InDelta(t, 10, a.take(), 2, "the keyed message was its trial")
	}, embedded.WithBrokers(2))
}

// A caller who leaves early says little about the broker.
func TestPromiseAvoidanceNeedsEvidence(t *testing.T) {
	for patience, want := range map[time.Duration]time.Duration{
		49 * time.Millisecond:  0,
		200 * time.Millisecond: 2 * time.Second,
		600 * time.Millisecond: 10 * time.Second,
	} {
		t.Run(patience.String(), func(t *testing.T) {
			inBubble(t, func(t *testing.T, c *embedded.Cluster) {
				a := startAt(c, "broker-a", embedded.Ignore())
				p := publisherOn(t, c, nil)
				for a.take() == 0 {
					ctx, cancel := context.WithCancel(t.Context())
					stop := time.AfterFunc(patience, cancel)
					_ = p.Publish(orders, messageIn(ctx))
					stop.Stop()
					cancel()
				}
				a.on.Store(false)
				if want > 0 {
					time.Sleep(want - 50*time.Millisecond)
					publishTo(t, p, orders, 4)
					require.Zero(t, a.take())
					time.Sleep(50 * time.Millisecond)
				}
				publishTo(t, p, orders, 20)
				require.InDelta(t, 10, a.take(), 2)
			}, embedded.WithBrokers(2))
		})
	}
}
