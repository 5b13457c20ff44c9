package subscriber_test

import (
	"sync"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"

	rocketmq "github.com/watermill-rocketmq/watermill-rocketmq"
	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber"
)

// shares has two channels of one group consume what comes, until both have had something
// and each message has come once.
func shares(t *testing.T, w *world, topic string, one, two <-chan *message.Message) {
	t.Helper()
	pub := w.publisher(t)
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
		shares(t, w, topic, subscribe(t, sub, topic), subscribe(t, sub, topic))
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
		shares(t, w, topic, one, two)
	})
}
