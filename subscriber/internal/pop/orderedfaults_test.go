package pop_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber/internal/engine"
)

// attempts are the attempt ids of the pops that have come.
func attempts(t testing.TB, r *requests) (ids []string) {
	t.Helper()
	for _, c := range r.of(headers.CodePopMessage) {
		h, err := headers.ParsePopMessage(&c)
		require.NoError(t, err)
		require.True(t, h.Order)
		require.Zero(t, h.QueueID)
		ids = append(ids, h.AttemptID)
	}
	return ids
}

// A pop whose answer is lost is repeated as the same attempt, which brings the same messages
// at once. Another pop is another attempt.
func TestOrderedPopIsRepeated(t *testing.T) {
	inBubble(t, 1, func(w *world) {
		w.publishInOrder(1, 40)
		r := w.requests()
		r.next(headers.CodePopMessage, embedded.StoreThenDrop(), embedded.StoreThenDrop())
		m := w.member(inOrder)
		s := m.subscribe(ordered, engine.Topic{})
		begin := time.Now()
		var o order
		for range 40 {
			msg := s.next()
			require.NoError(w.t, o.take(string(msg.Payload)))
			require.Equal(w.t, 1, deliveryOf(msg))
			msg.Ack()
		}
		require.Less(w.t, time.Since(begin), 5*time.Second)
		require.NoError(w.t, s.end(time.Second))
		m.close()
		ids := attempts(w.t, r)
		require.NotEmpty(w.t, ids[0])
		require.Equal(w.t, []string{ids[0], ids[0]}, ids[1:3])
		require.NotContains(w.t, ids[3:], ids[0])
	})
}

// The acks of a batch go out as one, at once when it is done, and before that when a handler
// is slow. The next pop waits for the answer.
func TestOrderedAcks(t *testing.T) {
	inBubble(t, 1, func(w *world) {
		w.publishInOrder(1, 64)
		r := w.requests()
		m := w.member(inOrder)
		s := m.subscribe(ordered, engine.Topic{})
		r.next(headers.CodeBatchAckMessage, embedded.DelayAnswer(2*time.Second))
		s.take(32)
		synctest.Wait()
		require.Equal(w.t, 1, r.take(headers.CodeBatchAckMessage))
		require.Equal(w.t, 1, r.take(headers.CodePopMessage))
		begin := time.Now()
		msg := s.next()
		require.Equal(w.t, 2*time.Second, time.Since(begin))
		msg.Ack()
		slow := s.next()
		time.Sleep(200 * time.Millisecond)
		require.Equal(w.t, 1, r.take(headers.CodeBatchAckMessage))
		slow.Ack()
		s.take(30)
		synctest.Wait()
		require.Equal(w.t, 1, r.take(headers.CodeBatchAckMessage))
		require.NoError(w.t, s.end(time.Second))
		m.close()
	})
}

// Acks in order are sent until they are answered: no message comes twice, and none before
// others.
func TestOrderedLostAck(t *testing.T) {
	for name, fault := range map[string]embedded.Fault{"cut before": embedded.DropConnection(), "cut after": embedded.StoreThenDrop()} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, 2, func(w *world) {
				w.publishInOrder(4, 50)
				r := w.requests()
				r.next(headers.CodeBatchAckMessage, repeat(fault, 4)...)
				m := w.member(inOrder)
				s := m.subscribe(ordered, engine.Topic{})
				var o order
				for range 200 {
					msg := s.next()
					require.NoError(w.t, o.take(string(msg.Payload)))
					msg.Ack()
				}
				require.NoError(w.t, s.end(time.Second))
				m.close()
				again := w.member(inOrder)
				s = again.subscribe(ordered, engine.Topic{})
				s.none(3 * time.Minute)
				require.NoError(w.t, s.end(time.Second))
				again.close()
			})
		})
	}
}

// What waits behind a message that is being handled when the subscription ends is given
// back, all of it, and comes in order at the next member.
func TestOrderedRelease(t *testing.T) {
	inBubble(t, 1, func(w *world) {
		w.publishInOrder(1, 10)
		r := w.requests()
		m := w.member(inOrder)
		s := m.subscribe(ordered, engine.Topic{})
		var o order
		msg := s.next()
		require.NoError(w.t, o.take(string(msg.Payload)))
		require.Len(w.t, s.Queues(), 1)
		go func() {
			time.Sleep(time.Second)
			msg.Ack()
		}()
		require.NoError(w.t, s.end(5*time.Second))
		m.close()
		var offsets []int64
		for _, c := range r.of(headers.CodeChangeInvisibleTime) {
			h, err := headers.ParseChangeInvisibleTime(&c)
			require.NoError(w.t, err)
			require.EqualValues(w.t, 1, h.InvisibleMillis)
			offsets = append(offsets, h.Offset)
		}
		require.ElementsMatch(w.t, []int64{1, 2, 3, 4, 5, 6, 7, 8, 9}, offsets)
		m = w.member(inOrder)
		s = m.subscribe(ordered, engine.Topic{})
		begin := time.Now()
		for range 9 {
			msg := s.next()
			require.NoError(w.t, o.take(string(msg.Payload)))
			msg.Ack()
		}
		require.Less(w.t, time.Since(begin), 2*time.Second)
		require.NoError(w.t, s.end(time.Second))
		m.close()
	})
}
