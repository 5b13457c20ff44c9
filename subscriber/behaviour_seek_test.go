package subscriber_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber"
)

// Seek takes a group back, and on, while it consumes and while it does not.
func TestSeek(t *testing.T) {
	eachEngine(t, func(t *testing.T, w *world, engine subscriber.Engine) {
		topic, group := unique("seek"), unique("group")
		pub := w.publisher(t)
		publish(t, pub, topic, 50)
		sub := newSubscriber(t, w.config(engine, group))
		messages := subscribe(t, sub, topic)
		require.Equal(t, once(50), consume(t, messages, 50))

		patiently(t, func() error { return sub.Seek(t.Context(), topic, subscriber.Earliest()) })
		require.Equal(t, once(50), consume(t, messages, 50), "again")

		require.NoError(t, sub.Close())
		publish(t, pub, topic, 50)
		sub = newSubscriber(t, w.config(engine, group))
		awaitStored(t, sub, topic, 100)
		patiently(t, func() error { return sub.Seek(t.Context(), topic, subscriber.Latest()) })
		messages = subscribe(t, sub, topic)
		list := publish(t, pub, topic, 1)
		m := next(t, messages)
		require.Equal(t, list[0].UUID, m.UUID, "those in between are passed over")
		at := info(t, m).StoreTime
		m.Ack()
		require.NoError(t, sub.Close())

		sub = newSubscriber(t, w.config(engine, group))
		patiently(t, func() error { return sub.Seek(t.Context(), topic, subscriber.At(at)) })
		messages = subscribe(t, sub, topic)
		m = next(t, messages)
		require.False(t, info(t, m).StoreTime.Before(at))
		m.Ack()

		_, err := newSubscriber(t, w.config(subscriber.Auto, "")).Lag(t.Context(), topic)
		require.ErrorIs(t, err, subscriber.ErrNoGroup)
	})
}

// Lag is the truth: before, while messages are with handlers, and after.
func TestLag(t *testing.T) {
	eachEngine(t, func(t *testing.T, w *world, engine subscriber.Engine) {
		const all = 40
		topic, group := unique("lag"), unique("group")
		publish(t, w.publisher(t), topic, all)
		sub := newSubscriber(t, w.config(engine, group))
		awaitStored(t, sub, topic, all)
		await := func(holds func(l subscriber.Lag) bool) {
			t.Helper()
			require.Eventually(t, func() bool {
				l, err := sub.Lag(t.Context(), topic)
				return err == nil && l.Err() == nil && holds(l)
			}, patience, 50*time.Millisecond)
		}
		l := lagOf(t, sub, topic)
		require.Equal(t, engine, l.Engine)
		require.EqualValues(t, all, l.Messages())
		require.Zero(t, l.InFlight)
		require.Len(t, l.Queues, 4)
		end := int64(0)
		for _, q := range l.Queues {
			require.LessOrEqual(t, q.Next, int64(0))
			end += q.End
		}
		require.EqualValues(t, all, end)

		messages := subscribe(t, sub, topic)
		first := next(t, messages)
		got := 1
		for got < all {
			next(t, messages).Ack()
			got++
		}
		// The first is in flight, and the others are not.
		await(func(l subscriber.Lag) bool { return l.InFlight == 1 })
		if engine == subscriber.Pull {
			of := info(t, first)
			await(func(l subscriber.Lag) bool {
				queue := l.Queues[of.QueueID]
				return queue.Assigned && queue.Next == of.QueueOffset && l.Messages() == queue.Messages()
			})
		} else {
			await(func(l subscriber.Lag) bool { return l.InFlight == 1 && l.Messages() == 0 }) // all has been handed out
		}
		first.Ack()
		await(func(l subscriber.Lag) bool { return l.InFlight == 0 && l.Messages() == 0 })
		require.Contains(t, lagOf(t, sub, topic).String(), topic+", group "+group)
	})
}
