package pop_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber/internal/delivery"
	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber/internal/engine"
)

func inOrder(cfg *engine.Config) { cfg.Ordered = true }

func ordered(cfg *delivery.Config) { cfg.Ordered = true }

// publishInOrder publishes n messages of each of some keys, each key in order.
func (w *world) publishInOrder(keys, n int) {
	w.t.Helper()
	var payloads []string
	for i := range n {
		for k := range keys {
			payloads = append(payloads, fmt.Sprintf("key%d-%05d", k, i))
		}
	}
	w.publishWith(publisher.Config{OrderingKey: func(_ string, m *message.Message) (string, error) { return keyOf(string(m.Payload)), nil }},
		func(*message.Message) {}, payloads...)
}

func keyOf(payload string) string {
	key, _, _ := strings.Cut(payload, "-")
	return key
}

// order checks the order of payloads by key.
type order struct {
	mu   sync.Mutex
	next map[string]int
	seen int
}

// take notes a payload. It returns what is wrong.
func (o *order) take(payload string) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.next == nil {
		o.next = make(map[string]int)
	}
	key := keyOf(payload)
	if want := fmt.Sprintf("%s-%05d", key, o.next[key]); payload != want {
		return fmt.Errorf("got %s, want %s", payload, want)
	}
	o.next[key]++
	o.seen++
	return nil
}

// Messages of a queue come one at a time, in their order, whoever of the group gets them,
// and each once.
func TestOrdered(t *testing.T) {
	onAll(t, 4, func(w *world) {
		const keys, n = 8, 250
		w.publishInOrder(keys, n)
		var o order
		var wg sync.WaitGroup
		done := make(chan struct{})
		var members []*member
		var subscriptions []*subscription
		for range 3 {
			m := w.member(inOrder)
			s := m.subscribe(ordered, engine.Topic{})
			members, subscriptions = append(members, m), append(subscriptions, s)
			wg.Go(func() {
				for msg := range s.output.Channel() {
					if err := o.take(string(msg.Payload)); err != nil {
						w.t.Error(err)
					}
					msg.Ack()
					o.mu.Lock()
					if o.seen == keys*n {
						close(done)
						o.seen++
					}
					o.mu.Unlock()
				}
			})
		}
		select {
		case <-done:
		case <-time.After(2 * patience):
			w.t.Error("not all have come")
		}
		for i, s := range subscriptions {
			require.NoError(w.t, s.end(time.Second))
			members[i].close()
		}
		wg.Wait()
	}, realNames...)
}

// A nacked message comes again before those behind it, here and, when the subscription
// ends, at the next member.
func TestOrderedNack(t *testing.T) {
	onAll(t, 1, func(w *world) {
		const lease = 10 * time.Minute
		w.publishInOrder(1, 5)
		m := w.member(func(cfg *engine.Config) { cfg.Ordered, cfg.Lease = true, lease })
		s := m.subscribe(ordered, engine.Topic{})
		var o order
		for i := range 3 {
			msg := s.next()
			if i == 1 {
				msg.Nack()
				msg = s.next()
				require.Equal(w.t, 2, deliveryOf(msg))
			}
			require.NoError(w.t, o.take(string(msg.Payload)))
			if i < 2 {
				msg.Ack()
				continue
			}
			ended := make(chan error, 1)
			go func() { ended <- s.end(5 * time.Second) }()
			require.Empty(w.t, s.awaitStop())
			msg.Nack()
			require.NoError(w.t, <-ended)
		}
		m.close()

		m = w.member(inOrder)
		s = m.subscribe(ordered, engine.Topic{})
		begin := time.Now()
		o = order{next: map[string]int{"key0": 2}}
		for range 3 {
			msg := s.next()
			require.NoError(w.t, o.take(string(msg.Payload)))
			msg.Ack()
		}
		require.Less(w.t, time.Since(begin), lease/2, "before the lease was over")
		require.NoError(w.t, s.end(time.Second))
		m.close()
	}, realNames...)
}

// A handler that is slower than the lease keeps its place.
func TestOrderedRenew(t *testing.T) {
	onAll(t, 1, func(w *world) {
		w.withLeases(1, func(lease time.Duration) error {
			w.publishInOrder(1, 3)
			short := func(cfg *engine.Config) { cfg.Ordered, cfg.Lease = true, lease }
			m, other := w.member(short), w.member(short)
			s := m.subscribe(ordered, engine.Topic{})
			var o order
			msg := s.next()
			require.NoError(w.t, o.take(string(msg.Payload)))
			idle := other.subscribe(ordered, engine.Topic{})
			err := idle.staysIdle(3*lease+lease/2, msg)
			msg.Ack()
			for range 2 {
				if err != nil {
					break // the other may have them
				}
				msg := s.next()
				require.NoError(w.t, o.take(string(msg.Payload)))
				msg.Ack()
			}
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

// A member that waits for a queue that another has gets what that one gives back, soon.
func TestOrderedHandover(t *testing.T) {
	onAll(t, 1, func(w *world) {
		const lease = 10 * time.Minute
		long := func(cfg *engine.Config) { cfg.Ordered, cfg.Lease = true, lease }
		w.publishInOrder(1, 5)
		m, other := w.member(long), w.member(long)
		s := m.subscribe(ordered, engine.Topic{})
		var o order
		first := s.next()
		require.Equal(w.t, "key0-00000", string(first.Payload))
		waiting := other.subscribe(ordered, engine.Topic{})
		waiting.none(2 * time.Second)
		begin := time.Now()
		require.NoError(w.t, s.end(0))
		for range 5 {
			msg := waiting.next()
			require.NoError(w.t, o.take(string(msg.Payload)))
			msg.Ack()
		}
		soon := 10 * time.Second
		if w.real != nil {
			soon = lease / 2
		}
		require.Less(w.t, time.Since(begin), soon)
		require.NoError(w.t, waiting.end(time.Second))
		m.close()
		other.close()
	}, realNames...)
}
