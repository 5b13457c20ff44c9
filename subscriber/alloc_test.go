package subscriber_test

import (
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber"
)

// Objects that a message costs which is consumed and acked, counted over all goroutines of
// the process: those of the broker are among them.
func TestAllocations(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector keeps pools from reusing what they have")
	}
	for _, engine := range []subscriber.Engine{subscriber.POP, subscriber.Pull} {
		t.Run(string(engine), func(t *testing.T) {
			const all, measured = 20_000, 16_000
			w := embeddedWorld(t, embedded.InMemory())
			topic := unique("allocations")
			pub := w.publisher(t)
			for range all / 500 {
				publish(t, pub, topic, 500)
			}
			cfg := w.config(engine, unique("group"))
			messages := subscribe(t, newSubscriber(t, cfg), topic)
			for range all - measured {
				next(t, messages).Ack()
			}
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			timer := time.NewTimer(patience)
			for range measured {
				select {
				case m := <-messages:
					m.Ack()
				case <-timer.C:
					require.FailNow(t, "no message comes")
				}
			}
			runtime.ReadMemStats(&after)
			perMessage := float64(after.Mallocs-before.Mallocs) / measured
			t.Logf("%.2f objects, %.0f bytes", perMessage, float64(after.TotalAlloc-before.TotalAlloc)/measured)
			require.LessOrEqual(t, perMessage, 8.0)
		})
	}
}

// An idle subscription costs a few goroutines, and little memory, beyond those of the
// session that it uses.
func TestIdleSubscription(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector has memory of its own")
	}
	for engine, most := range map[subscriber.Engine]int{subscriber.POP: 4, subscriber.Pull: 12} {
		t.Run(string(engine), func(t *testing.T) {
			const subscriptions = 50
			w := embeddedWorld(t, embedded.InMemory())
			sub := newSubscriber(t, w.config(engine, unique("group")))
			subscribe(t, sub, unique("idle")) // the engine and connections are there
			topics := make([]string, subscriptions)
			for i := range topics {
				topics[i] = unique("idle")
				require.NoError(t, sub.SubscribeInitialize(topics[i]))
			}
			goroutines, memory := settled(t)
			for _, topic := range topics {
				subscribe(t, sub, topic)
			}
			goroutinesAfter, memoryAfter := settled(t)
			each := float64(goroutinesAfter-goroutines) / subscriptions
			bytes := (memoryAfter - memory) / subscriptions
			t.Logf("%.1f goroutines, %d bytes of heap and stacks", each, bytes)
			require.LessOrEqual(t, each, float64(most))
			require.LessOrEqual(t, bytes, int64(64<<10))
		})
	}
}

// settled waits until the number of goroutines stays the same, and returns it, and the
// memory in use.
func settled(t *testing.T) (goroutines int, memory int64) {
	t.Helper()
	last, since := -1, 0
	require.Eventually(t, func() bool {
		n := runtime.NumGoroutine()
		if n != last {
			last, since = n, 0
		}
		since++
		return since > 20
	}, patience, 20*time.Millisecond)
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return last, int64(m.HeapAlloc + m.StackInuse)
}
