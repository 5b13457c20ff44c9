package publisher_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
)

// The codes of a message that is stored with less safety than the broker is
// configured for.
var notDurable = map[headers.ResponseCode]publisher.SendStatus{
	headers.FlushDiskTimeout:  publisher.FlushDiskTimeout,
	headers.FlushSlaveTimeout: publisher.FlushSlaveTimeout,
	headers.SlaveNotAvailable: publisher.SlaveNotAvailable,
}

// They are failures where they are asked to be.
func TestPromiseRequireDurable(t *testing.T) {
	for code, status := range notDurable {
		t.Run(status.String(), func(t *testing.T) {
			inBubble(t, func(t *testing.T, c *embedded.Cluster) {
				everySend(c, embedded.StoreThenAnswer(code, ""))
				err := publisherOn(t, c, func(c *publisher.Config) {
					oneByOne(c)
					c.RequireDurable = true
				}).Publish(orders, newMessages(2)...)
				var undurable *publisher.NotDurableError
				require.ErrorAs(t, err, &undurable)
				require.Equal(t, status, undurable.Status)
				require.ErrorContains(t, err, status.String())
				failed := failureOf(t, err)
				require.Equal(t, []publisher.Outcome{publisher.Stored, publisher.NotSent}, outcomes(failed))
				require.Equal(t, publisher.Stored, failed.Outcome())
				result, stored := failed.Results[0], messagesIn(c, orders)
				require.Len(t, stored, 1, "not sent again")
				require.Equal(t, status, result.Status)
				require.Equal(t, stored[0].OffsetMessageID, result.OffsetMessageID)
				require.Equal(t, c.Broker(0).Addr(), result.BrokerAddr)
				require.Equal(t, 1, result.Attempts)
				require.Empty(t, result.Failed)
			})
		})
	}
}

// A message that a broker has stored is a success. The result, a hook and a log line
// tell how safely; the line comes once in 30 s for each broker and answer.
func TestPromiseNotDurable(t *testing.T) {
	for code, status := range notDurable {
		t.Run(status.String(), func(t *testing.T) {
			inBubble(t, func(t *testing.T, c *embedded.Cluster) {
				everySend(c, embedded.StoreThenAnswer(code, ""))
				seen := newResults()
				var hooks hookLog
				p, lines := loggedOn(t, c, func(c *publisher.Config) { c.OnResult, c.Hooks = seen.add, []publisher.Hooks{hooks.hooks()} })
				require.NoError(t, p.Publish(orders, newMessages(2)...))
				for range 2 {
					result := seen.next(t)
					require.NoError(t, result.Err)
					require.Equal(t, publisher.Stored, result.Outcome)
					require.Equal(t, status, result.Status)
				}
				require.Len(t, messagesIn(c, orders), 2)
				require.Len(t, hooks.attempts, 1)
				require.Equal(t, status, hooks.attempts[0].Status)
				require.Equal(t, publisher.Stored, hooks.attempts[0].Attempt.Outcome)

				told := func() []watermill.CapturedMessage {
					return lines(watermill.InfoLogLevel, "RocketMQ broker has stored messages less safely than it is configured to")
				}
				require.Len(t, told(), 1)
				require.Equal(t, "broker-a", told()[0].Fields["broker"])
				require.Equal(t, c.Broker(0).Addr(), told()[0].Fields["addr"])
				require.Equal(t, status.String(), told()[0].Fields["status"])
				for range 3 {
					require.NoError(t, p.Publish(orders, newMessage("x")))
				}
				require.Len(t, told(), 1)
				time.Sleep(time.Minute)
				require.NoError(t, p.Publish(orders, newMessage("x")))
				require.Len(t, told(), 2)
				require.Equal(t, 3, told()[1].Fields["unlogged"])
			})
		})
	}
}

// The other ways to publish take it for success as well.
func TestPromiseNotDurableAsyncAndOneway(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		everySend(c, embedded.StoreThenAnswer(headers.SlaveNotAvailable, ""))
		seen := newResults()
		p, lines := loggedOn(t, c, func(c *publisher.Config) { c.OnResult = seen.add })
		require.NoError(t, p.PublishAsync(orders, newMessage("x")))
		require.NoError(t, p.Flush(t.Context()))
		result := seen.next(t)
		require.NoError(t, result.Err)
		require.Equal(t, publisher.SlaveNotAvailable, result.Status)
		require.NoError(t, p.PublishOneway(orders, newMessage("x")))
		require.Equal(t, publisher.StatusNone, seen.next(t).Status, "a one-way message has no answer")
		require.Len(t, lines(watermill.InfoLogLevel, "RocketMQ broker has stored messages less safely than it is configured to"), 1)
	})
}

