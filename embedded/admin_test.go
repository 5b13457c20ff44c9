package embedded_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/realbroker"
)

func TestBrokerConfig(t *testing.T) {
	for _, tc := range []struct {
		options []embedded.Option
		want    map[string]string
	}{
		{
			[]embedded.Option{embedded.WithMaxMessageSize(100)},
			map[string]string{
				"autoCreateTopicEnable": "true", "maxMessageSize": "100", "timerWheelEnable": "true", "autoCreateSubscriptionGroup": "true",
				"recallMessageEnable": "false", "authenticationEnabled": "false", "brokerName": "broker-a",
			},
		},
		{
			[]embedded.Option{embedded.WithVersion(headers.Version4_9_7), embedded.WithoutAutoCreateTopic(), embedded.WithoutAutoCreateGroup()},
			map[string]string{"autoCreateTopicEnable": "false", "autoCreateSubscriptionGroup": "false", "maxMessageSize": "4194304", "timerWheelEnable": "", "aclEnable": "false"},
		},
	} {
		cluster := start(t, tc.options...)
		c := dial(t, cluster, cluster.Broker(0).Addr())
		answer := c.succeed(headers.BrokerConfig{}, nil)
		require.NotEmpty(t, answer.Fields.String("version"))
		settings := headers.ParseBrokerConfig(answer.Body)
		for name, value := range tc.want {
			require.Equal(t, value, settings[name], name)
		}
		answer = c.succeed(headers.RuntimeInfo{}, nil)
		info, err := headers.ParseRuntimeInfo(answer.Body)
		require.NoError(t, err)
		require.Regexp(t, `^\[ 0 days, 0 hours, 0 minutes, \d+ seconds \]$`, info["runtime"])
		require.Regexp(t, `^V\d_\d_\d$`, info["brokerVersionDesc"])
	}
}

func TestTopicStats(t *testing.T) {
	cluster := start(t, embedded.WithTopic("orders", 2))
	c := dial(t, cluster, cluster.Broker(0).Addr())
	answer := c.succeed(&headers.TopicStats{Topic: "orders"}, nil)
	require.Equal(t, `{"offsetTable":{`+
		`{"brokerName":"broker-a","queueId":0,"topic":"orders"}:{"lastUpdateTimestamp":0,"maxOffset":0,"minOffset":0},`+
		`{"brokerName":"broker-a","queueId":1,"topic":"orders"}:{"lastUpdateTimestamp":0,"maxOffset":0,"minOffset":0}},"topicPutTps":0}`, string(answer.Body))
	require.EqualValues(t, headers.TopicNotExist, c.call(&headers.TopicStats{Topic: "missing"}, nil).Code)
}

// The rules of AttributeUtil, as real brokers have them.
func TestTopicAttributes(t *testing.T) {
	cluster := start(t)
	b := cluster.Broker(0)
	c := dial(t, cluster, b.Addr())
	h := headers.CreateTopic{Topic: "typed", ReadQueues: 1, WriteQueues: 1, Perm: 6}
	with := func(attributes string) *headers.CreateTopic {
		own := h
		own.Attributes = attributes
		return &own
	}
	attributes := func() map[string]string {
		for _, topic := range b.Topics() {
			if topic.Name == "typed" {
				return topic.Attributes
			}
		}
		return nil
	}
	for _, wrong := range []string{"message.type=FIFO", "+message.type=LIFO", "+unknown=1", "-message.type", "+message.type", "x"} {
		require.EqualValues(t, headers.SystemError, c.call(with(wrong), nil).Code, wrong)
	}
	require.Nil(t, attributes(), "no topic was created")
	require.EqualValues(t, headers.InvalidParameter, c.call(with("+message.type=MIXED"), nil).Code)
	c.succeed(with("+message.type=FIFO,+reserve.time=7"), nil)
	require.Equal(t, map[string]string{"message.type": "FIFO", "reserve.time": "7"}, attributes())
	c.succeed(with("+message.type=DELAY,-reserve.time"), nil)
	require.Equal(t, map[string]string{"message.type": "DELAY"}, attributes())
	c.succeed(with(""), nil)
	require.Equal(t, map[string]string{"message.type": "DELAY"}, attributes(), "kept by a change of something else")
}

// The official admin client creates a typed topic, and reads settings.
func TestOfficialJavaTopicAttributes(t *testing.T) {
	realbroker.Require(t)
	cluster := start(t)
	realbroker.WitnessFor(t, "5.5.0", cluster.NameServers()).CreateTopic(t, "typed", 3, "+message.type=TRANSACTION")
	require.Contains(t, cluster.Broker(0).Topics(), embedded.Topic{
		Name: "typed", ReadQueues: 3, WriteQueues: 3, Perm: 6, Attributes: map[string]string{"message.type": "TRANSACTION"},
	})
}
