package promrocketmq_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	rocketmq "github.com/watermill-rocketmq/watermill-rocketmq"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/realbroker"
	promrocketmq "github.com/watermill-rocketmq/watermill-rocketmq/prometheus"
	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber"
)

// Times on the real clock, which only tests that fail take. A busy machine may take many
// times what an idle one does.
const (
	// patience is how long the test waits for what must happen on a real broker.
	patience = 3 * time.Minute
	// realTimeout is longer than a real broker that lives takes for an answer.
	realTimeout = 30 * time.Second
)

// On real brokers the same is counted, by POP from 5.5.0 and by pulls from 4.9.7, and the lag
// is what the broker's tool says.
func TestRealBroker(t *testing.T) {
	for _, version := range realbroker.Versions() {
		t.Run(version, func(t *testing.T) {
			cluster := realbroker.Start(t, realbroker.Config{Version: version})
			cluster.CreateTopic(t, orders, 1)
			testCounts(newWorld(t, rocketmq.Cluster{NameServers: cluster.NameServers()}))
			progress := cluster.ConsumerProgress
			if version != "4.9.7" { // whose mqadmin cannot ask for one topic
				progress = func(t testing.TB, group string) []realbroker.QueueProgress {
					return cluster.ConsumerProgressIn(t, group, orders)
				}
			}
			// What a broker says of a group that has left may be seconds old.
			behind := func() []realbroker.QueueProgress {
				return slices.DeleteFunc(progress(t, group), func(q realbroker.QueueProgress) bool { return q.Diff == 0 })
			}
			left := behind()
			for begin := time.Now(); len(left) > 0 && time.Since(begin) < patience; {
				left = behind()
			}
			require.Empty(t, left)
		})
	}
}

func testCounts(w *world) {
	w.Helper()
	s := w.subscriber(func(c *subscriber.Config) {
		c.CommitInterval = 100 * time.Millisecond
		c.Redelivery = subscriber.RedeliveryConfig{MinPause: time.Millisecond, MaxPause: time.Millisecond}
	})
	require.NoError(w, s.SubscribeInitialize(orders))
	p := w.publisher(nil)
	w.metrics.AddPublisher(p)
	w.metrics.AddSubscriber(s)
	require.NoError(w, p.Publish(orders, newMessage("1"), newMessage("2")))
	require.NoError(w, p.Publish(orders, newMessage("3")))

	ctx, cancel := context.WithCancel(context.Background())
	polled := make(chan error, 1)
	go func() {
		polled <- w.metrics.PollLag(ctx, s, promrocketmq.LagConfig{Topics: []string{orders}, Interval: 100 * time.Millisecond})
	}()
	lag := func(want string) {
		w.eventually(`rocketmq_subscriber_lag_messages{group="billing",topic="orders"} `+want, lagMetric)
	}
	lag("3")
	messages := w.subscribe(s, orders)
	nacked := false
	for range 4 { // three messages, one of them twice
		if m := <-messages; m.UUID == "2" && !nacked {
			nacked = m.Nack()
		} else {
			m.Ack()
		}
	}
	w.eventually(`rocketmq_subscriber_acks_total{group="billing",topic="orders"} 3`, "rocketmq_subscriber_acks_total")
	lag("0")
	cancel()
	require.NoError(w, <-polled)
	w.require(`
		rocketmq_publisher_attempts_total{broker="broker-a",code="SUCCESS"} 2
		rocketmq_publisher_messages_total{outcome="may_be_stored",topic="orders"} 0
		rocketmq_publisher_messages_total{outcome="not_sent",topic="orders"} 0
		rocketmq_publisher_messages_total{outcome="oneway",topic="orders"} 0
		rocketmq_publisher_messages_total{outcome="stored",topic="orders"} 3
		rocketmq_subscriber_nacks_total{group="billing",topic="orders"} 1
	`, "rocketmq_publisher_attempts_total", "rocketmq_publisher_messages_total", "rocketmq_subscriber_nacks_total")
	// What a broker has leased for an answer that was lost comes for the first time as again.
	var may [][]string
	for first := range 4 {
		may = append(may, linesOf(fmt.Sprintf(`
			rocketmq_subscriber_deliveries_total{delivery="again",group="billing",topic="orders"} %d
			rocketmq_subscriber_deliveries_total{delivery="first",group="billing",topic="orders"} %d
		`, 4-first, first)))
	}
	require.Contains(w, may, series(w, w.registry, "rocketmq_subscriber_deliveries_total"))
}

// eventually waits until a metric has a line.
func (w *world) eventually(line, name string) {
	w.Helper()
	require.EventuallyWithT(w, func(c *assert.CollectT) {
		assert.Contains(c, series(w, w.registry, name), line)
	}, patience, 10*time.Millisecond)
}
