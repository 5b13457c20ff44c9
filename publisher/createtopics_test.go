package publisher

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
	"github.com/watermill-rocketmq/watermill-rocketmq/transport"
)

func TestCreateTopicsConfig(t *testing.T) {
	var c Config
	c.setDefaults()
	require.Equal(t, CreateTopicsConfig{Queues: 4, Permission: ReadWrite}, c.CreateTopics)

	valid := []string{"127.0.0.1:9876"}
	for field, wrong := range map[string]CreateTopicsConfig{
		"CreateTopics.Queues":      {Queues: -1},
		"CreateTopics.MessageType": {MessageType: "fifo"},
		"CreateTopics.Permission":  {Permission: "R"},
	} {
		require.ErrorContains(t, Config{NameServers: valid, CreateTopics: wrong}.Validate(), field)
	}
	set := CreateTopicsConfig{Enabled: true, Queues: 1, MessageType: FIFOTopic, Permission: WriteOnly, Cluster: "c"}
	require.NoError(t, Config{NameServers: valid, CreateTopics: set}.Validate())
	same := set
	same.setDefaults()
	require.Equal(t, set, same)
	require.Equal(t, "1 queues on each broker, message type FIFO, write only", set.String())
	require.Equal(t, headers.CreateTopic{Topic: "t", ReadQueues: 1, WriteQueues: 1, Perm: headers.PermWrite, Attributes: "+message.type=FIFO"}, *set.request("t"))
}

// Whether it is worth another attempt is for the worst of its causes to say; what
// broke on the way has stored no message, however it broke.
func TestCreateTopicErrorVerdict(t *testing.T) {
	lost := &BrokerError{"b", "b:1", &transport.OpError{Op: "read", Sent: true, Err: errors.New("reset")}}
	busy := &BrokerError{"b", "b:1", &headers.StatusError{Code: headers.SystemError, Remark: "busy"}}
	invalid := &BrokerError{"b", "b:1", &headers.StatusError{Code: headers.RequestNotSupported}}
	old := &BrokerError{"b", "b:1", &UnsupportedError{Feature: FeatureMessageType}}
	denied := &BrokerError{"b", "b:1", &PermissionError{&AccessError{errors.New("no")}}}
	for _, tc := range []struct {
		err   CreateTopicError
		again bool
	}{
		{CreateTopicError{Brokers: []*BrokerError{lost}}, true},
		{CreateTopicError{Brokers: []*BrokerError{busy}}, true},
		{CreateTopicError{Err: ErrNoMaster}, true},
		{CreateTopicError{Err: ErrTopicNotRouted}, true},
		{CreateTopicError{Err: ErrSeveralClusters}, false},
		{CreateTopicError{Err: &routing.NameServersError{Servers: []*routing.NameServerError{{Addr: "proxy:1", Err: errUnsupported}}}}, false},
		{CreateTopicError{Brokers: []*BrokerError{lost, invalid}}, false},
		{CreateTopicError{Brokers: []*BrokerError{old}}, false},
		{CreateTopicError{Brokers: []*BrokerError{denied, lost}}, false},
	} {
		tc.err.Topic = "t"
		v := judge(&tc.err)
		require.Equal(t, tc.again, v.again(), tc.err.Error())
		require.Equal(t, NotSent, v.outcome, tc.err.Error())
	}
}

func TestParseUptime(t *testing.T) {
	up, ok := parseUptime("[ 12 days, 3 hours, 4 minutes, 5 seconds ]")
	require.True(t, ok)
	require.Equal(t, 12*24*time.Hour+3*time.Hour+4*time.Minute+5*time.Second, up)
	for _, text := range []string{
		"", "[ 1 days ]", "[ 1,234 days, 0 hours, 0 minutes, 0 seconds ]", "[ -1 days, 0 hours, 0 minutes, 0 seconds ]",
		"[ 0 days, 24 hours, 0 minutes, 0 seconds ]", "[ 99999999 days, 0 hours, 0 minutes, 0 seconds ]",
	} {
		_, ok := parseUptime(text)
		require.False(t, ok, text)
	}
}
