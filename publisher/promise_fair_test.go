package publisher_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
)

// A call of several requests has its turn among callers of single messages, however
// long requests take: no one who comes later goes before it for good.
func TestPromiseLargeCallHasItsTurn(t *testing.T) {
	for _, takes := range []time.Duration{45 * time.Millisecond, 60 * time.Millisecond, 200 * time.Millisecond} {
		t.Run(takes.String(), func(t *testing.T) {
			inBubble(t, func(t *testing.T, c *embedded.Cluster) {
				p := publisherOn(t, c, func(c *publisher.Config) {
					c.Batch.MaxMessages, c.SendTimeout = 8, time.Minute
				})
				everySend(c, embedded.DelayAnswer(takes))
				stop := make(chan struct{})
				var wg sync.WaitGroup
				for range 200 {
					wg.Go(func() {
						for {
							select {
							case <-stop:
								return
							default:
								if err := p.Publish(orders, newMessage("x")); err != nil {
									t.Error(err)
								}
							}
						}
					})
				}
				time.Sleep(5 * time.Second) // in the bubble: until they stand in a row
				before := sends(c)
				require.NoError(t, p.Publish(orders, newMessages(80)...))
				requests := sends(c) - before
				close(stop)
				wg.Wait()
				// 25 requests for those who were there before, 10 of its own; a request
				// beside the first now and then prefers strangers.
				require.LessOrEqual(t, requests, 70)
			})
		})
	}
}

// limitedTo returns a context that has that much time.
func limitedTo(t testing.TB, limit time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	t.Cleanup(cancel)
	return ctx
}

// The time of an attempt goes by the message of the request that has most of it,
// wherever in the request it is.
func TestPromiseAttemptTimeGoesByTheOneWithMost(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		record(c, func(n int, _ request) embedded.Fault {
			if n <= 2 {
				return embedded.DelayAnswer(40 * time.Millisecond) // others gather behind
			}
			return embedded.DelayAnswer(300 * time.Millisecond)
		})
		p := publisherOn(t, c, nil)
		publisher.NeverHurry(p)
		first := gathering(p, "first", "second") // one for each broker
		short := func() *underWay { return publishing(p, orders, messageIn(limitedTo(t, 400*time.Millisecond))) }
		calls := []*underWay{short(), publishing(p, orders, newMessage("x")), short()}
		requirePublished(t, append(first, calls...)...)
		require.Equal(t, 5, storedIn(c, orders), "none is sent twice")
	}, embedded.WithBrokers(2))
}

// A time that never ends leaves an attempt all that AttemptTimeout gives it.
func TestPromiseEndlessSendTimeout(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		everySend(c, embedded.DelayAnswer(200*time.Millisecond))
		p := publisherOn(t, c, func(c *publisher.Config) { c.SendTimeout = 1<<63 - 1 })
		require.NoError(t, p.Publish(orders, newMessage("x")))
		require.Equal(t, 1, storedIn(c, orders))
	}, embedded.WithBrokers(2))
}
