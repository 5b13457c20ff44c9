package publisher_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
)

// ignoreRoutes keeps name servers from answering.
func ignoreRoutes(r embedded.Request) embedded.Fault {
	if r.Code == headers.CodeTopicRoute {
		return embedded.Ignore()
	}
	return embedded.Fault{}
}

func TestPromiseSendTimeoutBoundsAllAttempts(t *testing.T) {
	for name, f := range map[string]embedded.Fault{
		"never answered": embedded.Ignore(),
		"dropped":        embedded.DropConnection(),
		"busy":           embedded.Answer(headers.SystemBusy, ""),
		"answered late":  embedded.DelayAnswer(5 * time.Second),
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, c *embedded.Cluster) {
				everySend(c, f)
				p := publisherOn(t, c, func(c *publisher.Config) { c.AttemptTimeout = time.Second })
				elapsed := stopwatch()
				err := p.Publish(orders, newMessage("x"))
				require.Equal(t, 3*time.Second, elapsed())
				require.ErrorIs(t, err, publisher.ErrSendTimeout)
				failed := failureOf(t, err)
				require.Equal(t, publisher.MayBeStored, failed.Outcome())
				require.Greater(t, failed.Cause().Attempts, 1)
				require.Equal(t, failed.Cause().Attempts, sends(c))
			})
		})
	}
}

func TestPromiseSendTimeoutBoundsTheLookup(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		c.Intercept(ignoreRoutes)
		p := publisherOn(t, c, nil)
		elapsed := stopwatch()
		err := p.Publish(orders, newMessage("x"))
		require.Equal(t, 3*time.Second, elapsed())
		require.ErrorIs(t, err, publisher.ErrSendTimeout)
		require.Equal(t, publisher.NotSent, failureOf(t, err).Outcome())
	})
}

// The time of all messages of a call begins with the call, whatever they have to
// wait for.
func TestPromiseSendTimeoutIsOfTheCall(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		everySend(c, embedded.Delay(2*time.Second))
		elapsed := stopwatch()
		err := publisherOn(t, c, oneByOne).Publish(orders, newMessages(4)...)
		require.Equal(t, 3*time.Second, elapsed())
		failed := failureOf(t, err)
		require.Equal(t, []publisher.Outcome{publisher.Stored, publisher.MayBeStored, publisher.NotSent, publisher.NotSent}, outcomes(failed))
		require.ErrorIs(t, failed.Results[1].Err, publisher.ErrSendTimeout)
		require.Equal(t, 2, sends(c))
	})
}

func TestPromiseAttemptTimeoutBoundsOne(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		firstSend(c, embedded.Ignore())
		seen := newResults()
		p := publisherOn(t, c, func(c *publisher.Config) { c.AttemptTimeout = time.Second; c.OnResult = seen.add })
		elapsed := stopwatch()
		result := publishOne(t, p, seen)
		require.Equal(t, 2, result.Attempts)
		require.Equal(t, time.Second, result.Failed[0].Took)
		require.Equal(t, publisher.MayBeStored, result.Failed[0].Outcome)
		require.GreaterOrEqual(t, elapsed(), time.Second+5*time.Millisecond)
		require.LessOrEqual(t, elapsed(), time.Second+10*time.Millisecond)
	})
}

// A message's own deadline ends it earlier than SendTimeout, never later.
func TestPromiseMessageDeadline(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		everySend(c, embedded.Ignore())
		p := publisherOn(t, c, nil)
		for own, want := range map[time.Duration]time.Duration{500 * time.Millisecond: 500 * time.Millisecond, time.Hour: 3 * time.Second} {
			ctx, cancel := context.WithTimeout(t.Context(), own)
			defer cancel()
			elapsed := stopwatch()
			err := p.Publish(orders, messageIn(ctx))
			require.Equal(t, want, elapsed())
			require.Equal(t, publisher.MayBeStored, failureOf(t, err).Outcome())
			if own == want {
				require.ErrorIs(t, err, context.DeadlineExceeded)
				require.NotErrorIs(t, err, publisher.ErrSendTimeout)
			} else {
				require.ErrorIs(t, err, publisher.ErrSendTimeout)
			}
		}
	})
}

