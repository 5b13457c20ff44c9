package publisher_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
)

// Async takes messages without waiting for a broker. Its Close returns when all results
// have been told, and it is the Publisher's.
func TestPromiseAsyncView(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		everySend(c, embedded.DelayAnswer(time.Second))
		seen := newResults()
		var log hookLog
		p := unclosedPublisherOn(t, c, func(c *publisher.Config) { c.OnResult, c.Hooks = seen.add, []publisher.Hooks{log.hooks()} })
		async := p.Async()
		elapsed := stopwatch()
		call := newMessages(3)
		require.NoError(t, async.Publish(orders, call...))
		require.NoError(t, async.Publish(orders))
		require.Zero(t, elapsed())
		require.NoError(t, async.Close())
		require.Equal(t, time.Second, elapsed())
		for _, msg := range call {
			r := seen.next(t)
			require.Equal(t, msg.UUID, r.UUID)
			require.Equal(t, publisher.Stored, r.Outcome)
		}
		require.Len(t, log.results, 3)
		require.True(t, log.messages[0].Async)
		require.ErrorIs(t, async.Publish(orders, newMessage("x")), publisher.ErrClosed)
		require.ErrorIs(t, p.Publish(orders, newMessage("x")), publisher.ErrClosed)
		require.NoError(t, async.Close())
	})
}

// An error that comes later is told. One that is known at once is returned, and not told.
func TestPromiseAsyncViewErrors(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		everySend(c, embedded.Ignore())
		seen := newResults()
		var log hookLog
		p := publisherOn(t, c, func(c *publisher.Config) { c.OnResult, c.Hooks = seen.add, []publisher.Hooks{log.hooks()} })
		require.NoError(t, p.Async().Publish(orders, newMessage("x")))
		require.NoError(t, p.Flush(t.Context()))
		r := seen.next(t)
		require.ErrorIs(t, r.Err, publisher.ErrSendTimeout)
		require.Equal(t, publisher.MayBeStored, r.Outcome)
		require.ErrorIs(t, log.results[0].Err, publisher.ErrSendTimeout)

		require.ErrorIs(t, p.Async().Publish(orders, nil), publisher.ErrNilMessage)
		require.NoError(t, p.Flush(t.Context()))
		require.Empty(t, seen.c)
		require.ErrorIs(t, publisherOn(t, c, nil).Async().Publish(orders, newMessage("x")), publisher.ErrNoOnResult)
	})
}

// Where PublishAsync refuses, Async waits for room, within the time and the contexts of its
// messages.
func TestPromiseAsyncViewWaits(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		everySend(c, embedded.DelayAnswer(2500*time.Millisecond))
		seen := newResults()
		p := publisherOn(t, c, func(c *publisher.Config) {
			c.OnResult, c.Waiting.Messages, c.SendTimeout, c.AttemptTimeout = seen.add, 1, 3*time.Second, 3*time.Second
		})
		async := p.Async()
		require.NoError(t, async.Publish(orders, newMessage("first")))
		require.ErrorIs(t, p.PublishAsync(orders, newMessage("x")), publisher.ErrWaitingFull)
		elapsed := stopwatch()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.ErrorIs(t, async.Publish(orders, messageIn(ctx)), context.DeadlineExceeded)
		require.Equal(t, time.Second, elapsed())
		require.NoError(t, async.Publish(orders, newMessage("second")))
		require.Equal(t, 2500*time.Millisecond, elapsed())
		require.NoError(t, p.Flush(t.Context()))
		require.NoError(t, seen.next(t).Err)
		require.ErrorIs(t, seen.next(t).Err, publisher.ErrSendTimeout, "the wait for room is part of the time")
	})
}

// A router has its source message acked when the message is taken, and closes nothing
// before all is told.
func TestPromiseAsyncViewInBus(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		everySend(c, embedded.DelayAnswer(time.Second))
		seen := newResults()
		p := unclosedPublisherOn(t, c, func(c *publisher.Config) { c.OnResult = seen.add })
		source := &channelSource{messages: make(chan *message.Message)}
		router, err := message.NewRouter(message.RouterConfig{}, nil)
		require.NoError(t, err)
		router.AddHandler("h", "in", source, orders, p.Async(), func(m *message.Message) ([]*message.Message, error) {
			return message.Messages{newMessage(string(m.Payload))}, nil
		})
		go func() {
			if err := router.Run(t.Context()); err != nil {
				t.Error(err)
			}
		}()
		<-router.Running()
		m := newMessage("x")
		elapsed := stopwatch()
		source.messages <- m
		<-m.Acked()
		require.Zero(t, elapsed())
		require.NoError(t, router.Close())
		require.NoError(t, p.Close())
		require.Equal(t, publisher.Stored, seen.next(t).Outcome)
		synctest.Wait()
	})
}

