package publisher_test

import (
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
)

// A broker that turns requests away gets no more of them at once than one that
// takes them, however many callers there are, and all are published when it is
// well again.
func TestPromiseBatchRetriesStayFew(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		const length = 5 * time.Millisecond // of a request
		var mu sync.Mutex
		now, most := 0, 0
		well := time.Now().Add(2 * time.Second)
		seen := record(c, func(int, request) embedded.Fault {
			mu.Lock()
			defer mu.Unlock()
			now++
			most = max(most, now)
			time.AfterFunc(length, func() {
				mu.Lock()
				defer mu.Unlock()
				now--
			})
			if time.Now().Before(well) {
				return embedded.Answer(headers.FlowControl, "").After(length)
			}
			return embedded.Delay(length)
		})
		p := publisherOn(t, c, func(c *publisher.Config) { c.SendTimeout = time.Minute })
		var calls []*underWay
		for range 200 {
			calls = append(calls, gathering(p, "x")...)
			time.Sleep(7 * time.Millisecond)
		}
		requirePublished(t, calls...)
		require.LessOrEqual(t, most, 4, "requests at once; %d in all", len(seen.list()))
		require.Len(t, messagesIn(c, orders), 200)
	})
}
