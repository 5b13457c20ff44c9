package publisher_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
)

// localWork is a PublishInTransaction call whose local transaction takes a while and
// then commits. It returns where the call's error comes.
func localWork(p *publisher.Publisher, length time.Duration) <-chan error {
	ended := make(chan error, 1)
	go func() {
		ended <- p.PublishInTransaction(orders, newMessage("x"), func(context.Context, publisher.TransactionInfo) (publisher.TransactionState, error) {
			time.Sleep(length)
			return publisher.TransactionCommit, nil
		})
	}()
	synctest.Wait()
	return ended
}

// PublishInTransaction is under way until its transaction has ended: Close waits for
// the local transaction, and what that has decided still gets to the broker.
func TestPromiseCloseWaitsForLocalTransaction(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		p := unclosedPublisherOn(t, c, withCheck(judging(publisher.TransactionUnknown)))
		ended := localWork(p, 3*time.Second)
		elapsed := stopwatch()
		require.NoError(t, p.Close())
		require.Equal(t, 3*time.Second, elapsed())
		require.NoError(t, <-ended)
		require.Equal(t, 1, storedIn(c, orders))
	})
}

// What takes longer than CloseTimeout is cut off, at the local transaction and at
// the commit. The check settles it.
func TestPromiseCloseCutsOffLocalTransaction(t *testing.T) {
	for name, test := range map[string]struct {
		local   time.Duration
		outcome publisher.Outcome
	}{
		"local transaction": {time.Minute, publisher.NotSent},
		"commit":            {time.Second, publisher.MayBeStored},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, c *embedded.Cluster) {
				p := unclosedPublisherOn(t, c, func(cfg *publisher.Config) {
					withCheck(judging(publisher.TransactionUnknown))(cfg)
					cfg.CloseTimeout, cfg.SendTimeout = 3*time.Second, time.Hour
				})
				onEnd(c, embedded.Ignore())
				ended := localWork(p, test.local)
				elapsed := stopwatch()
				require.ErrorIs(t, p.Close(), publisher.ErrCloseTimeout)
				require.Equal(t, 3*time.Second, elapsed())
				failed := failedEnd(t, <-ended)
				require.ErrorIs(t, failed, publisher.ErrClosed)
				require.Equal(t, test.outcome, failed.Outcome)
				require.False(t, failed.Open)

				again := judging(publisher.TransactionCommit)
				publisherOn(t, c, withCheck(again))
				time.Sleep(time.Minute)
				require.NotZero(t, again.count())
			})
		})
	}
}

// A publisher that closes begins no transaction, and one whose local transaction has
// panicked is not waited for.
func TestPromiseCloseAndPublishInTransaction(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		p := unclosedPublisherOn(t, c, withCheck(judging(publisher.TransactionUnknown)))
		require.PanicsWithValue(t, "mine", func() {
			_ = p.PublishInTransaction(orders, newMessage("x"), func(context.Context, publisher.TransactionInfo) (publisher.TransactionState, error) {
				panic("mine")
			})
		})
		elapsed := stopwatch()
		require.NoError(t, p.Close())
		require.Zero(t, elapsed())
		sent := c.Stats().Requests(headers.CodeSendMessageV2)
		err := p.PublishInTransaction(orders, newMessage("x"), nil)
		require.ErrorIs(t, failureOf(t, err), publisher.ErrClosed)
		require.Equal(t, sent, sends(c))
	})
}
