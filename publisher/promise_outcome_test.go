package publisher_test

import (
	"errors"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
	"github.com/watermill-rocketmq/watermill-rocketmq/transport"
)

func TestPromiseNeverAnswered(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		everySend(c, embedded.Ignore())
		p := publisherOn(t, c, oneAttempt)
		began := time.Now()
		err := p.Publish(orders, newMessage("x"))
		require.Equal(t, 3*time.Second, time.Since(began))

		require.ErrorIs(t, err, publisher.ErrSendTimeout)
		failed := failureOf(t, err)
		require.Equal(t, publisher.MayBeStored, failed.Outcome())
		result := failed.Results[0]
		require.Equal(t, 1, result.Attempts)
		require.Len(t, result.Failed, 1)
		attempt := result.Failed[0]
		require.Equal(t, routing.MessageQueue{Topic: orders, BrokerName: "broker-a", QueueID: 0}, attempt.MessageQueue)
		require.Equal(t, c.Broker(0).Addr(), attempt.Addr)
		require.True(t, began.Equal(attempt.Began))
		require.Equal(t, 3*time.Second, attempt.Took)
		require.Equal(t, publisher.MayBeStored, attempt.Outcome)
		var op *transport.OpError
		require.ErrorAs(t, attempt.Err, &op)
		require.True(t, op.Sent)
		require.Equal(t, 1, sends(c))

		var gaveUp *publisher.GiveUpError
		require.ErrorAs(t, err, &gaveUp)
		require.Equal(t, 1, gaveUp.Attempts)
		require.Equal(t, publisher.ErrSendTimeout, gaveUp.Cause)
		require.Equal(t, attempt.Err, gaveUp.Last)
	})
}

// A lost connection is no lost message: it is sent again over a new one.
func TestPromiseConnectionDropped(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		firstSend(c, embedded.DropConnection())
		seen := newResults()
		result := publishOne(t, publisherOn(t, c, func(c *publisher.Config) { c.OnResult = seen.add }), seen)
		require.Equal(t, 2, result.Attempts)
		require.Len(t, result.Failed, 1)
		require.Equal(t, publisher.MayBeStored, result.Failed[0].Outcome)
		var op *transport.OpError
		require.ErrorAs(t, result.Failed[0].Err, &op)
		require.True(t, op.Sent)
		require.Equal(t, publisher.Stored, result.Outcome, "a good end makes up for the doubt before")
		require.Len(t, messagesIn(c, orders), 1)
		require.Equal(t, 2, c.Stats()["broker-a"].Accepted)
	})
}

// An answer that is cut off is as good as none, however little of it is missing.
func TestPromiseAnswerCut(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		firstSend(c, embedded.CutAnswer(20))
		seen := newResults()
		result := publishOne(t, publisherOn(t, c, func(c *publisher.Config) { c.OnResult = seen.add }), seen)
		require.Equal(t, publisher.MayBeStored, result.Failed[0].Outcome)
		require.Len(t, messagesIn(c, orders), 2)
	})
}

// At least once: a message whose answer was lost is stored twice, and consumers
// can tell by the message id.
func TestPromiseDuplicateHasOneID(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		firstSend(c, embedded.StoreThenDrop())
		seen := newResults()
		result := publishOne(t, publisherOn(t, c, func(c *publisher.Config) { c.OnResult = seen.add }), seen)
		stored := messagesIn(c, orders)
		require.Len(t, stored, 2)
		require.Equal(t, result.MessageID, stored[0].UniqueKey)
		require.Equal(t, result.MessageID, stored[1].UniqueKey)
		require.Equal(t, stored[0].BornTimestamp, stored[1].BornTimestamp)
		require.EqualValues(t, 1, result.QueueOffset, "the result tells of the one that was confirmed")
	})
}

// What could not be written was not sent, however often it was tried.
func TestPromiseBrokerDown(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		c.Broker(0).Kill()
		p := publisherOn(t, c, nil)
		elapsed := stopwatch()
		err := p.Publish(orders, newMessage("x"))
		require.Equal(t, 3*time.Second, elapsed())
		require.ErrorIs(t, err, publisher.ErrSendTimeout)
		require.ErrorIs(t, err, syscall.ECONNREFUSED)
		failed := failureOf(t, err)
		require.Equal(t, publisher.NotSent, failed.Outcome())
		require.Greater(t, failed.Cause().Attempts, 2)
		for _, attempt := range failed.Cause().Failed {
			require.Equal(t, publisher.NotSent, attempt.Outcome)
			require.Equal(t, "broker-a", attempt.MessageQueue.BrokerName)
			require.Equal(t, c.Broker(0).Addr(), attempt.Addr)
		}
	})
}

// The most that any attempt may have done counts: a refusal does not undo an
// earlier attempt whose answer was lost.
func TestPromiseDoubtIsKept(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		onSend(c, func(n int, _ embedded.Request) embedded.Fault {
			if n == 1 {
				return embedded.StoreThenDrop()
			}
			return embedded.Answer(headers.MessageIllegal, "the message is illegal")
		})
		failed := failureOf(t, publisherOn(t, c, nil).Publish(orders, newMessage("x")))
		require.Equal(t, publisher.MayBeStored, failed.Outcome())
		require.Equal(t, publisher.MayBeStored, failed.Results[0].Failed[0].Outcome)
		require.Equal(t, publisher.NotSent, failed.Results[0].Failed[1].Outcome)
	})
}

