package publisher_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
)

// Close waits for what has gathered as well.
func TestPromiseBatchCloseDrains(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		seen := record(c, func(int, request) embedded.Fault { return embedded.DelayAnswer(time.Second) })
		p := unclosedPublisherOn(t, c, func(c *publisher.Config) { c.Batch.MaxMessages = 4; c.SendTimeout = time.Minute })
		calls := append(occupied(p), gathering(p, numbered(6)...)...)
		elapsed := stopwatch()
		require.NoError(t, p.Close())
		require.Equal(t, 3*time.Second, elapsed())
		requirePublished(t, calls...)
		require.ElementsMatch(t, [][]string{numbered(4), numbered(6)[4:]}, seen.groups(held))
		require.Zero(t, publisher.Inside(p))
	})
}

// After CloseTimeout those that wait are not sent, and those under way may be
// stored. Both end at that moment, and so does Close, though brokers no longer
// answer the goodbye.
func TestPromiseBatchCloseCutsOff(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		seen := record(c, func(n int, r request) embedded.Fault {
			if n > held {
				return embedded.Ignore()
			}
			return holding(time.Second)(n, r)
		})
		c.Intercept(func(r embedded.Request) embedded.Fault {
			if r.Code == headers.CodeUnregisterClient {
				return embedded.Ignore()
			}
			return embedded.Fault{}
		})
		p := unclosedPublisherOn(t, c, func(c *publisher.Config) {
			c.SendTimeout, c.AttemptTimeout, c.CloseTimeout = time.Hour, time.Hour, 5*time.Second
		})
		first := occupied(p)
		inFlight := gathering(p, numbered(8)...)
		requirePublished(t, first...)
		synctest.Wait() // until the batch is under way
		waiting := append(gathering(p, "a", "b"), publishing(p, orders, newMessage("c")))
		require.Len(t, seen.list(), held+1)
		elapsed := stopwatch()
		require.Equal(t, publisher.ErrCloseTimeout, p.Close())
		require.Equal(t, 5*time.Second, elapsed())
		for _, u := range inFlight {
			result := u.resultOf(t)
			require.Equal(t, 6*time.Second, u.took)
			require.ErrorIs(t, result.Err, publisher.ErrClosed)
			require.Equal(t, publisher.MayBeStored, result.Outcome)
			require.Equal(t, 1, result.Attempts)
		}
		for _, u := range waiting {
			result := u.resultOf(t)
			require.Equal(t, 5*time.Second, u.took)
			require.Equal(t, publisher.ErrClosed, result.Err)
			require.Equal(t, publisher.NotSent, result.Outcome)
			require.Zero(t, result.Attempts)
		}
		require.Len(t, seen.list(), held+1, "nothing was sent at the last moment")
		require.Zero(t, publisher.Inside(p))
	})
}

// The messages of one call: those in its first request may be stored, the others
// are not sent.
func TestPromiseBatchCloseCutsACall(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		everySend(c, embedded.Ignore())
		p := unclosedPublisherOn(t, c, func(c *publisher.Config) {
			c.SendTimeout, c.AttemptTimeout, c.CloseTimeout = time.Hour, time.Hour, 5*time.Second
			c.Batch.MaxMessages = 2
		})
		call := publishing(p, orders, newMessages(4)...)
		require.Equal(t, publisher.ErrCloseTimeout, p.Close())
		failed := failureOf(t, call.wait())
		require.Equal(t, 5*time.Second, call.took)
		require.ErrorIs(t, failed, publisher.ErrClosed)
		require.Equal(t, []publisher.Outcome{
			publisher.MayBeStored, publisher.MayBeStored, publisher.NotSent, publisher.NotSent,
		}, outcomes(failed))
		require.Equal(t, 1, sends(c))
	})
}

// A batch that nobody waits for any more does not hold up Close.
func TestPromiseBatchCloseAbandoned(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		record(c, func(n int, r request) embedded.Fault {
			if n > held {
				return embedded.Ignore()
			}
			return holding(time.Second)(n, r)
		})
		p := unclosedPublisherOn(t, c, func(c *publisher.Config) { c.AttemptTimeout = time.Hour })
		calls := append(occupied(p), gathering(p, "a", "b")...)
		require.Equal(t, publisher.MayBeStored, calls[held].resultOf(t).Outcome)
		require.Equal(t, publisher.MayBeStored, calls[held+1].resultOf(t).Outcome)
		require.Len(t, goroutines(), 1, "its sender has ended with the last caller")
		elapsed := stopwatch()
		require.NoError(t, p.Close())
		require.Zero(t, elapsed())
	})
}
