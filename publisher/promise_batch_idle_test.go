package publisher_test

import (
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
)

// goroutines returns the stacks of the publisher's own goroutines: those in its
// code that are not a caller's.
func goroutines() []string {
	synctest.Wait()
	buf := make([]byte, 8<<20)
	buf = buf[:runtime.Stack(buf, true)]
	var stacks []string
	for stack := range strings.SplitSeq(string(buf), "\n\n") {
		ours := strings.Contains(stack, "watermill-rocketmq/publisher.") || strings.Contains(stack, "watermill-rocketmq/internal/session.")
		if ours && !strings.Contains(stack, "publisher.(*Publisher).Publish(") {
			stacks = append(stacks, stack)
		}
	}
	return stacks
}

// When traffic has ended no goroutine is left of it, however many topics there
// were: the one that stays tells brokers that the producer lives.
func TestPromiseBatchIdleHasNoGoroutine(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		everySend(c, embedded.DelayAnswer(time.Millisecond))
		p := publisherOn(t, c, nil)
		var wg sync.WaitGroup
		for topic := range 20 {
			for range 8 {
				wg.Go(func() {
					for range 5 {
						if err := p.Publish(fmt.Sprint("topic-", topic), newMessages(3)...); err != nil {
							t.Error(err)
						}
					}
				})
			}
		}
		time.Sleep(2500 * time.Microsecond)
		inTraffic := len(goroutines())
		wg.Wait()
		require.Greater(t, inTraffic, 1, "or else this test looks for the wrong thing")
		idle := goroutines()
		require.Len(t, idle, 1)
		require.Contains(t, idle[0], "session.(*heartbeat).run")
	})
}

// An outbox is forgotten when nobody has used it for two heartbeats, and not
// before; a topic that comes back gets a new one.
func TestPromiseBatchIdleOutboxes(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		p := publisherOn(t, c, func(c *publisher.Config) {
			c.Cluster.HeartbeatInterval, c.SendTimeout, c.AttemptTimeout = 10*time.Second, time.Hour, time.Hour
		})
		time.Sleep(time.Second)
		for topic := range 100 {
			require.NoError(t, p.Publish(fmt.Sprint("topic-", topic), newMessage("x")))
		}
		require.Equal(t, 100, publisher.Topics(p))
		time.Sleep(10*time.Second + time.Millisecond)
		require.Equal(t, 100, publisher.Topics(p), "they were in use since the last look")
		require.NoError(t, p.Publish("topic-7", newMessage("x")))
		time.Sleep(10 * time.Second)
		require.Equal(t, 1, publisher.Topics(p))
		require.NoError(t, p.Publish("topic-8", newMessage("x")))
		require.Equal(t, 2, publisher.Topics(p))
		require.Equal(t, 2, storedIn(c, "topic-8"))

		everySend(c, embedded.DelayAnswer(time.Minute))
		slow := publishing(p, orders, newMessage("x"))
		time.Sleep(50 * time.Second)
		require.Equal(t, 1, publisher.Topics(p), "one with a request under way stays")
		requirePublished(t, slow)
		time.Sleep(20 * time.Second)
		require.Zero(t, publisher.Topics(p))
	})
}
