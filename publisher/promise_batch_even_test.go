package publisher_test

import (
	"fmt"
	"math"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
)

// Over many requests each queue gets its share of requests, and of messages,
// however many requests are under way at once.
func TestPromiseBatchEven(t *testing.T) {
	for _, tc := range []struct{ brokers, goroutines, calls int }{
		{1, 1, 400},
		{1, 32, 150},
		{2, 1, 400},
		{2, 32, 150},
		{3, 32, 150},
	} {
		t.Run(fmt.Sprintf("%d brokers, %d goroutines", tc.brokers, tc.goroutines), func(t *testing.T) {
			inBubble(t, func(t *testing.T, c *embedded.Cluster) {
				seen := record(c, func(n int, _ request) embedded.Fault {
					return embedded.DelayAnswer(time.Duration(1+n%3) * time.Millisecond)
				})
				p := publisherOn(t, c, func(c *publisher.Config) { c.Batch.MaxMessages = 8 })
				var wg sync.WaitGroup
				for range tc.goroutines {
					wg.Go(func() {
						for range tc.calls {
							if err := p.Publish(orders, newMessage("x")); err != nil {
								t.Error(err)
							}
						}
					})
				}
				wg.Wait()
				perQueue := make(map[string]int)
				for _, r := range seen.list() {
					perQueue[fmt.Sprint(r.broker, " ", r.queueID)]++
				}
				queues := 4 * tc.brokers
				require.Len(t, perQueue, queues, "each is used")
				// A request that starts beside another is sent to a random queue:
				// eight times the spread of pure chance is never seen.
				share := float64(len(seen.list())) / float64(queues)
				slack := 8 * math.Sqrt(share)
				if tc.goroutines == 1 {
					slack = 1 // taken in turn
				}
				for queue, n := range perQueue {
					require.InDelta(t, share, float64(n), slack, "requests of queue %s: %v", queue, perQueue)
				}
			}, embedded.WithBrokers(tc.brokers), embedded.WithTopic(orders, 4))
		})
	}
}