// A failure in the middle of a call says of each message what became of it, and
// starts no further request.
func TestPromiseMiddleOfACall(t *testing.T) {
	for name, c := range map[string]struct {
		fault  embedded.Fault
		want   publisher.Outcome
		target error
	}{
		"refused":    {embedded.Answer(headers.MessageIllegal, ""), publisher.NotSent, &headers.StatusError{Code: headers.MessageIllegal}},
		"unknown":    {embedded.Answer(4711, ""), publisher.MayBeStored, &headers.StatusError{Code: 4711}},
		"ignored":    {embedded.Ignore(), publisher.MayBeStored, publisher.ErrSendTimeout},
		"undurable":  {embedded.StoreThenAnswer(headers.FlushDiskTimeout, ""), publisher.Stored, nil},
		"unreadable": {embedded.Answer(headers.Success, ""), publisher.MayBeStored, headers.ErrMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, cluster *embedded.Cluster) {
				onSend(cluster, func(n int, _ embedded.Request) embedded.Fault {
					if n == 3 {
						return c.fault
					}
					return embedded.Fault{}
				})
				p := publisherOn(t, cluster, func(c *publisher.Config) {
					oneByOne(c)
					c.RequireDurable = true
				})
				messages := newMessages(5)
				err := p.Publish(orders, messages...)
				if c.target != nil {
					require.ErrorIs(t, err, c.target)
				}
				require.NotErrorIs(t, err, publisher.ErrNotAttempted)
				failed := failureOf(t, err)
				require.Equal(t, []publisher.Outcome{publisher.Stored, publisher.Stored, c.want, publisher.NotSent, publisher.NotSent}, outcomes(failed))
				require.Equal(t, c.want, failed.Outcome(), "of the messages that were not published")
				require.Same(t, &failed.Results[2], failed.Cause())
				require.Equal(t, errors.Unwrap(err), failed.Results[2].Err)
				for i, r := range failed.Results {
					require.Equal(t, orders, r.Topic)
					require.Equal(t, messages[i].UUID, r.UUID)
					require.Len(t, r.MessageID, 32)
					switch {
					case i < 2:
						require.NoError(t, r.Err)
						require.EqualValues(t, i, r.QueueOffset)
					case i > 2:
						require.Equal(t, publisher.ErrNotAttempted, r.Err)
						require.Zero(t, r.Attempts)
					}
				}
				time.Sleep(time.Minute)
				require.Equal(t, 3, sends(cluster), "no further request")
			})
		})
	}
}

func TestPromiseErrorText(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		refuseThird := func(n int, _ embedded.Request) embedded.Fault {
			if n == 3 || n == 4 {
				return embedded.Answer(headers.MessageIllegal, "the message is illegal")
			}
			return embedded.Fault{}
		}
		onSend(c, refuseThird)
		p := publisherOn(t, c, oneByOne)
		messages := make([]*message.Message, 5)
		for i := range messages {
			messages[i] = message.NewMessage(string(rune('a'+i)), []byte("x"))
		}
		illegal := (&headers.StatusError{Code: headers.MessageIllegal, Remark: "the message is illegal"}).Error()
		require.EqualError(t, p.Publish(orders, messages...),
			`publisher: cannot publish message "c" to topic "orders" (not sent; of 5 messages in the call 2 are stored, 0 may be stored, 3 are not sent): `+illegal)
		require.EqualError(t, p.Publish(orders, messages[0]),
			`publisher: cannot publish message "a" to topic "orders" (not sent): `+illegal)
		require.EqualError(t, p.Publish(orders, messages[0], nil),
			`publisher: cannot publish message "" to topic "orders" (not sent; of 2 messages in the call 0 are stored, 0 may be stored, 2 are not sent): message 2 of 2: message is nil`)
	})
}

// Whatever is in a UUID or a topic, the text stays one line.
func TestPromiseErrorTextIsOneLine(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		everySend(c, embedded.Ignore())
		p := publisherOn(t, c, nil)
		for _, err := range []error{
			p.Publish("a\nb", message.NewMessage("c\nd", []byte("x"))),
			p.Publish("%DLQ%\n", message.NewMessage("c\nd", []byte("x")), nil),
		} {
			require.False(t, strings.ContainsAny(err.Error(), "\r\n"), err.Error())
			require.ErrorContains(t, err, `"c\nd"`)
		}
	})
}

// An Error that a caller keeps, and what OnResult was given, are separate: what
// is done to one does not change the other.
func TestPromiseResultsAreSeparate(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		everySend(c, embedded.Answer(headers.MessageIllegal, ""))
		p := publisherOn(t, c, func(c *publisher.Config) {
			c.OnResult = func(r publisher.Result) { r.Failed[0].Err = nil }
		})
		failed := failureOf(t, p.Publish(orders, newMessage("x")))
		require.Error(t, failed.Results[0].Failed[0].Err)
	})
}
