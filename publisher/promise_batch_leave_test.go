package publisher_test

import (
	"context"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
	"github.com/watermill-rocketmq/watermill-rocketmq/transport"
)

// What could not be written was not sent, also for a caller that leaves while the
// connection is still being opened.
func TestPromiseBatchLeftWhileDialing(t *testing.T) {
	for name, gathered := range map[string]bool{"sent by its caller": false, "sent by a sender": true} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, c *embedded.Cluster) {
				broker := c.Broker(0).Addr()
				p := publisherOn(t, c, func(config *publisher.Config) {
					oneAttempt(config)
					config.Cluster.DialTimeout = time.Minute
					config.Cluster.Dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
						if addr == broker {
							<-ctx.Done() // as with a host that drops packets
							return nil, context.Cause(ctx)
						}
						return c.Dial(ctx, network, addr)
					}
				})
				call := newMessages(2)
				if gathered {
					call = withOwnContexts(t, 2)
				}
				elapsed := stopwatch()
				failed := failureOf(t, p.Publish(orders, call...))
				require.Equal(t, 3*time.Second, elapsed())
				require.Zero(t, sends(c))
				for _, r := range failed.Results {
					require.ErrorIs(t, r.Err, publisher.ErrSendTimeout)
					var op *transport.OpError
					require.ErrorAs(t, r.Err, &op)
					require.False(t, op.Sent)
					require.Equal(t, publisher.NotSent, r.Outcome)
				}
			})
		})
	}
}

// Of a call that has failed no message is sent once more, though others of its
// batch are.
func TestPromiseBatchFailedCallIsNotRetried(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		seen := record(c, func(n int, r request) embedded.Fault {
			if n == held+1 {
				return embedded.Ignore()
			}
			return holding(500*time.Millisecond)(n, r)
		})
		p := publisherOn(t, c, func(c *publisher.Config) { c.AttemptTimeout = time.Second })
		others := append(occupied(p), gathering(p, "other")...)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		call := publishing(p, orders, messageIn(ctx), newMessage("beside"))
		failed := failureOf(t, call.wait())
		require.GreaterOrEqual(t, call.took, 1500*time.Millisecond, "the attempt under way is waited for")
		require.LessOrEqual(t, call.took, 1510*time.Millisecond)
		require.Same(t, &failed.Results[0], failed.Cause())
		beside := failed.Results[1]
		require.ErrorIs(t, beside.Err, publisher.ErrNotAttempted)
		require.ErrorIs(t, beside.Err, publisher.ErrAttemptTimeout)
		require.Equal(t, publisher.MayBeStored, beside.Outcome)
		require.Equal(t, 1, beside.Attempts)
		requirePublished(t, others...)
		require.Equal(t, [][]string{{"other", "x", "beside"}, {"other"}}, seen.groups(held))
	})
}

// valueContext is a context that cannot be compared, which no rule forbids.
type valueContext struct {
	context.Context
	_ [0]func()
}

// Any context will do.
func TestPromiseBatchContextOfAnyType(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		p := publisherOn(t, c, nil)
		one, two := messageIn(valueContext{Context: t.Context()}), messageIn(valueContext{Context: t.Context()})
		require.NotPanics(t, func() { require.NoError(t, p.Publish(orders, one, two)) })
		require.Len(t, messagesIn(c, orders), 2)
	})
}

// What gathers is copied: what the caller does to its message when it has left is
// not sent.
func TestPromiseBatchNothingIsKept(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		seen := record(c, func(n int, r request) embedded.Fault {
			if n == held+1 {
				return embedded.Ignore()
			}
			return holding(500*time.Millisecond)(n, r)
		})
		p := publisherOn(t, c, func(c *publisher.Config) { c.AttemptTimeout = time.Second })
		calls := occupied(p)
		body := strings.Repeat("a", 100)
		var payloads [][]byte
		for i := range 8 {
			msg := newMessage(body)
			payloads = append(payloads, msg.Payload)
			if i%2 == 0 {
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				msg.SetContext(ctx)
			}
			calls = append(calls, publishing(p, orders, msg))
		}
		time.Sleep(1200 * time.Millisecond) // every other caller has left, the request is still there
		for i := 0; i < len(payloads); i += 2 {
			clear(payloads[i])
		}
		for i, u := range calls {
			if i >= held && (i-held)%2 == 0 {
				require.Equal(t, publisher.MayBeStored, u.resultOf(t).Outcome)
			} else {
				requirePublished(t, u)
			}
		}
		var first []string
		for range 8 {
			first = append(first, body)
		}
		require.Equal(t, [][]string{first, first[:4]}, seen.groups(held))
	})
}
