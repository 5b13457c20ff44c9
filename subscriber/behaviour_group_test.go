package subscriber_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"

	rocketmq "github.com/watermill-rocketmq/watermill-rocketmq"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber"
)

// shares has two channels of one group consume what comes, until both have had something
// and each message has come once.
func shares(t *testing.T, pub *publisher.Publisher, topic string, one, two <-chan *message.Message) {
	t.Helper()
	got := make(map[string]int)
	var of [2]int
	sent := 0
	take := func(i int, m *message.Message) {
		got[m.UUID]++
		of[i]++
		require.Equal(t, 1, got[m.UUID], "delivery %d", info(t, m).Deliveries)
		m.Ack()
	}
	// Queues may have to be divided first, and messages to be spread over them.
	for round := 0; round < 100 && (of[0] == 0 || of[1] == 0); round++ {
		sent += 20
		for range 20 { // one at a time: publishers change the queue with each request
			publish(t, pub, topic, 1)
		}
		for len(got) < sent {
			select {
			case m := <-one:
				take(0, m)
			case m := <-two:
				take(1, m)
			case <-time.After(patience):
				require.FailNow(t, "a message is missing", "%d of %d", len(got), sent)
			}
		}
	}
	require.NotZero(t, of[0])
	require.NotZero(t, of[1])
}

// Two subscriptions of one Subscriber to one topic share it.
func TestSubscribeTwice(t *testing.T) {
	eachEngine(t, func(t *testing.T, w *world, engine subscriber.Engine) {
		topic := unique("twice")
		sub := newSubscriber(t, w.config(engine, unique("group")))
		shares(t, w.publisher(t), topic, subscribe(t, sub, topic), subscribe(t, sub, topic))
	})
}

// Two Subscribers that were lent one Client are two members of their group.
func TestTwoSubscribersOnOneClient(t *testing.T) {
	eachEngine(t, func(t *testing.T, w *world, engine subscriber.Engine) {
		client, err := rocketmq.Connect(w.cluster, nil)
		require.NoError(t, err)
		t.Cleanup(func() { _ = client.Close() })
		topic := unique("lent")
		cfg := w.config(engine, unique("group"))
		cfg.Client, cfg.Cluster = client, rocketmq.Cluster{}
		var mu sync.Mutex
		queues := make(map[int]int)
		watch := func(member int) func(e subscriber.RebalanceEvent) {
			return func(e subscriber.RebalanceEvent) {
				if e.Topic != topic {
					return
				}
				mu.Lock()
				defer mu.Unlock()
				queues[member] = len(e.After)
			}
		}
		cfg.Hooks = append(cfg.Hooks, subscriber.Hooks{Rebalanced: watch(1)})
		one := subscribe(t, newSubscriber(t, cfg), topic)
		cfg.Hooks = append(cfg.Hooks, subscriber.Hooks{Rebalanced: watch(2)})
		two := subscribe(t, newSubscriber(t, cfg), topic)
		if engine == subscriber.Pull {
			require.Eventually(t, func() bool {
				mu.Lock()
				defer mu.Unlock()
				return queues[1] == 2 && queues[2] == 2
			}, patience, 10*time.Millisecond)
		}
		shares(t, w.publisher(t), topic, one, two)
	})
}

// They stay two members when their first Subscribes fail, and when one of them has had no
// subscription for a while.
func TestTwoSubscribersOnOneClientStayApart(t *testing.T) {
	for name, without := range map[string]func(t *testing.T, c *embedded.Cluster, one, two *subscriber.Subscriber){
		"failed": func(t *testing.T, c *embedded.Cluster, one, two *subscriber.Subscriber) {
			remove := c.Intercept(func(r embedded.Request) embedded.Fault {
				if r.Code == headers.CodeHeartbeat {
					return embedded.Ignore()
				}
				return embedded.Fault{}
			})
			for _, s := range []*subscriber.Subscriber{one, two} {
				_, err := s.Subscribe(t.Context(), "orders")
				require.Error(t, err)
			}
			remove()
		},
		"ended": func(t *testing.T, _ *embedded.Cluster, one, _ *subscriber.Subscriber) {
			ctx, cancel := context.WithCancel(t.Context())
			messages, err := one.Subscribe(ctx, "orders")
			require.NoError(t, err)
			cancel()
			<-messages
			time.Sleep(time.Second)
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, err := embedded.Start(embedded.InMemory(), embedded.WithTopic("orders", 4))
				require.NoError(t, err)
				client, err := rocketmq.Connect(c.Config(), nil)
				require.NoError(t, err)
				cfg := subscriber.Config{Client: client, Group: "billing", Engine: subscriber.Pull, StartTimeout: 5 * time.Second}
				one, err := subscriber.New(cfg, nil)
				require.NoError(t, err)
				two, err := subscriber.New(cfg, nil)
				require.NoError(t, err)
				without(t, c, one, two)

				// The one that was not the first to have the group is the first to have it again.
				ofTwo, err := two.Subscribe(t.Context(), "orders")
				require.NoError(t, err)
				ofOne, err := one.Subscribe(t.Context(), "orders")
				require.NoError(t, err)
				time.Sleep(time.Minute) // the queues are divided
				pub, err := publisher.New(publisher.Config{Cluster: c.Config()}, nil)
				require.NoError(t, err)
				shares(t, pub, "orders", ofOne, ofTwo)
				require.NoError(t, pub.Close())
				require.NoError(t, one.Close())
				require.NoError(t, two.Close())
				require.NoError(t, client.Close())
				require.NoError(t, c.Close())
			})
		})
	}
}
