package publisher_test

import (
	"context"
	"errors"
	"net"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"

	rocketmq "github.com/watermill-rocketmq/watermill-rocketmq"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
	"github.com/watermill-rocketmq/watermill-rocketmq/transport"
)

// onewayFlags counts the send requests that want an answer, and those that do not.
func onewayFlags(c *embedded.Cluster) (counts func() (oneway, twoWay int)) {
	var mu sync.Mutex
	var ones, twos int
	c.Intercept(func(r embedded.Request) embedded.Fault {
		mu.Lock()
		defer mu.Unlock()
		switch {
		case r.Send == nil:
		case r.Command.IsOneway():
			ones++
		default:
			twos++
		}
		return embedded.Fault{}
	})
	return func() (int, int) {
		synctest.Wait()
		mu.Lock()
		defer mu.Unlock()
		return ones, twos
	}
}

// PublishOneway does not wait for the broker, and its result does not say more
// than it knows.
func TestPromiseOneway(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		counts := onewayFlags(c)
		seen := newResults()
		p := publisherOn(t, c, telling(seen))
		require.NoError(t, p.Publish(orders, newMessage("connects")))
		seen.next(t)
		everySend(c, embedded.Delay(time.Minute))
		elapsed := stopwatch()
		call := newMessages(3)
		require.NoError(t, p.PublishOneway(orders, call...))
		require.Zero(t, elapsed())
		for _, msg := range call {
			r := seen.next(t)
			require.NoError(t, r.Err)
			require.Equal(t, msg.UUID, r.UUID)
			require.Equal(t, publisher.MayBeStored, r.Outcome)
			require.Equal(t, publisher.StatusNone, r.Status)
			require.Equal(t, 1, r.Attempts)
			require.Equal(t, orders, r.MessageQueue.Topic)
			require.NotEmpty(t, r.BrokerAddr)
			require.NotEmpty(t, r.MessageID)
			require.Empty(t, r.OffsetMessageID)
		}
		time.Sleep(time.Minute)
		oneway, twoWay := counts()
		require.Equal(t, [2]int{1, 1}, [2]int{oneway, twoWay}, "three messages in one request")
		require.Equal(t, 4, storedIn(c, orders))
		require.NoError(t, p.PublishOneway(orders), "no messages")
	})
}

// What the broker refuses is lost without a word.
func TestPromiseOnewayRefusedByBroker(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		everySend(c, embedded.Answer(headers.MessageIllegal, ""))
		p := publisherOn(t, c, nil)
		require.NoError(t, p.PublishOneway(orders, newMessage("x")))
		require.Equal(t, 1, sends(c))
		require.Zero(t, storedIn(c, orders))
	})
}

// Features that need an answer are refused by name, before anything is sent.
func TestPromiseOnewayWithKey(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		p := publisherOn(t, c, byPayload)
		err := p.PublishOneway(orders, newMessage("key-1"))
		var refused *publisher.CombinationError
		require.ErrorAs(t, err, &refused)
		require.Equal(t, []rocketmq.Feature{rocketmq.FeatureOrderingKey, rocketmq.FeatureOneway}, refused.Features)
		requireRefused(t, c, err, 0)
		require.NoError(t, p.PublishOneway(orders, newMessage("")), "a message without a key")
	})
}

// Requests that want an answer and those that do not are never one.
func TestPromiseOnewayAmongOthers(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		seen := record(c, holding(time.Minute))
		p := publisherOn(t, c, telling(newResults()))
		first := occupied(p)
		calls := gathering(p, "a", "b")
		require.NoError(t, p.PublishOneway(orders, newMessage("one"), newMessage("way")))
		require.NoError(t, p.PublishAsync(orders, newMessage("c")))
		requirePublished(t, append(first, calls...)...)
		require.NoError(t, p.Flush(t.Context()))
		groups := seen.groups(held)
		require.Contains(t, groups, []string{"one", "way"})
		for _, group := range groups {
			require.Equal(t, slices.Contains(group, "one"), slices.Contains(group, "way"))
			if slices.Contains(group, "one") {
				require.Len(t, group, 2)
			}
		}
	})
}

