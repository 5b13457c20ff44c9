package publisher_test

import (
	"fmt"
	"testing"

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

func TestPromiseNotDurable(t *testing.T) {
	for code, status := range notDurable {
		t.Run(status.String(), func(t *testing.T) {
			inBubble(t, func(t *testing.T, c *embedded.Cluster) {
				everySend(c, embedded.StoreThenAnswer(code, ""))
				err := publisherOn(t, c, oneByOne).Publish(orders, newMessages(2)...)
				var undurable *publisher.NotDurableError
				require.ErrorAs(t, err, &undurable)
				require.Equal(t, status, undurable.Status)
				require.ErrorContains(t, err, status.String())
				failed := failureOf(t, err)
				require.Equal(t, []publisher.Outcome{publisher.Stored, publisher.NotSent}, outcomes(failed))
				require.Equal(t, publisher.Stored, failed.Outcome())
				result, stored := failed.Results[0], c.Messages(orders)
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

func TestPromiseAcceptNotDurable(t *testing.T) {
	for code, status := range notDurable {
		t.Run(status.String(), func(t *testing.T) {
			inBubble(t, func(t *testing.T, c *embedded.Cluster) {
				everySend(c, embedded.StoreThenAnswer(code, ""))
				seen := newResults()
				p := publisherOn(t, c, func(c *publisher.Config) { c.AcceptNotDurable = true; c.OnResult = seen.add })
				require.NoError(t, p.Publish(orders, newMessages(2)...))
				for range 2 {
					result := seen.next(t)
					require.NoError(t, result.Err)
					require.Equal(t, publisher.Stored, result.Outcome)
					require.Equal(t, status, result.Status)
				}
				require.Len(t, c.Messages(orders), 2)
			})
		})
	}
}

// What cannot get better ends at once, with the one attempt that showed it.
func TestPromisePermanentCodes(t *testing.T) {
	for _, c := range []struct {
		code    headers.ResponseCode
		remark  string
		outcome publisher.Outcome
	}{
		{headers.MessageIllegal, "the message is illegal", publisher.NotSent},
		{headers.RequestNotSupported, " request type 310 not supported", publisher.NotSent},
		{headers.NoPermission, "User:x has no permission to access Topic:y", publisher.NotSent},
		{headers.NoPermission, "Sending message to topic[orders] is forbidden.", publisher.NotSent},
		{headers.InvalidParameter, "The specified topic is blank.", publisher.NotSent},
		{headers.SystemError, "org.apache.rocketmq.acl.common.AclException: No acl config", publisher.NotSent},
		{4711, "from the future", publisher.MayBeStored},
		{-1, "", publisher.MayBeStored},
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
				require.Len(t, cluster.Messages(orders), 1)
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
		require.Equal(t, 1, len(c.Messages(orders)))
		require.Equal(t, 2, c.Stats()["broker-a"].Accepted, "a new connection")
		require.Equal(t, 1, c.Stats()["broker-a"].Open, "the old one is closed")
		require.Equal(t, 1, publishOne(t, p, seen).Attempts)
		require.Equal(t, 2, c.Stats()["broker-a"].Accepted)
	})
}
