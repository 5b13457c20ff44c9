package publisher

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
	"github.com/watermill-rocketmq/watermill-rocketmq/transport"
)

func TestJudge(t *testing.T) {
	status := func(code headers.ResponseCode, remark string) error {
		return &headers.StatusError{Code: code, Remark: remark}
	}
	var (
		end      = verdict{}
		unknown  = verdict{outcome: MayBeStored}
		again    = verdict{again: true}
		reroute  = verdict{again: true, refresh: true}
		lost     = verdict{again: true, refresh: true, outcome: MayBeStored}
		doubtful = verdict{again: true, outcome: MayBeStored}
	)
	for _, c := range []struct {
		name string
		err  error
		want verdict
	}{
		{"store failed", status(headers.SystemError, "create mapped file failed, server is busy or broken."), doubtful},
		{"4.9 queue gone", status(headers.SystemError, "request queueId[7] is illegal, TopicConfig [...]"), reroute},
		{"4.9 credentials", status(headers.SystemError, "org.apache.rocketmq.acl.common.AclException: No acl config for x"), end},
		{"4.9 topic name", status(headers.SystemError, "The specified topic[a.b] contains illegal characters"), end},
		{"busy", status(headers.SystemBusy, "[PC_SYNCHRONIZED]broker busy, start flow control for a while"), doubtful},
		{"busy at the door", status(headers.SystemBusy, "[REJECTREQUEST]system busy, start flow control for a while"), again},
		{"busy queue", status(headers.SystemBusy, "[TIMEOUT_CLEAN_QUEUE]broker busy, period in queue: 206ms"), again},
		{"disk full", status(headers.ServiceNotAvailable, "service not available now."), again},
		{"unit", status(headers.NotInCurrentUnit, ""), again},
		{"flow control", status(headers.FlowControl, ""), again},
		{"no topic", status(headers.TopicNotExist, "topic[x] not exist, apply first please!"), reroute},
		{"moved queue", status(headers.NotLeaderForQueue, ""), reroute},
		{"read-only broker", status(headers.NoPermission, "the broker[127.0.0.1] sending message is forbidden"), reroute},
		{"system topic", status(headers.NoPermission, "Sending message to topic[SELF_TEST_TOPIC] is forbidden."), end},
		{"5.x no user", status(headers.NoPermission, "username cannot be null."), end},
		{"5.x bad signature", status(headers.NoPermission, "check signature failed."), end},
		{"5.x not allowed", status(headers.NoPermission, "User:x has no permission to access Topic:y"), end},
		{"queue gone", status(headers.InvalidParameter, "request queueId[7] is illegal, TopicConfig [...]"), reroute},
		{"topic name", status(headers.InvalidParameter, "The specified topic contains illegal characters"), end},
		{"go away", status(headers.GoAway, ""), verdict{again: true, refresh: true, retire: true}},
		{"illegal", status(headers.MessageIllegal, ""), verdict{content: true}},
		{"batch too large", status(headers.SystemError, "message body size exceeded"), verdict{content: true}},
		{"unknown request", status(headers.RequestNotSupported, ""), end},
		{"unknown code", status(4711, ""), unknown},
		{"negative code", status(-1, ""), unknown},
		{"wrapped", fmt.Errorf("x: %w", status(headers.GoAway, "")), verdict{again: true, refresh: true, retire: true}},

		{"dial", &transport.OpError{Op: "dial", Err: errors.New("refused")}, reroute},
		{"not written", &transport.OpError{Op: "write", Err: errors.New("reset")}, reroute},
		{"lost", &transport.OpError{Op: "read", Sent: true, Err: errors.New("EOF")}, lost},
		{"attempt timeout", &transport.OpError{Op: "wait", Sent: true, Err: context.DeadlineExceeded}, lost},
		{"encode", &transport.OpError{Op: "encode", Err: headers.ErrTooLarge}, end},
		{"wrong CA", &transport.OpError{Op: "dial", Err: &tls.CertificateVerificationError{Err: errors.New("unknown authority")}}, end},

		{"unreadable answer", &answerError{headers.ErrMalformed}, unknown},

		{"no route", &routing.NoRouteError{}, end},
		{"static topic", &routing.StaticTopicError{}, end},
		{"foreign queue", &SelectorError{}, end},
		{"no brokers", &routing.NoBrokersError{}, reroute},
		{"name servers", &routing.NameServersError{}, reroute},
		{"name server not ready", &routing.NameServersError{Servers: []*routing.NameServerError{
			{Err: status(headers.SystemError, "name server not ready")},
		}}, reroute},
		{"name server lost", &routing.NameServersError{Servers: []*routing.NameServerError{
			{Err: &transport.OpError{Op: "read", Sent: true, Err: errors.New("EOF")}},
		}}, reroute},
		{"name server untrusted", &routing.NameServersError{Servers: []*routing.NameServerError{
			{Err: &transport.OpError{Op: "dial", Err: &tls.CertificateVerificationError{Err: errors.New("unknown authority")}}},
		}}, end},
		{"no address", &routing.BrokerNotFoundError{}, reroute},
		{"no master", &routing.NoQueueError{Reason: routing.NoMaster}, reroute},
		{"read-only topic", &routing.NoQueueError{Reason: routing.NoWritePermission}, reroute},
		{"no queues", &routing.NoQueueError{Reason: routing.NoWriteQueues}, end},
	} {
		t.Run(c.name, func(t *testing.T) { require.Equal(t, c.want, judge(c.err)) })
	}
}
