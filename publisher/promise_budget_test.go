package publisher_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
)

// silentFirst has every broker ignore the first n sends, whoever gets them, and
// answer later ones after a while.
func silentFirst(c *embedded.Cluster, n int, after time.Duration) {
	onSend(c, func(at int, _ embedded.Request) embedded.Fault {
		if at <= n {
			return embedded.Ignore()
		}
		return embedded.DelayAnswer(after)
	})
}

// publishIn publishes a message with that much time and returns its result.
func publishIn(t testing.TB, p *publisher.Publisher, seen *results, limit time.Duration) publisher.Result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	_ = p.Publish(orders, messageIn(ctx)) // the result has the error
	return seen.next(t)
}

// While there is another broker to go to, an attempt leaves it a third of the time.
// The last one has all that is left.
func TestPromiseAttemptLeavesTimeForAnother(t *testing.T) {
	for name, c := range map[string]struct {
		limit   time.Duration
		brokers int
		silent  int
		after   time.Duration
		took    []time.Duration // each failed attempt
		ok      bool
	}{
		"little time":                    {500 * time.Millisecond, 2, 1, 100 * time.Millisecond, []time.Duration{333 * time.Millisecond}, true},
		"little time, three brokers":     {900 * time.Millisecond, 3, 2, 50 * time.Millisecond, []time.Duration{600 * time.Millisecond, 200 * time.Millisecond}, true},
		"time enough":                    {time.Hour, 2, 1, 900 * time.Millisecond, []time.Duration{2 * time.Second}, true}, // AttemptTimeout of SendTimeout
		"time enough, three brokers":     {time.Hour, 3, 2, 200 * time.Millisecond, []time.Duration{2 * time.Second, 660 * time.Millisecond}, true},
		"one broker has all of it":       {500 * time.Millisecond, 1, 0, 450 * time.Millisecond, nil, true},
		"never less than a sound answer": {120 * time.Millisecond, 2, 0, 95 * time.Millisecond, nil, true},
		"none left":                      {90 * time.Millisecond, 2, 1, 0, []time.Duration{90 * time.Millisecond}, false},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, cluster *embedded.Cluster) {
				seen := newResults()
				p := publisherOn(t, cluster, func(c *publisher.Config) { c.OnResult = seen.add })
				silentFirst(cluster, c.silent, c.after)
				result := publishIn(t, p, seen, c.limit)
				if c.ok {
					require.NoError(t, result.Err)
				} else {
					require.ErrorIs(t, result.Err, context.DeadlineExceeded)
				}
				require.Len(t, result.Failed, len(c.took))
				for i, failed := range result.Failed {
					require.InDelta(t, c.took[i], failed.Took, float64(15*time.Millisecond))
					if c.ok {
						require.ErrorIs(t, failed.Err, publisher.ErrAttemptTimeout)
					}
				}
			}, embedded.WithBrokers(c.brokers))
		})
	}
}

// The same for messages that others send: those that gathered, each with its time.
func TestPromiseBatchLeavesTimeForAnother(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		seen := newResults()
		p := publisherOn(t, c, func(c *publisher.Config) { c.OnResult = seen.add })
		silentFirst(c, 1, 0)
		ctx, cancel := context.WithTimeout(t.Context(), 600*time.Millisecond)
		defer cancel()
		messages := withOwnContexts(t, 2)
		for _, msg := range messages {
			msg.SetContext(ctx)
		}
		other, cancelOther := context.WithCancel(ctx)
		defer cancelOther()
		messages[1].SetContext(other) // two contexts, so that the caller watches and another sends
		require.NoError(t, p.Publish(orders, messages...))
		for range messages {
			result := seen.next(t)
			require.Len(t, result.Failed, 1)
			require.Equal(t, 400*time.Millisecond, result.Failed[0].Took)
		}
	}, embedded.WithBrokers(2))
}

// Where callers share a request that has the time of the one who waits longest.
func TestPromiseBatchHasTheLongestTime(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		onSend(c, func(n int, _ embedded.Request) embedded.Fault {
			switch {
			case n <= 2: // one at each broker
				return embedded.DelayAnswer(100 * time.Millisecond)
			case n == 3:
				return embedded.Ignore()
			default:
				return embedded.Fault{}
			}
		})
		seen := newResults()
		p := publisherOn(t, c, func(c *publisher.Config) { c.OnResult = seen.add })
		publisher.NeverHurry(p)
		first := gathering(p, "first", "second")
		calls := make([]*underWay, 2)
		for i, limit := range []time.Duration{400 * time.Millisecond, time.Second} {
			ctx, cancel := context.WithTimeout(t.Context(), limit)
			defer cancel()
			calls[i] = publishing(p, orders, messageIn(ctx))
		}
		requirePublished(t, first[0], first[1], calls[1])
		require.Equal(t, publisher.MayBeStored, calls[0].resultOf(t).Outcome)
		require.Equal(t, 400*time.Millisecond, calls[0].took)
		for range 3 {
			seen.next(t)
		}
		require.Equal(t, 600*time.Millisecond, seen.next(t).Failed[0].Took, "of 900 ms that are left")
	}, embedded.WithBrokers(2))
}

// Asynchronous calls have the same time, and leave as much of it.
func TestPromiseAsyncLeavesTimeForAnother(t *testing.T) {
	for limit, took := range map[time.Duration]time.Duration{time.Hour: 2 * time.Second, 600 * time.Millisecond: 400 * time.Millisecond} {
		t.Run(limit.String(), func(t *testing.T) {
			inBubble(t, func(t *testing.T, c *embedded.Cluster) {
				seen := newResults()
				p := publisherOn(t, c, func(c *publisher.Config) { c.OnResult = seen.add })
				silentFirst(c, 1, 150*time.Millisecond)
				ctx, cancel := context.WithTimeout(t.Context(), limit)
				defer cancel()
				require.NoError(t, p.PublishAsync(orders, messageIn(ctx)))
				require.NoError(t, p.Flush(t.Context()))
				result := seen.next(t)
				require.NoError(t, result.Err)
				require.Len(t, result.Failed, 1)
				require.Equal(t, took, result.Failed[0].Took)
			}, embedded.WithBrokers(2))
		})
	}
}

// A broker that is known to be dead is no reason to be short with the other.
func TestPromiseAttemptLeavesNoTimeForTheDead(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		seen := newResults()
		p := publisherOn(t, c, func(c *publisher.Config) { c.OnResult = seen.add })
		c.Broker(0).Kill()
		for range 2 {
			publishOne(t, p, seen)
		}
		everySend(c, embedded.DelayAnswer(450*time.Millisecond))
		result := publishIn(t, p, seen, 500*time.Millisecond)
		require.NoError(t, result.Err)
		require.Equal(t, 1, result.Attempts)
	}, embedded.WithBrokers(2))
}
