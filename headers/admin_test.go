package headers_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

func TestAdminRequests(t *testing.T) {
	for _, tc := range []struct {
		request headers.Request
		code    int32
		name    string
		fields  map[string]string
	}{
		{headers.BrokerConfig{}, 26, "GET_BROKER_CONFIG", nil},
		{headers.RuntimeInfo{}, 28, "GET_BROKER_RUNTIME_INFO", nil},
		{&headers.TopicGroups{Topic: "orders"}, 300, "QUERY_TOPIC_CONSUME_BY_WHO", map[string]string{"topic": "orders"}},
		{&headers.TopicStats{Topic: "orders"}, 202, "GET_TOPIC_STATS_INFO", map[string]string{"topic": "orders"}},
	} {
		for _, s := range bothSerializations {
			require.Equal(t, tc.name, tc.request.RequestCode().String())
			frame, err := headers.AppendRequest(nil, s, 1, false, tc.request, nil)
			require.NoError(t, err)
			c := mustParse(t, frame)
			require.Equal(t, tc.code, c.Code)
			fields := 0
			for name, value := range c.Fields.All() {
				require.Equal(t, tc.fields[string(name)], string(value))
				fields++
			}
			require.Len(t, tc.fields, fields)
		}
	}
}

// A topic without attributes has no such field: 4.9 knows none.
func TestCreateTopicAttributes(t *testing.T) {
	for _, attributes := range []string{"", "+message.type=FIFO"} {
		h := headers.CreateTopic{Topic: "orders", ReadQueues: 1, WriteQueues: 2, Perm: headers.PermWrite, Attributes: attributes}
		frame, err := headers.AppendRequest(nil, headers.Binary, 1, false, &h, nil)
		require.NoError(t, err)
		c := mustParse(t, frame)
		_, there := c.Fields.Get("attributes")
		require.Equal(t, attributes != "", there)
		back, err := headers.ParseCreateTopic(&c)
		require.NoError(t, err)
		require.Equal(t, h, back)
	}
}

func TestParseBrokerConfig(t *testing.T) {
	require.Empty(t, headers.ParseBrokerConfig(nil))
	require.Equal(t, map[string]string{
		"maxMessageSize": "4194304", "namesrvAddr": "a:1;b:2", "initAuthenticationUser": `{"username":"a=b"}`, "empty": "",
	}, headers.ParseBrokerConfig([]byte("maxMessageSize=4194304\nnamesrvAddr=a:1;b:2\r\nempty=\nno setting\n\ninitAuthenticationUser={\"username\":\"a=b\"}")))
}

func TestParseRuntimeInfo(t *testing.T) {
	info, err := headers.ParseRuntimeInfo([]byte(`{"table":{"bootTimestamp":"1","runtime":"[ 0 days ]"}}`))
	require.NoError(t, err)
	require.Equal(t, map[string]string{"bootTimestamp": "1", "runtime": "[ 0 days ]"}, info)
	for _, body := range []string{"", "{}", "[]", `{"table":1}`, `{"table":{"a":1}}`} {
		_, err := headers.ParseRuntimeInfo([]byte(body))
		require.ErrorIs(t, err, headers.ErrMalformed, body)
	}
}
