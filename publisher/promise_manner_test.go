package publisher_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
)

// A call that is kept for reuse forgets the manner of the messages that it had.
func TestPromiseAsyncAfterOneway(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		seen := newResults()
		p := publisherOn(t, c, telling(seen))
		for range 20 {
			require.NoError(t, p.PublishOneway(orders, newMessage("x")))
			_ = seen.next(t)
			require.NoError(t, p.PublishAsync(orders, newMessage("y")))
			require.NoError(t, p.Flush(t.Context()))
			r := seen.next(t)
			require.NoError(t, r.Err)
			require.Equal(t, publisher.Stored, r.Outcome)
		}
	})
}

func TestPromiseAsyncAfterTransaction(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		seen := newResults()
		p := publisherOn(t, c, func(cfg *publisher.Config) {
			telling(seen)(cfg)
			withCheck(judging(publisher.TransactionUnknown))(cfg)
		})
		for i := range 20 {
			tx := begin(t, p, "half")
			require.NoError(t, tx.Commit(t.Context()))
			_ = seen.next(t)
			require.NoError(t, p.PublishAsync(orders, newMessage("y")))
			require.NoError(t, p.Flush(t.Context()))
			r := seen.next(t)
			require.NoError(t, r.Err)
			require.Len(t, messagesIn(c, orders), 2*(i+1), "both can be seen")
		}
	})
}
