package publisher_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
)

// A batch whose answer is lost is sent again, each message under the id it had.
func TestPromiseBatchAnswerLost(t *testing.T) {
	for name, lost := range map[string]embedded.Fault{
		"dropped":    embedded.StoreThenDrop(),
		"cut":        embedded.CutAnswer(20),
		"never came": embedded.DelayAnswer(time.Hour),
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, c *embedded.Cluster) {
				firstSend(c, lost)
				results := newResults()
				p := publisherOn(t, c, func(c *publisher.Config) { c.OnResult = results.add })
				require.NoError(t, p.Publish(orders, newMessages(5)...))
				stored := messagesIn(c, orders)
				require.Len(t, stored, 10)
				ids := make(map[string]bool)
				for i := range 5 {
					result := results.next(t)
					require.Equal(t, 2, result.Attempts)
					require.Len(t, result.Failed, 1)
					require.Equal(t, publisher.MayBeStored, result.Failed[0].Outcome)
					require.Equal(t, publisher.Stored, result.Outcome)
					require.EqualValues(t, 5+i, result.QueueOffset, "the one that was confirmed")
					require.Equal(t, result.MessageID, stored[i].UniqueKey)
					require.Equal(t, result.MessageID, stored[5+i].UniqueKey)
					require.Equal(t, result.UUID, stored[i].Keys)
					require.Equal(t, stored[5+i].OffsetMessageID, result.OffsetMessageID)
					ids[result.MessageID] = true
				}
				require.Len(t, ids, 5)
			})
		})
	}
}

// dropLater lets the answers before it, which use the same connection, arrive.
var dropLater = embedded.StoreThenDrop().After(time.Millisecond)

// A sender does the same for those that came from several calls.
func TestPromiseBatchAnswerLostGathered(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		seen := record(c, func(n int, r request) embedded.Fault {
			if n == held+1 {
				return dropLater
			}
			return holding(time.Second)(n, r)
		})
		p := publisherOn(t, c, nil)
		calls := append(occupied(p), gathering(p, numbered(4)...)...)
		requirePublished(t, calls...)
		require.Equal(t, [][]string{numbered(4), numbered(4)}, seen.groups(held))
		copies := make(map[string]int)
		for _, m := range messagesIn(c, orders)[held:] {
			copies[m.UniqueKey+string(m.Body)]++
		}
		require.Len(t, copies, 4)
		for _, n := range copies {
			require.Equal(t, 2, n)
		}
	})
}

// When it never works out, each message says that it may be stored, and after how
// many attempts.
func TestPromiseBatchNeverAnswered(t *testing.T) {
	for name, fault := range map[string]embedded.Fault{
		"ignored":          embedded.Ignore(),
		"dropped":          embedded.DropConnection(),
		"stored, dropped":  embedded.StoreThenDrop(),
		"busy":             embedded.Answer(headers.SystemBusy, ""),
		"answered in vain": embedded.DelayAnswer(time.Hour),
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, c *embedded.Cluster) {
				everySend(c, fault)
				p := publisherOn(t, c, func(c *publisher.Config) { c.AttemptTimeout = time.Second })
				elapsed := stopwatch()
				failed := failureOf(t, p.Publish(orders, newMessages(4)...))
				require.Equal(t, 3*time.Second, elapsed())
				for _, r := range failed.Results {
					require.ErrorIs(t, r.Err, publisher.ErrSendTimeout)
					require.Equal(t, publisher.MayBeStored, r.Outcome)
					require.Equal(t, sends(c), r.Attempts)
					require.Greater(t, r.Attempts, 1)
				}
			})
		})
	}
}

// A refusal of the whole, and of each message after it, does not undo the doubt
// about an attempt before.
func TestPromiseBatchDoubtIsKept(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		seen := record(c, func(n int, r request) embedded.Fault {
			switch {
			case n <= held:
				return holding(time.Second)(n, r)
			case n == held+1:
				return dropLater
			}
			return embedded.Answer(headers.MessageIllegal, "")
		})
		p := publisherOn(t, c, nil)
		first := occupied(p)
		calls := gathering(p, "a", "b")
		requirePublished(t, first...)
		for _, u := range calls {
			result := u.resultOf(t)
			require.ErrorIs(t, result.Err, &headers.StatusError{Code: headers.MessageIllegal})
			require.Equal(t, publisher.MayBeStored, result.Outcome)
			require.Equal(t, 3, result.Attempts)
			require.Len(t, result.Failed, 3)
		}
		require.Equal(t, [][]string{{"a", "b"}, {"a", "b"}, {"a"}, {"b"}}, seen.groups(held))
	})
}

// An answer that says that the batch is stored with less safety than asked for
// says so of each message, and nothing is sent again.
func TestPromiseBatchNotDurable(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		everySend(c, embedded.StoreThenAnswer(headers.FlushDiskTimeout, ""))
		failed := failureOf(t, publisherOn(t, c, func(c *publisher.Config) { c.RequireDurable = true }).Publish(orders, newMessages(3)...))
		for i, r := range failed.Results {
			require.Equal(t, &publisher.NotDurableError{Status: publisher.FlushDiskTimeout}, r.Err)
			require.Equal(t, publisher.Stored, r.Outcome)
			require.EqualValues(t, i, r.QueueOffset)
		}
		require.Len(t, messagesIn(c, orders), 3)
	})
}
