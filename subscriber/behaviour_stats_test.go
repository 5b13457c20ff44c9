package subscriber_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber"
)

// Stats has what is there at the moment.
func TestStats(t *testing.T) {
	eachEngine(t, func(t *testing.T, w *world, engine subscriber.Engine) {
		topic := unique("stats")
		cfg := w.config(engine, unique("group"))
		if engine == subscriber.Pull {
			cfg.CommitInterval = time.Hour
		}
		cfg.CloseTimeout = 100 * time.Millisecond
		sub := newSubscriber(t, cfg)
		require.Equal(t, subscriber.Auto, sub.Stats().Engine)
		require.Empty(t, sub.Stats().Subscriptions)
		messages := subscribe(t, sub, topic)
		publish(t, w.publisher(t), topic, 4)
		await := func(what string, ok func(s subscriber.SubscriptionStats) bool) {
			t.Helper()
			require.Eventually(t, func() bool { return ok(sub.Stats().Subscriptions[0]) }, patience, 10*time.Millisecond, what)
		}
		await("all have come", func(s subscriber.SubscriptionStats) bool {
			return s.InFlight.Messages == 4 && s.InFlight.Bytes > 0 && s.HandedOut == 0 && s.PendingAcks == 0
		})
		next(t, messages)
		m := next(t, messages)
		await("two are with handlers", func(s subscriber.SubscriptionStats) bool {
			return s.InFlight.Messages == 4 && s.HandedOut == 2 && s.PendingAcks == 0
		})
		m.Ack()
		await("one is acked", func(s subscriber.SubscriptionStats) bool {
			return s.InFlight.Messages == 3 && s.HandedOut == 1 && (s.PendingAcks == 1 || engine == subscriber.POP)
		})
		s := sub.Stats()
		require.Equal(t, engine, s.Engine)
		require.Equal(t, topic, s.Subscriptions[0].Topic)
		require.Equal(t, topic, s.Subscriptions[0].RocketMQTopic)
		if engine == subscriber.Pull {
			require.Len(t, s.Subscriptions[0].Queues, 4)
		} else {
			require.Nil(t, s.Subscriptions[0].Queues)
		}
		require.NotEmpty(t, s.Client.Connections)
		require.NotEmpty(t, s.Client.Routes)
		require.NoError(t, sub.Close())
		require.Empty(t, sub.Stats().Subscriptions)
	})
}