// What cannot get better ends at once, with the one attempt that showed it.
func TestPromisePermanentCodes(t *testing.T) {
	for _, c := range []struct {
		code      headers.ResponseCode
		remark    string
		outcome   publisher.Outcome
		permanent bool // for what is in the message
	}{
		{headers.MessageIllegal, "the message is illegal", publisher.NotSent, true},
		{headers.RequestNotSupported, " request type 310 not supported", publisher.NotSent, false},
		{headers.NoPermission, "User:x has no permission to access Topic:y", publisher.NotSent, false},
		{headers.NoPermission, "Sending message to topic[orders] is forbidden.", publisher.NotSent, true},
		{headers.InvalidParameter, "The specified topic is blank.", publisher.NotSent, true},
		{headers.SystemError, "The specified topic: orders, is longer than topic max length: 127", publisher.NotSent, true},
		{headers.SystemError, "org.apache.rocketmq.acl.common.AclException: No acl config", publisher.NotSent, false},
		{4711, "from the future", publisher.MayBeStored, false},
		{-1, "", publisher.MayBeStored, false},
	} {
		t.Run(fmt.Sprint(c.code, " ", c.remark), func(t *testing.T) {
			inBubble(t, func(t *testing.T, cluster *embedded.Cluster) {
				everySend(cluster, embedded.Answer(c.code, c.remark))
				elapsed := stopwatch()
				err := publisherOn(t, cluster, nil).Publish(orders, newMessage("x"))
				require.Zero(t, elapsed())
				var status *headers.StatusError // in what else the error is
				require.ErrorAs(t, failureOf(t, err), &status)
				require.Equal(t, &headers.StatusError{Code: c.code, Remark: c.remark}, status)
				require.Equal(t, c.outcome, failureOf(t, err).Outcome())
				require.Equal(t, 1, failureOf(t, err).Cause().Attempts)
				require.Equal(t, c.permanent, errors.Is(err, publisher.ErrPermanent))
				require.Equal(t, 1, sends(cluster))
			})
		})
	}
}

// What may get better is tried again.
func TestPromisePassingCodes(t *testing.T) {
	for _, c := range []struct {
		code    headers.ResponseCode
		remark  string
		outcome publisher.Outcome // of the failed attempt
	}{
		{headers.SystemError, "create mapped file failed", publisher.MayBeStored},
		{headers.SystemError, "request queueId[7] is illegal", publisher.NotSent},
		{headers.SystemBusy, "[PC_SYNCHRONIZED]broker busy", publisher.MayBeStored},
		{headers.SystemBusy, "[REJECTREQUEST]system busy", publisher.NotSent},
		{headers.ServiceNotAvailable, "service not available now.", publisher.NotSent},
		{headers.NoPermission, "the broker[127.0.0.1] sending message is forbidden", publisher.NotSent},
		{headers.TopicNotExist, "topic[orders] not exist", publisher.NotSent},
		{headers.InvalidParameter, "request queueId[7] is illegal", publisher.NotSent},
		{headers.FlowControl, "", publisher.NotSent},
		{headers.NotLeaderForQueue, "", publisher.NotSent},
		{headers.GoAway, "please go away", publisher.NotSent},
	} {
		t.Run(fmt.Sprint(c.code, " ", c.remark), func(t *testing.T) {
			inBubble(t, func(t *testing.T, cluster *embedded.Cluster) {
				firstSend(cluster, embedded.Answer(c.code, c.remark))
				seen := newResults()
				result := publishOne(t, publisherOn(t, cluster, func(c *publisher.Config) { c.OnResult = seen.add }), seen)
				require.Equal(t, 2, result.Attempts)
				require.Equal(t, c.outcome, result.Failed[0].Outcome)
				require.ErrorIs(t, result.Failed[0].Err, &headers.StatusError{Code: c.code})
				require.Equal(t, publisher.Stored, result.Outcome)
				require.Len(t, messagesIn(cluster, orders), 1)
			})
		})
	}
}

// A broker that is about to stop asks its clients to connect anew. Nothing else
// on the connection is lost.
func TestPromiseGoAway(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		firstSend(c, embedded.Answer(headers.GoAway, ""))
		seen := newResults()
		p := publisherOn(t, c, func(c *publisher.Config) { c.OnResult = seen.add })
		publishOne(t, p, seen)
		require.Equal(t, 1, len(messagesIn(c, orders)))
		require.Equal(t, 2, c.Stats()["broker-a"].Accepted, "a new connection")
		require.Equal(t, 1, c.Stats()["broker-a"].Open, "the old one is closed")
		require.Equal(t, 1, publishOne(t, p, seen).Attempts)
		require.Equal(t, 2, c.Stats()["broker-a"].Accepted)
	})
}
