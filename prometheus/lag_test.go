package promrocketmq_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	promrocketmq "github.com/watermill-rocketmq/watermill-rocketmq/prometheus"
	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber"
)

const lagMetric, lagFailures = "rocketmq_subscriber_lag_messages", "rocketmq_subscriber_lag_failures_total"

// The lag is asked for in the background, and its gauge ends while it is not known, and when
// nobody asks any more.
func TestPollLag(t *testing.T) {
	inBubble(t, func(w *world) {
		s := w.subscriber(nil)
		p := w.publisher(nil)
		require.NoError(t, s.SubscribeInitialize(orders))
		require.NoError(t, p.Publish(orders, newMessage("1"), newMessage("2")))
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error)
		go func() {
			done <- w.metrics.PollLag(ctx, s, promrocketmq.LagConfig{Topics: []string{orders, orders}, Interval: time.Minute})
		}()
		time.Sleep(10 * time.Second) // until the first poll is over, which may wait for lookups
		w.require(`
			rocketmq_subscriber_lag_failures_total{group="billing",topic="orders"} 0
			rocketmq_subscriber_lag_messages{group="billing",topic="orders"} 2
		`, lagMetric, lagFailures)

		require.NoError(t, p.Publish(orders, newMessage("3")))
		w.require(`rocketmq_subscriber_lag_messages{group="billing",topic="orders"} 2`, lagMetric)
		time.Sleep(time.Minute)
		w.require(`rocketmq_subscriber_lag_messages{group="billing",topic="orders"} 3`, lagMetric)

		undo := w.cluster.Intercept(func(r embedded.Request) embedded.Fault {
			if r.Code == headers.CodeMaxOffset {
				return embedded.Ignore()
			}
			return embedded.Fault{}
		})
		time.Sleep(time.Minute)
		w.require(`rocketmq_subscriber_lag_failures_total{group="billing",topic="orders"} 1`, lagMetric, lagFailures)
		undo()
		time.Sleep(time.Minute)
		w.require(`rocketmq_subscriber_lag_messages{group="billing",topic="orders"} 3`, lagMetric)

		cancel()
		require.NoError(t, <-done)
		require.Empty(t, series(t, w.registry, lagMetric))
	})
}

// Without a list the topics are those of the subscriptions, and the end is that of the
// Subscriber.
func TestPollLagOfSubscriptions(t *testing.T) {
	inBubble(t, func(w *world) {
		s := w.subscriber(func(c *subscriber.Config) {
			c.MaxInFlight = subscriber.InFlight{Messages: 1, Bytes: 1 << 20}
			c.CloseTimeout = time.Second
		})
		done := make(chan error)
		go func() { done <- w.metrics.PollLag(context.Background(), s, promrocketmq.LagConfig{}) }()
		synctest.Wait()
		require.Empty(t, series(t, w.registry, lagMetric))
		w.subscribe(s, orders)
		w.subscribe(s, "others")
		time.Sleep(promrocketmq.DefaultLagInterval + 10*time.Second)
		w.require(`
			rocketmq_subscriber_lag_messages{group="billing",topic="orders"} 0
			rocketmq_subscriber_lag_messages{group="billing",topic="others"} 0
		`, lagMetric)
		require.NoError(t, s.Close())
		require.NoError(t, <-done)
		require.Empty(t, series(t, w.registry, lagMetric))
	})
}

func TestPollLagRefuses(t *testing.T) {
	inBubble(t, func(w *world) {
		everybody := w.subscriber(func(c *subscriber.Config) { c.Group = "" })
		require.ErrorIs(t, w.metrics.PollLag(w.Context(), everybody, promrocketmq.LagConfig{}), subscriber.ErrNoGroup)
		s := w.subscriber(nil)
		require.Error(t, w.metrics.PollLag(w.Context(), s, promrocketmq.LagConfig{Interval: -1}))
		require.Error(t, w.metrics.PollLag(w.Context(), s, promrocketmq.LagConfig{Timeout: -1}))
	})
}
