package publisher_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
)

// Those who share a request do not share its fate: each test here ends one of
// them and looks at the others too.

// A context that ends while its message waits takes that message back, unsent.
func TestPromiseBatchCancelledWaiting(t *testing.T) {
	errShutdown := errors.New("shutting down")
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		seen := record(c, holding(time.Second))
		p := publisherOn(t, c, nil)
		calls := append(occupied(p), gathering(p, "before")...)
		ctx, cancel := context.WithCancelCause(t.Context())
		leaver := publishing(p, orders, messageIn(ctx))
		calls = append(calls, gathering(p, "behind")...)
		time.AfterFunc(500*time.Millisecond, func() { cancel(errShutdown) })

		result := leaver.resultOf(t)
		require.Equal(t, 500*time.Millisecond, leaver.took)
		require.ErrorIs(t, result.Err, errShutdown)
		require.ErrorIs(t, result.Err, context.Canceled)
		require.Equal(t, publisher.NotSent, result.Outcome)
		require.Zero(t, result.Attempts)
		requirePublished(t, calls...)
		require.Equal(t, [][]string{{"before", "behind"}}, seen.groups(held), "none of its bytes are sent")
	})
}

// One that ends while the batch is under way leaves at once; the message is in
// the broker's hands.
func TestPromiseBatchCancelledInFlight(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		record(c, func(int, request) embedded.Fault { return embedded.DelayAnswer(time.Second) })
		p := publisherOn(t, c, nil)
		calls := append(occupied(p), gathering(p, "before")...)
		ctx, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond)
		defer cancel()
		leaver := publishing(p, orders, messageIn(ctx))
		calls = append(calls, gathering(p, "behind")...)

		result := leaver.resultOf(t)
		require.Equal(t, 1500*time.Millisecond, leaver.took)
		require.ErrorIs(t, result.Err, context.DeadlineExceeded)
		require.NotErrorIs(t, result.Err, publisher.ErrSendTimeout)
		require.Equal(t, publisher.MayBeStored, result.Outcome)
		require.Equal(t, 1, result.Attempts)
		require.Len(t, result.Failed, 1)
		require.Equal(t, 500*time.Millisecond, result.Failed[0].Took)
		require.Equal(t, c.Broker(0).Addr(), result.Failed[0].Addr)
		require.Equal(t, publisher.MayBeStored, result.Failed[0].Outcome)
		requirePublished(t, calls...)
		require.Equal(t, 2*time.Second, calls[held].took, "they are not held up")
		require.Len(t, messagesIn(c, orders), held+3, "here it is stored")
	})
}

// Between two attempts that were refused the message is nowhere, and it is not
// part of the next one.
func TestPromiseBatchCancelledBetween(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		seen := record(c, func(n int, _ request) embedded.Fault {
			if n == held+1 {
				return embedded.Answer(headers.FlowControl, "")
			}
			return holding(time.Second)(n, request{})
		})
		p := publisherOn(t, c, func(c *publisher.Config) {
			c.Backoff = publisher.BackoffConfig{Min: 500 * time.Millisecond, Max: 500 * time.Millisecond}
		})
		calls := append(occupied(p), gathering(p, "stays")...)
		ctx, cancel := context.WithTimeout(t.Context(), 1100*time.Millisecond)
		defer cancel()
		leaver := publishing(p, orders, messageIn(ctx))
		result := leaver.resultOf(t)
		require.Equal(t, 1100*time.Millisecond, leaver.took)
		require.Equal(t, publisher.NotSent, result.Outcome)
		require.Equal(t, 1, result.Attempts)
		var gaveUp *publisher.GiveUpError
		require.ErrorAs(t, result.Err, &gaveUp)
		require.ErrorIs(t, gaveUp.Cause, context.DeadlineExceeded)
		require.ErrorIs(t, gaveUp.Last, &headers.StatusError{Code: headers.FlowControl})
		requirePublished(t, calls...)
		require.Equal(t, [][]string{{"stays", "x"}, {"stays"}}, seen.groups(held))
	})
}