// A message goes alone where it has to: compressed ones do not share a request.
func TestPromiseOnewaySolo(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		seen := record(c, nil)
		p := publisherOn(t, c, nil)
		large := newMessage(string(make([]byte, 10_000)))
		require.NoError(t, p.PublishOneway(orders, newMessage("a"), large, newMessage("b"), newMessage("c")))
		synctest.Wait()
		require.Equal(t, 4, storedIn(c, orders))
		require.Len(t, seen.list(), 3)
	})
}

// Where no connection can be made a message was surely not sent, and is tried
// again until its time is over.
func TestPromiseOnewayRetriesWhatWasNotSent(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		refused := errors.New("refused")
		broker, failures := c.Brokers()[0].Addr(), 2
		seen := newResults()
		p := publisherOn(t, c, func(cfg *publisher.Config) {
			cfg.OnResult = seen.add
			cfg.Cluster.Dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
				if addr == broker && failures != 0 {
					failures--
					return nil, refused
				}
				return c.Dial(ctx, network, addr)
			}
		})
		require.NoError(t, p.PublishOneway(orders, newMessage("x")))
		r := seen.next(t)
		require.Equal(t, 3, r.Attempts)
		require.Len(t, r.Failed, 2)
		require.Equal(t, publisher.NotSent, r.Failed[0].Outcome)
		require.Equal(t, 1, sends(c))

		c.Brokers()[0].Kill()
		failures = -1
		err := p.PublishOneway(orders, newMessage("x"))
		require.ErrorIs(t, err, publisher.ErrSendTimeout)
		require.ErrorIs(t, err, refused)
		require.Equal(t, publisher.NotSent, failureOf(t, err).Outcome())
	})
}

// stuckConn is a connection whose writes do not end, once told so, until it is
// closed: the network has taken part of them or nothing.
type stuckConn struct {
	net.Conn
	stuck  chan struct{} // closed when writes get stuck
	closed chan struct{}
	once   *sync.Once
}

func (s stuckConn) Write(b []byte) (int, error) {
	select {
	case <-s.stuck:
		<-s.closed
		return len(b), errors.New("stuck")
	default:
		return s.Conn.Write(b)
	}
}

func (s stuckConn) Close() error {
	s.once.Do(func() { close(s.closed) })
	return s.Conn.Close()
}

// One that may have been sent is not sent again.
func TestPromiseOnewayDoesNotRepeat(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		stuck := make(chan struct{})
		seen := newResults()
		p := publisherOn(t, c, func(cfg *publisher.Config) {
			cfg.OnResult = seen.add
			cfg.Cluster.Dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
				conn, err := c.Dial(ctx, network, addr)
				return stuckConn{conn, stuck, make(chan struct{}), new(sync.Once)}, err
			}
		})
		require.NoError(t, p.Publish(orders, newMessage("x")))
		seen.next(t)
		synctest.Wait() // until the heartbeat that greets a broker is over
		close(stuck)
		err := p.PublishOneway(orders, newMessage("x"))
		require.ErrorIs(t, err, publisher.ErrAttemptTimeout)
		require.Equal(t, publisher.MayBeStored, failureOf(t, err).Outcome())
		r := seen.next(t)
		require.Equal(t, 1, r.Attempts)
		var op *transport.OpError
		require.ErrorAs(t, r.Err, &op)
		require.True(t, op.Sent)
	})
}

// Contexts, Close and the gate hold as for Publish.
func TestPromiseOnewayEnds(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		p := unclosedPublisherOn(t, c, nil)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		err := p.PublishOneway(orders, messageIn(ctx))
		require.ErrorIs(t, err, context.Canceled)
		require.NoError(t, p.PublishOneway(orders, []*message.Message{newMessage("last")}...))
		require.NoError(t, p.Close())
		require.Equal(t, 1, storedIn(c, orders), "what was handed to the network before Close")
		require.ErrorIs(t, p.PublishOneway(orders, newMessage("x")), publisher.ErrClosed)
		require.Zero(t, publisher.Inside(p))
	})
}
