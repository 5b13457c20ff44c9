package publisher_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
)

// refusing refuses each request that has a bad message in it.
func refusing(n int, r request) embedded.Fault {
	if slices.Contains(r.bodies, "bad") {
		return embedded.Answer(headers.MessageIllegal, "the message is illegal")
	}
	return holding(time.Second)(n, r)
}

// with returns those of the requests that have the message in them.
func with(groups [][]string, body string) [][]string {
	return slices.DeleteFunc(slices.Clone(groups), func(group []string) bool { return !slices.Contains(group, body) })
}

// The messages of a refused batch are sent again in smaller requests, so that
// only the bad one fails.
func TestPromiseBatchRefused(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		seen := record(c, refusing)
		results := newResults()
		p := publisherOn(t, c, func(c *publisher.Config) { c.OnResult = results.add })
		first := occupied(p)
		all := append(numbered(5), "bad", "c", "d")
		calls := gathering(p, all...)
		requirePublished(t, first...)
		for i, u := range calls {
			if err := u.wait(); all[i] != "bad" {
				require.NoError(t, err)
			}
			require.Equal(t, time.Second, u.took, "there is no pause between them")
		}
		groups := seen.groups(held)
		require.Equal(t, all, groups[0])
		require.LessOrEqual(t, len(groups), 2*len(all))
		refusals := with(groups, "bad")
		for i := range refusals[1:] {
			require.Less(t, len(refusals[i+1]), len(refusals[i]))
		}
		require.Equal(t, []string{"bad"}, refusals[len(refusals)-1])
		require.Equal(t, append(slices.Repeat([]string{"first"}, held), slices.Concat(all[:5], all[6:])...), bodies(c, orders))

		byUUID := make(map[string]publisher.Result)
		for range held + len(all) {
			result := results.next(t)
			byUUID[result.UUID] = result
		}
		bad := calls[5].resultOf(t)
		refused := &headers.StatusError{Code: headers.MessageIllegal}
		require.ErrorIs(t, bad.Err, refused)
		require.Equal(t, publisher.NotSent, bad.Outcome)
		require.Equal(t, len(refusals), bad.Attempts)
		require.Len(t, bad.Failed, bad.Attempts)
		for _, m := range messagesIn(c, orders)[held:] {
			result := byUUID[m.Keys]
			require.Equal(t, len(with(groups, string(m.Body))), result.Attempts)
			require.Len(t, result.Failed, result.Attempts-1)
			require.ErrorIs(t, result.Failed[0].Err, refused)
			require.Equal(t, publisher.NotSent, result.Failed[0].Outcome)
			require.Equal(t, m.QueueOffset, result.QueueOffset)
			require.Equal(t, m.OffsetMessageID, result.OffsetMessageID)
		}
	})
}

// In one call the bad one is told as the cause. Those before it are published, and
// no further request is started for those behind it.
func TestPromiseBatchRefusedCall(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		p := publisherOn(t, c, nil)
		seen := record(c, func(_ int, r request) embedded.Fault { return refusing(held+1, r) })
		failed := failureOf(t, p.Publish(orders, newMessage("a"), newMessage("bad"), newMessage("c")))
		require.Same(t, &failed.Results[1], failed.Cause())
		require.ErrorIs(t, failed, &headers.StatusError{Code: headers.MessageIllegal})
		require.Equal(t, []publisher.Outcome{publisher.Stored, publisher.NotSent, publisher.NotSent}, outcomes(failed))
		require.NoError(t, failed.Results[0].Err)
		require.ErrorIs(t, failed.Results[2].Err, publisher.ErrNotAttempted)
		require.Equal(t, []string{"a"}, bodies(c, orders))
		groups := seen.groups(0)
		require.Equal(t, []string{"bad"}, groups[len(groups)-1])
	})
}

// Messages of the call that were not in the refused batch are not sent any more.
func TestPromiseBatchRefusedRest(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		p := publisherOn(t, c, func(c *publisher.Config) { c.Batch.MaxMessages = 2 })
		record(c, func(_ int, r request) embedded.Fault { return refusing(held+1, r) })
		failed := failureOf(t, p.Publish(orders, newMessage("a"), newMessage("bad"), newMessage("c"), newMessage("d")))
		require.Same(t, &failed.Results[1], failed.Cause())
		require.Equal(t, []publisher.Outcome{publisher.Stored, publisher.NotSent, publisher.NotSent, publisher.NotSent}, outcomes(failed))
		for _, r := range failed.Results[2:] {
			require.Equal(t, publisher.ErrNotAttempted, r.Err)
			require.Zero(t, r.Attempts)
		}
		time.Sleep(time.Minute)
		require.Equal(t, []string{"a"}, bodies(c, orders))
	})
}

// A batch that is larger than the broker takes is no reason to lose what is in
// it: each message alone is small enough.
func TestPromiseBatchTooLarge(t *testing.T) {
	for name, version := range map[string]headers.Version{"4.9": headers.Version4_9_7, "5.5": headers.Version5_5_0} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, c *embedded.Cluster) {
				seen := record(c, nil)
				p := publisherOn(t, c, nil)
				large := strings.Repeat("x", 600)
				require.NoError(t, p.Publish(orders, newMessage(large), newMessage(large), newMessage(large)))
				require.Len(t, seen.list()[0].bodies, 3)
				require.Len(t, messagesIn(c, orders), 3)
			}, embedded.WithVersion(version), embedded.WithMaxMessageSize(1000))
		})
	}
}

// A message that was refused alone is not sent again: there is nothing to learn.
func TestPromiseBatchRefusedAlone(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		everySend(c, embedded.Answer(headers.MessageIllegal, ""))
		failed := failureOf(t, publisherOn(t, c, nil).Publish(orders, newMessage("x")))
		require.Equal(t, 1, failed.Cause().Attempts)
		require.Equal(t, 1, sends(c))
	})
}

// Sent by itself a message is retried like any other.
func TestPromiseBatchRefusedThenRetried(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		seen := record(c, func(n int, r request) embedded.Fault {
			switch n {
			case 1:
				return embedded.Answer(headers.MessageIllegal, "")
			case 2:
				return embedded.Answer(headers.FlowControl, "")
			}
			return embedded.Fault{}
		})
		require.NoError(t, publisherOn(t, c, nil).Publish(orders, newMessage("a"), newMessage("b")))
		require.Equal(t, [][]string{{"a", "b"}, {"a"}, {"a"}, {"b"}}, seen.groups(0))
	})
}

// When time runs out before a message of the refused batch had its turn, its
// error tells of the refusal: that was its last attempt.
func TestPromiseBatchRefusedThenCancelled(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		record(c, func(n int, _ request) embedded.Fault {
			if n == 1 {
				return embedded.Answer(headers.MessageIllegal, "")
			}
			return embedded.Ignore()
		})
		p := publisherOn(t, c, nil)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		failed := failureOf(t, p.Publish(orders, messageIn(ctx), messageIn(ctx), messageIn(ctx)))
		require.ErrorIs(t, failed, context.DeadlineExceeded)
		require.Equal(t, []publisher.Outcome{publisher.MayBeStored, publisher.NotSent, publisher.NotSent}, outcomes(failed))
		for _, r := range failed.Results[1:] {
			require.Equal(t, 1, r.Attempts)
			var gaveUp *publisher.GiveUpError
			require.ErrorAs(t, r.Err, &gaveUp)
			require.Error(t, gaveUp.Last)
			require.ErrorIs(t, gaveUp.Last, &headers.StatusError{Code: headers.MessageIllegal})
		}
	})
}