// An attempt that hangs is made again for those that are still there.
func TestPromiseBatchRetriedWithoutTheCancelled(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		seen := record(c, func(n int, _ request) embedded.Fault {
			if n == held+1 {
				return embedded.Ignore()
			}
			return holding(500*time.Millisecond)(n, request{})
		})
		results := newResults()
		p := publisherOn(t, c, func(c *publisher.Config) { c.AttemptTimeout, c.OnResult = time.Second, results.add })
		calls := append(occupied(p), gathering(p, "a")...)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		leaver := publishing(p, orders, messageIn(ctx))
		calls = append(calls, gathering(p, "b")...)
		require.Equal(t, publisher.MayBeStored, leaver.resultOf(t).Outcome)
		requirePublished(t, calls...)
		require.Equal(t, [][]string{{"a", "x", "b"}, {"a", "b"}}, seen.groups(held))
		for range held + 1 {
			results.next(t)
		}
		for i, want := range calls[held:] {
			result := results.next(t)
			require.NoError(t, want.err)
			require.Equal(t, 2, result.Attempts)
			require.Len(t, result.Failed, 1)
			require.ErrorIs(t, result.Failed[0].Err, publisher.ErrAttemptTimeout)
			require.GreaterOrEqual(t, result.QueueOffset, int64(held), "message %d", i)
		}
	})
}

// The call that makes the next request start has no more part in it than those
// that waited: its context is not theirs.
func TestPromiseBatchStartedByOneOfThem(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		seen := record(c, func(int, request) embedded.Fault { return embedded.DelayAnswer(time.Second) })
		p := publisherOn(t, c, nil)
		calls := append(append(occupied(p), occupied(p)...), gathering(p, numbered(8)...)...) // a broker each, and the crowd
		time.Sleep(1500 * time.Millisecond)                                                   // the batch of 8 is under way, alone
		waiting := gathering(p, "a", "b", "c")
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		starter := publishing(p, orders, messageIn(ctx))
		require.Equal(t, [][]string{numbered(8), {"a", "b", "c", "x"}}, seen.groups(2*held))
		require.Equal(t, publisher.MayBeStored, starter.resultOf(t).Outcome)
		require.Equal(t, 300*time.Millisecond, starter.took)
		requirePublished(t, append(calls, waiting...)...)
		for _, u := range waiting {
			require.Equal(t, time.Second, u.took)
		}
		require.Len(t, seen.list(), 2*held+2, "nothing is sent again")
	}, embedded.WithBrokers(2))
}

// SendTimeout is each call's own: it counts from the call, not from the request.
func TestPromiseBatchSendTimeout(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		seen := record(c, func(n int, _ request) embedded.Fault {
			if n <= held {
				return embedded.DelayAnswer(2500 * time.Millisecond)
			}
			return embedded.DelayAnswer(time.Second)
		})
		p := publisherOn(t, c, oneAttempt)
		first := occupied(p)
		early := gathering(p, "early")[0]
		time.Sleep(time.Second)
		late := gathering(p, "late")[0]

		result := early.resultOf(t)
		require.Equal(t, 3*time.Second, early.took)
		require.ErrorIs(t, result.Err, publisher.ErrSendTimeout)
		require.Equal(t, publisher.MayBeStored, result.Outcome)
		require.Equal(t, 1, result.Attempts)
		requirePublished(t, append(first, late)...)
		require.Equal(t, 2500*time.Millisecond, late.took)
		require.Equal(t, [][]string{{"early", "late"}}, seen.groups(held))
	})
}

// A message whose time passes while it waits is not sent, then or later.
func TestPromiseBatchSendTimeoutWaiting(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		seen := record(c, func(n int, r request) embedded.Fault {
			if n > held {
				return embedded.Ignore()
			}
			return holding(500*time.Millisecond)(n, r)
		})
		p := publisherOn(t, c, func(c *publisher.Config) { c.AttemptTimeout, c.Batch.MaxMessages = time.Minute, 8 })
		calls := append(occupied(p), gathering(p, numbered(8*held)...)...)
		waits := gathering(p, "waits")[0] // behind requests that take all of its time
		for _, u := range calls[held:] {
			require.Equal(t, publisher.MayBeStored, u.resultOf(t).Outcome)
			require.Equal(t, 3*time.Second, u.took)
		}
		result := waits.resultOf(t)
		require.Equal(t, 3*time.Second, waits.took)
		require.Equal(t, publisher.ErrSendTimeout, result.Err)
		require.Equal(t, publisher.NotSent, result.Outcome)
		require.Zero(t, result.Attempts)
		time.Sleep(time.Hour)
		require.Len(t, seen.list(), 2*held)
	})
}

// All messages of a call end together, also those that others send.
func TestPromiseBatchSendTimeoutOfACall(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		everySend(c, embedded.Ignore())
		p := publisherOn(t, c, func(c *publisher.Config) { c.AttemptTimeout = time.Minute })
		failed := failureOf(t, p.Publish(orders, withOwnContexts(t, 3)...))
		for _, r := range failed.Results {
			require.ErrorIs(t, r.Err, publisher.ErrSendTimeout)
			require.Equal(t, publisher.MayBeStored, r.Outcome)
			require.Equal(t, 3*time.Second, r.Failed[0].Took)
		}
	})
}