// channelSource is a Subscriber of a channel.
type channelSource struct{ messages chan *message.Message }

func (s *channelSource) Subscribe(context.Context, string) (<-chan *message.Message, error) {
	return s.messages, nil
}

func (s *channelSource) Close() error {
	close(s.messages)
	return nil
}

// Oneway asks for no answer.
func TestPromiseOnewayView(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		seen := newResults()
		p := unclosedPublisherOn(t, c, func(c *publisher.Config) { c.OnResult = seen.add })
		oneway := p.Oneway()
		require.NoError(t, oneway.Publish(orders, newMessage("x")))
		require.Equal(t, publisher.MayBeStored, seen.next(t).Outcome)
		require.Error(t, oneway.Publish("", newMessage("x")))
		require.NoError(t, oneway.Close())
		require.ErrorIs(t, p.Publish(orders, newMessage("x")), publisher.ErrClosed)
	})
}

// A publisher that shares the group of everybody says so, once.
func TestPromiseDefaultGroupIsSaid(t *testing.T) {
	const said = "Publishing as the producer group of all programs that set none: set Config.ProducerGroup to the program's name"
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		p, lines := loggedOn(t, c, nil)
		require.NoError(t, p.Publish(orders, newMessages(3)...))
		require.Len(t, lines(watermill.InfoLogLevel, said), 1)
		_, lines = loggedOn(t, c, func(c *publisher.Config) { c.ProducerGroup = "own" })
		require.Empty(t, lines(watermill.InfoLogLevel, said))
		_, lines = loggedOn(t, c, func(c *publisher.Config) { c.ProducerGroup, c.Trace.Enabled = "own", true })
		require.Empty(t, lines(watermill.InfoLogLevel, said))
	}, withTrace)
}

// What Watermill's components do to contexts keeps nothing from an asynchronous poison queue.
func TestPromiseAsyncPoisonQueueUnderTimeoutAndInstantAck(t *testing.T) {
	for name, middleware := range map[string]message.HandlerMiddleware{"Timeout": within(time.Minute), "InstantAck": instantAck} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, c *embedded.Cluster) {
				seen := newResults()
				p := publisherOn(t, c, func(c *publisher.Config) { c.OnResult = seen.add })
				in := routed(t, publisher.KeepOpen(p), orders, failing(errBroken), poisonQueue(p.Async(), poison), middleware)
				require.Equal(t, 1, in.deliver(t, newMessage("order")))
				awaitStored(t, c, poison, 1)
				require.NoError(t, p.Flush(t.Context()))
				require.Equal(t, publisher.Stored, seen.next(t).Outcome)
			})
		})
	}
}

// An event that a handler publishes, as an event bus does with the context of the message that
// is handled, outlives the ack of that message.
func TestPromiseAsyncViewOutlivesTheAck(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		everySend(c, embedded.DelayAnswer(time.Second))
		seen := newResults()
		p := publisherOn(t, c, func(c *publisher.Config) { c.OnResult = seen.add })
		async := p.Async()
		in := routed(t, publisher.KeepOpen(p), orders, func(m *message.Message) ([]*message.Message, error) {
			if err := async.Publish(orders, messageIn(m.Context())); err != nil {
				return nil, err
			}
			return nil, async.Publish(orders, messageIn(m.Context()), messageIn(t.Context()))
		})
		require.Equal(t, 1, in.deliver(t, newMessage("1")))
		require.Equal(t, 1, in.deliver(t, newMessage("2")), "these wait behind a request")
		require.NoError(t, p.Flush(t.Context()))
		for range 6 {
			r := seen.next(t)
			require.NoError(t, r.Err)
			require.Equal(t, publisher.Stored, r.Outcome)
		}
		require.Equal(t, 6, storedIn(c, orders))
	})
}

// Deadlines count for what Async has taken, though cancellation does not.
func TestPromiseAsyncViewKeepsDeadlines(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		everySend(c, embedded.Ignore())
		seen := newResults()
		p := publisherOn(t, c, func(c *publisher.Config) { oneAttempt(c); c.OnResult = seen.add })
		for _, limit := range []time.Duration{time.Second, time.Hour} {
			ctx, cancel := context.WithTimeout(t.Context(), limit)
			require.NoError(t, p.Async().Publish(orders, messageIn(ctx)))
			cancel()
			require.NoError(t, p.Flush(t.Context()))
			r := seen.next(t)
			require.Equal(t, min(limit, 3*time.Second), r.Took)
			if limit == time.Second {
				require.ErrorIs(t, r.Err, context.DeadlineExceeded)
			} else {
				require.ErrorIs(t, r.Err, publisher.ErrSendTimeout)
			}
		}
	})
}
