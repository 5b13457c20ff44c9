package publisher_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	rocketmq "github.com/watermill-rocketmq/watermill-rocketmq"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
)

// Close waits for whoever holds the publisher, and transactions end meanwhile.
func TestPromiseHold(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		p := unclosedPublisherOn(t, c, withCheck(judging(publisher.TransactionUnknown)))
		release, ok := p.Hold()
		require.True(t, ok)
		tx, other := begin(t, p, "1"), begin(t, p, "2")
		closed := make(chan error, 1)
		go func() { closed <- p.Close() }()
		time.Sleep(time.Second)
		_, ok = p.Hold()
		require.False(t, ok)
		require.ErrorIs(t, p.Publish(orders, newMessage("3")), publisher.ErrClosed)
		require.NoError(t, tx.Commit(t.Context()))
		require.Empty(t, closed)
		release()
		release()
		synctest.Wait()
		require.NoError(t, <-closed)
		require.ErrorIs(t, other.Commit(t.Context()), publisher.ErrClosed)
		require.Len(t, messagesIn(c, orders), 1)
	})
}

// Whoever holds on for longer is cut off.
func TestPromiseHoldTooLong(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		p := unclosedPublisherOn(t, c, withCheck(judging(publisher.TransactionUnknown)))
		release, ok := p.Hold()
		require.True(t, ok)
		tx := begin(t, p, "1")
		elapsed := stopwatch()
		require.ErrorIs(t, p.Close(), publisher.ErrCloseTimeout)
		require.Equal(t, 10*time.Second, elapsed())
		require.ErrorIs(t, tx.Commit(t.Context()), publisher.ErrClosed)
		release()
		require.ErrorIs(t, p.Close(), publisher.ErrCloseTimeout)
	})
}

// A panic of user code in Commit leaves the transaction to the check.
func TestPromisePanicInCommit(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		var panics atomic.Bool // heartbeats ask as well
		p := publisherOn(t, c, func(cfg *publisher.Config) {
			withCheck(judging(publisher.TransactionCommit))(cfg)
			cfg.Cluster.Credentials = rocketmq.CredentialsFunc(func(context.Context) (rocketmq.Credentials, error) {
				if panics.Load() {
					panic("no vault")
				}
				return rocketmq.NewCredentials("shop", "secret"), nil
			})
		})
		tx := begin(t, p, "1")
		synctest.Wait() // nobody asks but Commit
		panics.Store(true)
		require.PanicsWithValue(t, "no vault", func() { _ = tx.Commit(t.Context()) })
		panics.Store(false)
		requireEnded(t, tx, "left to the check")
		require.Equal(t, 1, c.Broker(0).CheckTransactions())
		synctest.Wait()
		require.Len(t, messagesIn(c, orders), 1)
	})
}
