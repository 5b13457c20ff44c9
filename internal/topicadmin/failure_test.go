package topicadmin

import (
	"crypto/tls"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	rocketmq "github.com/watermill-rocketmq/watermill-rocketmq"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/verdict"
	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
	"github.com/watermill-rocketmq/watermill-rocketmq/topics"
	"github.com/watermill-rocketmq/watermill-rocketmq/transport"
)

// Whether it is worth another attempt is for the worst of its causes to say; what
// broke on the way has stored no message, however it broke.
func TestFailureVerdict(t *testing.T) {
	lost := &topics.BrokerError{Broker: "b", Addr: "b:1", Err: &transport.OpError{Op: "read", Sent: true, Err: errors.New("reset")}}
	busy := &topics.BrokerError{Broker: "b", Addr: "b:1", Err: &headers.StatusError{Code: headers.SystemError, Remark: "busy"}}
	invalid := &topics.BrokerError{Broker: "b", Addr: "b:1", Err: &headers.StatusError{Code: headers.RequestNotSupported}}
	old := &topics.BrokerError{Broker: "b", Addr: "b:1", Err: &rocketmq.UnsupportedError{Feature: rocketmq.FeatureMessageType}}
	denied := &topics.BrokerError{Broker: "b", Addr: "b:1", Err: &rocketmq.PermissionError{Err: &rocketmq.AccessError{Err: errors.New("no")}}}
	untrusted := &topics.BrokerError{Broker: "b", Addr: "b:1", Err: &rocketmq.CertificateError{
		Err: &transport.OpError{Op: "dial", Err: &tls.CertificateVerificationError{Err: errors.New("unknown authority")}},
	}}
	for _, tc := range []struct {
		err   topics.CreateError
		again bool
	}{
		{topics.CreateError{Brokers: []*topics.BrokerError{lost}}, true},
		{topics.CreateError{Brokers: []*topics.BrokerError{busy}}, true},
		{topics.CreateError{Err: topics.ErrNoMaster}, true},
		{topics.CreateError{Err: topics.ErrNotRouted}, true},
		{topics.CreateError{Err: topics.ErrSeveralClusters}, false},
		{topics.CreateError{Err: &routing.NameServersError{Servers: []*routing.NameServerError{{Addr: "proxy:1", Err: errUnsupported}}}}, false},
		{topics.CreateError{Brokers: []*topics.BrokerError{lost, invalid}}, false},
		{topics.CreateError{Brokers: []*topics.BrokerError{old}}, false},
		{topics.CreateError{Brokers: []*topics.BrokerError{denied, lost}}, false},
		{topics.CreateError{Brokers: []*topics.BrokerError{untrusted}}, false},
	} {
		tc.err.Topic = "t"
		v := verdict.Of(failure(&tc.err))
		require.Equal(t, tc.again, v.Again(), tc.err.Error())
		require.Equal(t, verdict.NotSent, v.Outcome, tc.err.Error())
	}
}

// A message is told what its topic lacks, and not that of the server that was asked.
func TestFailureOfAnUntrustedBroker(t *testing.T) {
	err := failure(&topics.CreateError{Brokers: []*topics.BrokerError{{Err: &rocketmq.CertificateError{
		Err: &transport.OpError{Op: "dial", Err: &tls.CertificateVerificationError{Err: errors.New("unknown authority")}},
	}}}})
	require.Equal(t, verdict.Verdict{}, verdict.Of(err))
}