// A cancelled message ends at once whatever it waits for, and its error matches
// both context.Canceled and the cause that the caller gave.
func TestPromiseMessageCancelled(t *testing.T) {
	errShutdown := errors.New("shutting down")
	for name, c := range map[string]struct {
		prepare  func(c *embedded.Cluster)
		outcome  publisher.Outcome
		attempts int // 0: any number above
	}{
		"waiting for the answer": {
			func(c *embedded.Cluster) { everySend(c, embedded.Ignore()) },
			publisher.MayBeStored, 1,
		},
		"waiting for the route": {
			func(c *embedded.Cluster) { c.Intercept(ignoreRoutes) },
			publisher.NotSent, 1,
		},
		"pausing": {
			func(c *embedded.Cluster) { everySend(c, embedded.Answer(headers.FlowControl, "")) },
			publisher.NotSent, 0,
		},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, cluster *embedded.Cluster) {
				c.prepare(cluster)
				p := publisherOn(t, cluster, oneByOne)
				ctx, cancel := context.WithCancelCause(t.Context())
				time.AfterFunc(700*time.Millisecond, func() { cancel(errShutdown) })
				elapsed := stopwatch()
				err := p.Publish(orders, messageIn(ctx), newMessage("behind it"))
				require.Equal(t, 700*time.Millisecond, elapsed())
				require.ErrorIs(t, err, errShutdown)
				require.ErrorIs(t, err, context.Canceled)
				require.NotErrorIs(t, err, publisher.ErrSendTimeout)
				failed := failureOf(t, err)
				require.Equal(t, []publisher.Outcome{c.outcome, publisher.NotSent}, outcomes(failed))
				if c.attempts != 0 {
					require.Equal(t, c.attempts, failed.Results[0].Attempts)
				} else {
					require.Greater(t, failed.Results[0].Attempts, 1)
				}
			})
		})
	}
}

// A cause that itself says that the context was canceled is found as well as any.
func TestPromiseCancelledForACauseThatSaysSo(t *testing.T) {
	errShutdown := errors.New("shutting down")
	cause := fmt.Errorf("%w: %w", errShutdown, context.Canceled)
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		everySend(c, embedded.Ignore())
		p := publisherOn(t, c, nil)
		for _, after := range []time.Duration{0, time.Second} {
			ctx, cancel := context.WithCancelCause(t.Context())
			if after == 0 {
				cancel(cause)
			}
			time.AfterFunc(after, func() { cancel(cause) })
			err := p.Publish(orders, messageIn(ctx))
			require.ErrorIs(t, err, errShutdown)
			require.ErrorIs(t, err, context.Canceled)
		}
	})
}

// A message that was cancelled before its turn is not sent, not even once.
func TestPromiseCancelledBefore(t *testing.T) {
	errShutdown := errors.New("shutting down")
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		p := publisherOn(t, c, nil)
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(errShutdown)
		err := p.Publish(orders, messageIn(ctx))
		require.ErrorIs(t, err, errShutdown)
		require.ErrorIs(t, err, context.Canceled)
		failed := failureOf(t, err)
		require.Equal(t, publisher.NotSent, failed.Outcome())
		require.Zero(t, failed.Cause().Attempts)
		require.Zero(t, c.Stats().Accepted())

		late, cancelLate := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
		defer cancelLate()
		err = p.Publish(orders, messageIn(late))
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Zero(t, failureOf(t, err).Cause().Attempts)
		require.Zero(t, c.Stats().Accepted())
	})
}

// Each message has a context of its own: one that has ended takes neither those
// before it along, nor those of other calls on the same connection.
func TestPromiseContextsOfOthers(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		everySend(c, embedded.Delay(time.Second))
		p := publisherOn(t, c, nil)
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		err := p.Publish(orders, newMessage("x"), messageIn(ended), newMessage("x"))
		failed := failureOf(t, err)
		require.Equal(t, []publisher.Outcome{publisher.Stored, publisher.NotSent, publisher.NotSent}, outcomes(failed))
		require.ErrorIs(t, failed.Results[1].Err, context.Canceled)
		require.Equal(t, publisher.ErrNotAttempted, failed.Results[2].Err)

		ending, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer cancel()
		other := make(chan error, 1)
		go func() { other <- p.Publish(orders, newMessage("x")) }()
		require.ErrorIs(t, p.Publish(orders, messageIn(ending)), context.DeadlineExceeded)
		require.NoError(t, <-other)
		require.Equal(t, 1, c.Stats()["broker-a"].Accepted, "the connection goes on")
	})
}