// Of a call with several messages, one that is cancelled while they wait ends the
// call: none of them is sent. Other calls do not notice.
func TestPromiseBatchCancelledInACall(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		seen := record(c, holding(time.Second))
		p := publisherOn(t, c, nil)
		others := append(occupied(p), gathering(p, "other")...)
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer cancel()
		call := publishing(p, orders, newMessage("x"), messageIn(ctx), newMessage("x"))
		failed := failureOf(t, call.wait())
		require.Equal(t, 500*time.Millisecond, call.took)
		require.Same(t, &failed.Results[1], failed.Cause())
		require.ErrorIs(t, failed, context.DeadlineExceeded)
		for _, i := range []int{0, 2} {
			require.Equal(t, publisher.ErrNotAttempted, failed.Results[i].Err)
		}
		for _, r := range failed.Results {
			require.Equal(t, publisher.NotSent, r.Outcome)
			require.Zero(t, r.Attempts)
		}
		requirePublished(t, others...)
		require.Equal(t, [][]string{{"other"}}, seen.groups(held))
	})
}

// While they are under way, the others of the call are waited for.
func TestPromiseBatchCancelledInACallInFlight(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		everySend(c, embedded.DelayAnswer(time.Second))
		p := publisherOn(t, c, nil)
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer cancel()
		call := publishing(p, orders, newMessage("x"), messageIn(ctx), newMessage("x"))
		failed := failureOf(t, call.wait())
		require.Equal(t, time.Second, call.took)
		require.Equal(t, []publisher.Outcome{publisher.Stored, publisher.MayBeStored, publisher.Stored}, outcomes(failed))
		require.NoError(t, failed.Results[0].Err)
		require.ErrorIs(t, failed.Results[1].Err, context.DeadlineExceeded)
		require.NoError(t, failed.Results[2].Err)
		require.EqualValues(t, 2, failed.Results[2].QueueOffset, "its place is that in the batch, whoever has left")
		require.Equal(t, messagesIn(c, orders)[2].OffsetMessageID, failed.Results[2].OffsetMessageID)
	})
}

// A context that messages of a call share ends them together.
func TestPromiseBatchSharedContext(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		seen := record(c, holding(time.Second))
		p := publisherOn(t, c, nil)
		others := append(occupied(p), gathering(p, "other")...)
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer cancel()
		failed := failureOf(t, publishing(p, orders, messageIn(ctx), messageIn(ctx)).wait())
		require.ErrorIs(t, failed.Results[0].Err, context.DeadlineExceeded)
		require.Equal(t, publisher.ErrNotAttempted, failed.Results[1].Err, "one cause is enough")
		require.Equal(t, []publisher.Outcome{publisher.NotSent, publisher.NotSent}, outcomes(failed))
		requirePublished(t, others...)
		require.Equal(t, [][]string{{"other"}}, seen.groups(held))
	})
}

// Each message of a batch has its own id and place, and they are those that the
// broker stored it under.
func TestPromiseBatchResults(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		seen := record(c, holding(time.Second))
		results := newResults()
		p := publisherOn(t, c, func(c *publisher.Config) { c.OnResult = results.add })
		calls := append(occupied(p), gathering(p, numbered(9)...)...)
		var many []*message.Message
		for _, b := range numbered(20)[9:] {
			many = append(many, newMessage(b))
		}
		calls = append(calls, publishing(p, orders, many...))
		requirePublished(t, calls...)
		require.Equal(t, [][]string{numbered(20)}, seen.groups(held))

		byUUID := make(map[string]publisher.Result)
		for range held + 20 {
			result := results.next(t)
			require.NoError(t, result.Err)
			byUUID[result.UUID] = result
		}
		require.Len(t, byUUID, held+20)
		for i, m := range messagesIn(c, orders) {
			result := byUUID[m.Keys]
			require.Equal(t, publisher.Stored, result.Outcome)
			require.Equal(t, publisher.SendOK, result.Status)
			require.Equal(t, m.UniqueKey, result.MessageID)
			require.EqualValues(t, i, result.QueueOffset)
			require.Equal(t, m.QueueOffset, result.QueueOffset)
			require.Equal(t, m.OffsetMessageID, result.OffsetMessageID)
			require.Equal(t, m.BrokerName, result.MessageQueue.BrokerName)
			require.Equal(t, m.QueueID, result.MessageQueue.QueueID)
			require.Equal(t, c.Broker(0).Addr(), result.BrokerAddr)
			require.Equal(t, 1, result.Attempts)
			require.Empty(t, result.Failed)
		}
	})
}
