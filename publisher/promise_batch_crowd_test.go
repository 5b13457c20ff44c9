package publisher_test

import (
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
)

// A large call that fails over and over does not stop others of its topic, though
// the rest of it waits in front of them.
func TestPromiseBatchLargeCallFails(t *testing.T) {
	for name, fault := range map[string]embedded.Fault{
		"refused": embedded.Answer(headers.FlowControl, ""),
		"hanging": embedded.Ignore(),
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, c *embedded.Cluster) {
				record(c, func(_ int, r request) embedded.Fault {
					if slices.Contains(r.bodies, "other") {
						return embedded.Fault{}
					}
					return fault
				})
				p := publisherOn(t, c, func(c *publisher.Config) { c.Batch.MaxMessages = 100; c.AttemptTimeout = 3 * time.Second })
				large := publishing(p, orders, newMessages(150)...)
				other := gathering(p, "other")[0]
				requirePublished(t, other)
				require.LessOrEqual(t, other.took, 50*time.Millisecond)
				failureOf(t, large.wait())
			})
		})
	}
}

// A second request that was started since the first took long does not stay when
// all is well again.
func TestPromiseBatchSecondRequestGoesAgain(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		var mu sync.Mutex
		now, most := 0, 0
		begin := time.Now()
		record(c, func(n int, _ request) embedded.Fault {
			takes := time.Millisecond
			if n == 1 {
				takes = 60 * time.Millisecond
			}
			mu.Lock()
			defer mu.Unlock()
			now++
			if time.Since(begin) > 100*time.Millisecond {
				most = max(most, now)
			}
			time.AfterFunc(takes-1, func() {
				mu.Lock()
				defer mu.Unlock()
				now--
			})
			return embedded.DelayAnswer(takes)
		})
		p := publisherOn(t, c, nil)
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() {
				for time.Since(begin) < time.Second {
					if err := p.Publish(orders, newMessage("x")); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		mu.Lock()
		defer mu.Unlock()
		require.Equal(t, 1, most)
	})
}
