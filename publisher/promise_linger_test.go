package publisher_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
)

func lingering(c *publisher.Config) {
	c.Batch.Linger = 5 * time.Millisecond
	c.Batch.MaxMessages = 4
}

// publishAfter publishes a message at that time from now on, and reports through
// the group.
func publishAfter(t *testing.T, wg *sync.WaitGroup, p *publisher.Publisher, at time.Duration) {
	wg.Go(func() {
		time.Sleep(at)
		if err := p.Publish(orders, newMessage("x")); err != nil {
			t.Error(err)
		}
	})
}

// With a linger the first message waits that long for others, and all leave in
// one request.
func TestPromiseLingerGathers(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		p := publisherOn(t, c, lingering)
		elapsed := stopwatch()
		var wg sync.WaitGroup
		for i := range 3 {
			publishAfter(t, &wg, p, time.Duration(i)*time.Millisecond)
		}
		wg.Wait()
		require.Equal(t, 5*time.Millisecond, elapsed())
		require.Equal(t, 1, sends(c))
		require.Len(t, messagesIn(c, orders), 3)
	})
}

// A full request does not linger, and what is left over lingers by its own time.
func TestPromiseFullRequestDoesNotLinger(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		p := publisherOn(t, c, lingering)
		elapsed := stopwatch()
		require.NoError(t, p.Publish(orders, newMessages(4)...))
		require.Zero(t, elapsed())
		require.NoError(t, p.Publish(orders, newMessages(6)...))
		require.Equal(t, 5*time.Millisecond, elapsed())
		require.Equal(t, 3, sends(c))

		// The fourth message makes the request full while the first lingers.
		elapsed = stopwatch()
		var wg sync.WaitGroup
		for range 4 {
			publishAfter(t, &wg, p, time.Millisecond)
		}
		wg.Wait()
		require.Equal(t, time.Millisecond, elapsed())
		require.Len(t, messagesIn(c, orders), 14)
	})
}

// A caller whose context ends while its message lingers leaves nothing behind.
func TestPromiseContextEndsWhileLingering(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		p := publisherOn(t, c, lingering)
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		e := failureOf(t, p.Publish(orders, messageIn(ctx)))
		require.ErrorIs(t, e, context.DeadlineExceeded)
		require.Equal(t, publisher.NotSent, e.Outcome())
		time.Sleep(time.Second)
		require.Zero(t, sends(c))
		require.NoError(t, p.Publish(orders, newMessage("x")))
		require.Equal(t, 1, sends(c))
	})
}

// Close lets a lingering message go its way.
func TestPromiseCloseWaitsForLingering(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		p := unclosedPublisherOn(t, c, lingering)
		var wg sync.WaitGroup
		publishAfter(t, &wg, p, 0)
		synctest.Wait()
		require.NoError(t, p.Close())
		wg.Wait()
		require.Len(t, messagesIn(c, orders), 1)
	})
}
