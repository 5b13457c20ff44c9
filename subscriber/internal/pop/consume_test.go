package pop_test

import (
	"slices"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber/internal/delivery"
	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber/internal/engine"
)

// Each stored message comes once, and none again after it was acked and the lease is over.
func TestConsume(t *testing.T) {
	onAll(t, 8, func(w *world) {
		const n = 10_000
		want := numbered("m", n)
		w.publish(want...)
		// Brokers that are busy take seconds for the acks of many.
		m := w.member(func(cfg *engine.Config) { cfg.Lease = 15 * time.Second })
		s := m.subscribe(nil, engine.Topic{})
		got := s.take(n)
		slices.Sort(got)
		require.Equal(w.t, want, got)
		require.NoError(w.t, s.end(time.Second))
		require.Equal(w.t, n, m.observer.total())
		m.close()
		w.nothingLeft(22 * time.Second)
	}, realNames...)
}

// nothingLeft says that the group gets nothing for a time.
func (w *world) nothingLeft(d time.Duration) {
	w.t.Helper()
	m := w.member(nil)
	s := m.subscribe(nil, engine.Topic{})
	s.none(d)
	require.NoError(w.t, s.end(time.Second))
	m.close()
}

// Messages that come one by one are handed out at once, and acked.
func TestTrickle(t *testing.T) {
	onAll(t, 4, func(w *world) {
		m := w.member(nil)
		s := m.subscribe(nil, engine.Topic{})
		for _, payload := range numbered("m", 20) {
			w.publish(payload)
			require.Equal(w.t, []string{payload}, s.take(1))
		}
		require.NoError(w.t, s.end(time.Second))
		m.close()
		w.nothingLeft(5 * time.Second)
	}, realNames...)
}

// brokerNacks has all failed messages delivered again by brokers.
func brokerNacks(cfg *delivery.Config) { cfg.Redelivery.MaxLocalPause = -1 }

// deliveryOf is how often a message was delivered.
func deliveryOf(m *message.Message) int { return delivery.FromContext(m.Context()).Number }

// A nacked message is delivered again by the broker, and says that it is.
func TestNack(t *testing.T) {
	onAll(t, 4, func(w *world) {
		w.publish(numbered("m", 10)...)
		m := w.member(nil)
		s := m.subscribe(brokerNacks, engine.Topic{})
		for range 10 {
			msg := s.next()
			require.Equal(w.t, 1, deliveryOf(msg))
			msg.Nack()
		}
		again := make([]string, 0, 10)
		for range 10 {
			msg := s.next()
			require.Equal(w.t, 2, deliveryOf(msg))
			again = append(again, string(msg.Payload))
			msg.Ack()
		}
		slices.Sort(again)
		require.Equal(w.t, numbered("m", 10), again)
		require.NoError(w.t, s.end(time.Second))
		m.close()
		w.nothingLeft(5 * time.Second)
	}, realNames...)
}

// A message stays with its handler for longer than its lease.
func TestRenew(t *testing.T) {
	onAll(t, 4, func(w *world) {
		w.publish("slow")
		short := func(cfg *engine.Config) { cfg.Lease = 4 * time.Second }
		m, other := w.member(short), w.member(short)
		s := m.subscribe(nil, engine.Topic{})
		msg := s.next()
		idle := other.subscribe(nil, engine.Topic{})
		idle.none(14 * time.Second)
		require.NoError(w.t, msg.Context().Err())
		msg.Ack()
		require.NoError(w.t, s.end(time.Second))
		idle.none(8 * time.Second)
		require.NoError(w.t, idle.end(time.Second))
		m.close()
		other.close()
	}, realNames...)
}

// Messages that were taken and not handed out are given back when the subscription ends.
// Those with handlers are waited for.
func TestRelease(t *testing.T) {
	onAll(t, 4, func(w *world) {
		const n = 30
		w.publish(numbered("m", n)...)
		m := w.member(nil)
		s := m.subscribe(nil, engine.Topic{})
		with := []*message.Message{s.next(), s.next(), s.next()}
		require.Eventually(w.t, func() bool { return m.observer.total() == n }, time.Minute, 10*time.Millisecond)
		ended := make(chan error, 1)
		go func() { ended <- s.end(10 * time.Second) }()
		with = append(with, s.awaitStop()...)
		for _, msg := range with {
			msg.Ack()
		}
		require.NoError(w.t, <-ended)
		m.close()

		m = w.member(nil)
		s = m.subscribe(nil, engine.Topic{})
		got := make([]string, 0, n)
		begin := time.Now()
		for range n - len(with) {
			msg := s.next()
			got = append(got, string(msg.Payload))
			msg.Ack()
		}
		require.Less(w.t, time.Since(begin), 50*time.Second, "they came before their lease was over")
		for _, msg := range with {
			got = append(got, string(msg.Payload))
		}
		slices.Sort(got)
		require.Equal(w.t, numbered("m", n), got)
		require.NoError(w.t, s.end(time.Second))
		m.close()
		w.nothingLeft(5 * time.Second)
	}, realNames...)
}

// Messages that were never handed out have not been delivered, where brokers know that.
func TestReleaseDoesNotCount(t *testing.T) {
	onAll(t, 1, func(w *world) {
		w.publish("a", "b")
		m := w.member(nil)
		s := m.subscribe(nil, engine.Topic{})
		require.Eventually(w.t, func() bool { return m.observer.total() == 2 }, time.Minute, 10*time.Millisecond)
		require.NoError(w.t, s.end(0))
		s = m.subscribe(nil, engine.Topic{})
		for range 2 {
			msg := s.next()
			require.Equal(w.t, 1, deliveryOf(msg))
			msg.Ack()
		}
		require.NoError(w.t, s.end(time.Second))
		m.close()
	}, "5.5.0")
}
