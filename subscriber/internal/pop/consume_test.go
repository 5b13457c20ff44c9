package pop_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
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
		// Brokers that are busy take seconds for the acks of many, and a member gives back
		// what has waited in it for a third of its lease.
		w.withLeases(8, func(lease time.Duration) error {
			w.publish(want...)
			short := func(cfg *engine.Config) { cfg.Lease = lease }
			m := w.member(short)
			s := m.subscribe(nil, engine.Topic{})
			got, again := s.takeAll(n)
			require.Equal(w.t, want, got)
			err := s.end(time.Second)
			if fetched := m.observer.total(); again > 0 || fetched != n {
				err = errors.Join(err, fmt.Errorf("of %d messages %d came again, and %d were fetched", n, again, fetched))
			}
			m.close()
			if err != nil {
				return err
			}
			next := w.member(short)
			idle := next.subscribe(nil, engine.Topic{})
			err = idle.staysIdle(lease+7*time.Second, nil)
			require.NoError(w.t, idle.end(time.Second))
			next.close()
			return err
		})
	}, realNames...)
}

// takeAll receives messages and acks them until n have come. It returns their payloads, and
// how often one came again.
func (s *subscription) takeAll(n int) (payloads []string, again int) {
	s.m.w.t.Helper()
	seen := make(map[string]bool, n)
	for len(seen) < n {
		m := s.next()
		if seen[string(m.Payload)] {
			again++
		}
		seen[string(m.Payload)] = true
		m.Ack()
	}
	return slices.Sorted(maps.Keys(seen)), again
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

// An answer is told of once, whatever queues its messages are of.
func TestFetchedIsToldOnce(t *testing.T) {
	inBubble(t, 4, func(w *world) {
		w.publishInOrder(20, 1)
		m := w.member(nil)
		s := m.subscribe(nil, engine.Topic{})
		s.take(20)
		w.publish("last")
		s.take(1)
		answers := m.observer.all()
		require.Len(w.t, answers, 2)
		require.Equal(w.t, 20, answers[0].messages)
		require.EqualValues(w.t, -1, answers[0].queue.QueueID)
		require.Equal(w.t, 1, answers[1].messages)
		require.GreaterOrEqual(w.t, answers[1].queue.QueueID, int32(0))
		require.NoError(w.t, s.end(time.Second))
		m.close()
	})
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
		// The first may come again before the last has come.
		first, again := make([]string, 0, 10), make([]string, 0, 10)
		for len(again) < 10 {
			msg := s.next()
			if payload := string(msg.Payload); !slices.Contains(first, payload) {
				require.Equal(w.t, 1, deliveryOf(msg))
				first = append(first, payload)
				msg.Nack()
			} else {
				require.Equal(w.t, 2, deliveryOf(msg))
				again = append(again, payload)
				msg.Ack()
			}
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
		w.withLeases(4, func(lease time.Duration) error {
			w.publish("slow")
			short := func(cfg *engine.Config) { cfg.Lease = lease }
			m, other := w.member(short), w.member(short)
			s := m.subscribe(nil, engine.Topic{})
			msg := s.next()
			idle := other.subscribe(nil, engine.Topic{})
			err := idle.staysIdle(3*lease+lease/2, msg)
			msg.Ack()
			require.NoError(w.t, s.end(time.Second))
			if err == nil {
				err = idle.staysIdle(2*lease, nil)
			}
			require.NoError(w.t, idle.end(time.Second))
			m.close()
			other.close()
			return err
		})
	}, realNames...)
}

// withLeases tries something with a lease that a renewal or an ack may miss on a busy
// machine: with a short one, and where that fails with longer ones, each with a topic of so
// many queues and a group of its own.
func (w *world) withLeases(queues int, try func(lease time.Duration) error) {
	w.t.Helper()
	for lease := 4 * time.Second; ; lease *= 4 {
		err := try(lease)
		if err == nil {
			return
		}
		require.Less(w.t, lease, time.Minute, "%v", err)
		require.NotNil(w.t, w.real, "%v", err) // nothing takes its time in a bubble
		w.t.Logf("with a lease of %v: %v", lease, err)
		w.topic, w.group = w.topic+"-again", w.group+"-again"
		w.createTopic(queues)
	}
}

// staysIdle says why a message comes within a time, which it acks, or why the lease of one
// that is with a handler is lost.
func (s *subscription) staysIdle(d time.Duration, with *message.Message) error {
	var lost <-chan struct{}
	if with != nil {
		lost = with.Context().Done()
	}
	select {
	case m := <-s.output.Channel():
		m.Ack()
		return fmt.Errorf("message %s came", m.Payload)
	case <-lost:
		return context.Cause(with.Context())
	case <-time.After(d):
		return nil
	}
}

// Messages that were taken and not handed out are given back when the subscription ends.
// Those with handlers are waited for.
func TestRelease(t *testing.T) {
	onAll(t, 4, func(w *world) {
		const n, lease = 30, 10 * time.Minute
		w.publish(numbered("m", n)...)
		m := w.member(func(cfg *engine.Config) { cfg.Lease = lease })
		s := m.subscribe(nil, engine.Topic{})
		with := []*message.Message{s.next(), s.next(), s.next()}
		require.Eventually(w.t, func() bool { return m.observer.total() == n }, patience, 10*time.Millisecond)
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
		require.Less(w.t, time.Since(begin), lease/2, "they came before their lease was over")
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
		require.Eventually(w.t, func() bool { return m.observer.total() == 2 }, patience, 10*time.Millisecond)
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
