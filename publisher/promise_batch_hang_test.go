package publisher_test

import (
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
)

// hanging has the broker that gets the first send hang from then on; the other
// answers after a while.
func hanging(after time.Duration) func(n int, r request) embedded.Fault {
	var mu sync.Mutex
	broker := ""
	return func(_ int, r request) embedded.Fault {
		mu.Lock()
		defer mu.Unlock()
		if broker == "" {
			broker = r.broker
		}
		if r.broker == broker {
			return embedded.Ignore()
		}
		return embedded.DelayAnswer(after)
	}
}

// Each broker of the topic takes as many requests at once as one broker alone
// would, and none takes another's.
func TestPromiseBatchRequestsPerBroker(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		seen := record(c, func(int, request) embedded.Fault { return embedded.DelayAnswer(time.Second) })
		p := publisherOn(t, c, nil)
		calls := gathering(p, numbered(3*held+2)...)
		perBroker := make(map[string]int)
		for _, r := range seen.list() {
			perBroker[r.broker]++
		}
		require.Equal(t, map[string]int{"broker-a": held, "broker-b": held, "broker-c": held}, perBroker)
		requirePublished(t, calls...)
		require.Equal(t, [][]string{numbered(3*held + 2)[3*held:]}, seen.groups(3*held))
	}, embedded.WithBrokers(3))
}

// While a request hangs at one broker, the messages behind it go to the other
// and do not wait for it.
func TestPromiseBatchHangingBroker(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		seen := record(c, hanging(time.Millisecond))
		p := publisherOn(t, c, func(c *publisher.Config) { c.AttemptTimeout = time.Second })
		first := gathering(p, "first")[0]
		for range 100 {
			elapsed := stopwatch()
			require.NoError(t, p.Publish(orders, newMessage("x")))
			require.Equal(t, time.Millisecond, elapsed())
		}
		require.Len(t, messagesIn(c, orders), 100)
		for _, r := range seen.list()[1:] {
			require.NotEqual(t, seen.list()[0].broker, r.broker)
		}
		requirePublished(t, first)
		require.GreaterOrEqual(t, first.took, time.Second)
		require.LessOrEqual(t, first.took, time.Second+11*time.Millisecond)
	}, embedded.WithBrokers(2))
}

// In a crowd nobody waits longer than one attempt before its own and its own,
// and most do not wait at all.
func TestPromiseBatchHangingBrokerInACrowd(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		record(c, hanging(10*time.Millisecond))
		p := publisherOn(t, c, func(c *publisher.Config) { c.AttemptTimeout, c.SendTimeout = time.Second, 10*time.Second })
		var mu sync.Mutex
		var longest time.Duration
		total := 0
		end := time.Now().Add(10 * time.Second)
		var wg sync.WaitGroup
		for range 16 {
			wg.Go(func() {
				for time.Now().Before(end) {
					elapsed := stopwatch()
					if err := p.Publish(orders, newMessage("x")); err != nil {
						t.Error(err)
						return
					}
					mu.Lock()
					longest, total = max(longest, elapsed()), total+1
					mu.Unlock()
				}
			})
		}
		wg.Wait()
		require.LessOrEqual(t, longest, 2*time.Second+100*time.Millisecond)
		require.GreaterOrEqual(t, total, 16*20, "more than one a second each")
	}, embedded.WithBrokers(2))
}

// Few that come behind many that hang do not wait for long.
func TestPromiseBatchFewBehindMany(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		record(c, hanging(0))
		p := publisherOn(t, c, func(c *publisher.Config) { c.AttemptTimeout = time.Second })
		many := publishing(p, orders, newMessages(100)...)
		few := gathering(p, "few")[0]
		requirePublished(t, many, few)
		require.Equal(t, 50*time.Millisecond, few.took)
	}, embedded.WithBrokers(2))
}
