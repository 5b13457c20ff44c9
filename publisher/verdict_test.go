package publisher

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	rocketmq "github.com/watermill-rocketmq/watermill-rocketmq"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/session"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/verdict"
	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
	"github.com/watermill-rocketmq/watermill-rocketmq/transport"
)

func TestJudge(t *testing.T) {
	status := func(code headers.ResponseCode, remark string) error {
		return &headers.StatusError{Code: code, Remark: remark}
	}
	var (
		end      = verdict.Verdict{}
		never    = verdict.Verdict{Content: true}
		misnamed = verdict.Verdict{Content: true, Broker: verdict.Answered}
		invalid  = verdict.Verdict{Broker: verdict.Answered}
		unknown  = verdict.Verdict{Outcome: verdict.MayBeStored, Broker: verdict.Answered}
		content  = verdict.Verdict{Next: verdict.Split, Broker: verdict.Answered}
		doubtful = verdict.Verdict{Next: verdict.RetryElsewhere, Broker: verdict.Refuses, Refresh: true, Seldom: true, Outcome: verdict.MayBeStored}
		busy     = verdict.Verdict{Next: verdict.RetryElsewhere, Broker: verdict.Refuses, Refresh: true, Seldom: true}
		refused  = verdict.Verdict{Next: verdict.RetryElsewhere, Broker: verdict.Refuses}
		closed   = verdict.Verdict{Next: verdict.RetryElsewhere, Broker: verdict.Refuses, Refresh: true}
		moved    = verdict.Verdict{Next: verdict.RetryElsewhere, Broker: verdict.Answered, Refresh: true}
		gone     = verdict.Verdict{Next: verdict.RetryElsewhere, Broker: verdict.Unreachable, Refresh: true}
		lost     = verdict.Verdict{Next: verdict.RetryElsewhere, Broker: verdict.Unreachable, Refresh: true, Outcome: verdict.MayBeStored}
		late     = verdict.Verdict{Next: verdict.RetryElsewhere, Broker: verdict.Unanswered, Refresh: true, Outcome: verdict.MayBeStored}
		noTime   = verdict.Verdict{Next: verdict.RetryElsewhere, Broker: verdict.Unanswered, Refresh: true}
		full     = verdict.Verdict{Next: verdict.RetryElsewhere, Broker: verdict.Answered}
		lookup   = verdict.Verdict{Next: verdict.RetryHere, Refresh: true}
		nowhere  = verdict.Verdict{Next: verdict.RetryElsewhere, Refresh: true}
		stranger = verdict.Verdict{Broker: verdict.Unreachable, Refresh: true, Seldom: true, Unable: true}
	)
	for _, c := range []struct {
		name string
		err  error
		want verdict.Verdict
	}{
		{"store failed", status(headers.SystemError, "create mapped file failed, server is busy or broken."), doubtful},
		{"4.9 queue gone", status(headers.SystemError, "request queueId[7] is illegal, TopicConfig [...]"), moved},
		{"4.9 credentials", status(headers.SystemError, "org.apache.rocketmq.acl.common.AclException: No acl config for x"), end},
		{"4.9 topic name", status(headers.SystemError, "The specified topic[a.b] contains illegal characters"), never},
		{"busy", status(headers.SystemBusy, "[PC_SYNCHRONIZED]broker busy, start flow control for a while"), doubtful},
		{"busy at the door", status(headers.SystemBusy, "[REJECTREQUEST]system busy, start flow control for a while"), busy},
		{"busy queue", status(headers.SystemBusy, "[TIMEOUT_CLEAN_QUEUE]broker busy, period in queue: 206ms"), busy},
		{"disk full", status(headers.ServiceNotAvailable, "service not available now."), closed},
		{"unit", status(headers.NotInCurrentUnit, ""), refused},
		{"flow control", status(headers.FlowControl, ""), refused},
		{"no topic", status(headers.TopicNotExist, "topic[x] not exist, apply first please!"), moved},
		{"moved queue", status(headers.NotLeaderForQueue, ""), moved},
		{"read-only broker", status(headers.NoPermission, "the broker[127.0.0.1] sending message is forbidden"), closed},
		{"system topic", status(headers.NoPermission, "Sending message to topic[SELF_TEST_TOPIC] is forbidden."), never},
		{"5.x no user", status(headers.NoPermission, "username cannot be null."), end},
		{"5.x bad signature", status(headers.NoPermission, "check signature failed."), end},
		{"5.x not allowed", status(headers.NoPermission, "User:x has no permission to access Topic:y"), end},
		{"queue gone", status(headers.InvalidParameter, "request queueId[7] is illegal, TopicConfig [...]"), moved},
		{"topic name", status(headers.InvalidParameter, "The specified topic contains illegal characters"), misnamed},
		{"go away", status(headers.GoAway, ""), closed},
		{"illegal", status(headers.MessageIllegal, ""), content},
		{"illegal for its type", status(headers.MessageIllegal, "TopicMessageType validate failed, the expected type is NORMAL, but actual type is FIFO"), invalid},
		{"batch too large", status(headers.SystemError, "message body size exceeded"), content},
		{"no timers", &TimersDisabledError{Err: status(headers.SystemError, "accurate timer message is not enabled, timerWheelEnable is false")}, invalid},
		{"too many timers", status(headers.SystemError, "timer message is under flow control, max num limit is 2 or the current value is greater than 1 and less than 2, trigger random flow control"), full},
		{"unknown request", status(headers.RequestNotSupported, ""), end},
		{"overload", status(headers.SystemBusy, "[OVERLOAD]system busy, start flow control for a while"), busy},
		{"busy queue of a full page cache", status(headers.SystemBusy, "[PCBUSY_CLEAN_QUEUE]broker busy, start flow control for a while"), busy},
		{"busy, of the future", status(headers.SystemBusy, "too hot today"), doubtful},
		{"error, of the future", status(headers.SystemError, "UNKNOWN_ERROR"), doubtful},
		{"no replica", status(headers.SystemError, "in-sync replicas not enough"), doubtful},
		{"4.9 property", status(headers.SystemError, "the property is longer than 127"), never},
		{"version", status(headers.VersionNotSupported, ""), end},
		{"buyer", status(headers.NoBuyerID, ""), refused},
		{"no permission, of the future", status(headers.NoPermission, "not now"), closed},
		{"5.x unknown user", status(headers.NoPermission, "User:x is not found."), end},
		{"parameter, of the future", status(headers.InvalidParameter, "no"), invalid},
		{"unknown code", status(4711, ""), unknown},
		{"negative code", status(-1, ""), unknown},
		{"wrapped", fmt.Errorf("x: %w", status(headers.GoAway, "")), closed},

		{"dial", &transport.OpError{Op: "dial", Err: errors.New("refused")}, gone},
		{"not written", &transport.OpError{Op: "write", Err: errors.New("reset")}, gone},
		{"lost", &transport.OpError{Op: "read", Sent: true, Err: errors.New("EOF")}, lost},
		{"attempt timeout", &transport.OpError{Op: "wait", Sent: true, Err: context.DeadlineExceeded}, late},
		{"dial took too long", &transport.OpError{Op: "dial", Err: context.DeadlineExceeded}, noTime},
		{"caller left", &transport.OpError{Op: "wait", Sent: true, Err: context.Canceled}, late},
		{"encode", &transport.OpError{Op: "encode", Err: headers.ErrTooLarge}, never},
		{"wrong CA", &transport.OpError{Op: "dial", Err: &tls.CertificateVerificationError{Err: errors.New("unknown authority")}}, stranger},
		{"our certificate", &transport.OpError{Op: "read", Err: fmt.Errorf("%w: remote error", transport.ErrCertificateRefused)}, end},

		{"version not known", &session.VersionError{Err: &transport.OpError{Op: "read", Sent: true, Err: errors.New("EOF")}}, gone},
		{"wrong CA, asked for the version", &session.VersionError{Err: &transport.OpError{Op: "dial", Err: &tls.CertificateVerificationError{}}}, stranger},
		{"not in this version", &rocketmq.UnsupportedError{}, end},
		{"no such level", &DelayLevelError{}, never},

		{"unreadable answer", &answerError{headers.ErrMalformed}, unknown},

		{"no route", &routing.NoRouteError{}, end},
		{"static topic", &routing.StaticTopicError{}, end},
		{"foreign queue", &routing.SelectorError{}, end},
		{"no brokers", &routing.NoBrokersError{}, nowhere},
		{"name servers", &routing.NameServersError{}, lookup},
		{"a wait, after a lookup without route", &routing.WaitError{Err: context.DeadlineExceeded, Before: &routing.NoRouteError{}}, nowhere},
		{"a wait, after a lookup that was refused", &routing.WaitError{Err: context.DeadlineExceeded, Before: &routing.NameServersError{
			Servers: []*routing.NameServerError{{Err: status(headers.NoPermission, "check signature failed.")}},
		}}, nowhere},
		{"name server not ready", &routing.NameServersError{Servers: []*routing.NameServerError{
			{Err: status(headers.SystemError, "name server not ready")},
		}}, lookup},
		{"name server lost", &routing.NameServersError{Servers: []*routing.NameServerError{
			{Err: &transport.OpError{Op: "read", Sent: true, Err: errors.New("EOF")}},
		}}, lookup},
		{"name server untrusted", &routing.NameServersError{Servers: []*routing.NameServerError{
			{Err: &transport.OpError{Op: "dial", Err: &tls.CertificateVerificationError{Err: errors.New("unknown authority")}}},
		}}, end},
		{"no address", &routing.BrokerNotFoundError{}, nowhere},
		{"no master", &routing.NoQueueError{Reason: routing.NoMaster}, lookup},
		{"read-only topic", &routing.NoQueueError{Reason: routing.NoWritePermission}, lookup},
		{"no queues", &routing.NoQueueError{Reason: routing.NoWriteQueues}, end},
		{"no queues, as by a name server that has just started", &routing.NoQueueError{Reason: routing.NoQueuesListed}, lookup},
	} {
		t.Run(c.name, func(t *testing.T) { require.Equal(t, c.want, judge(c.err)) })
	}
}

// The codes of consumers, administration and transactions never answer a send. One
// that did would be a code like any that nobody knows: the broker may have stored
// the message, and nothing says that another attempt would fare better.
func TestJudgeForeignCodes(t *testing.T) {
	codes := []headers.ResponseCode{
		4, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 200, 201, 202, 203,
		206, 207, 208, 209, 210, 211, 212, 213, 604, 2017, 2018,
	}
	for _, code := range codes {
		want := verdict.Verdict{Outcome: verdict.MayBeStored, Broker: verdict.Answered}
		require.Equal(t, want, judge(&headers.StatusError{Code: code, Remark: "queueId["}), "code %d", code)
	}
}

// The codes that say a message is stored are no failures and are never judged.
func TestStoredStatus(t *testing.T) {
	for code := range headers.ResponseCode(5000) {
		_, stored := map[headers.ResponseCode]bool{0: true, 10: true, 11: true, 12: true}[code]
		require.Equal(t, stored, storedStatus(code) != StatusNone, "code %d", code)
	}
}
