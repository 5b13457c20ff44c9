package embedded_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

func recallOf(handle string) *headers.RecallMessage {
	return &headers.RecallMessage{ProducerGroup: "group", Topic: "topic", Handle: handle, BrokerName: "broker-a"}
}

// A recalled message does not arrive, a neighbour of the same second does, and a
// recall may be repeated.
func TestRecall(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		cl := dial(t, c, c.Broker(0).Addr())
		gone := fields(cl.succeed(message("topic", with("UNIQ_KEY", "GONE", "TIMER_DELAY_SEC", "5")), []byte("gone")))["recallHandle"]
		cl.succeed(message("topic", with("UNIQ_KEY", "STAYS", "TIMER_DELAY_SEC", "5")), []byte("stays"))
		for range 2 {
			require.Equal(t, "GONE", fields(cl.succeed(recallOf(gone), nil))["msgId"])
		}
		time.Sleep(time.Minute)
		require.Equal(t, 1, storedIn(c, "topic"))
		require.Equal(t, "STAYS", messagesIn(c, "topic")[0].UniqueKey)
		answer := cl.call(recallOf(gone), nil)
		require.Equal(t, headers.IllegalOperation, headers.ResponseCode(answer.Code))
		require.Equal(t, "recall failed, timestamp invalid", string(answer.Remark))
	}, embedded.WithRecall())
}

func TestRecallIsRefused(t *testing.T) {
	soon := func(h headers.RecallHandle) *headers.RecallMessage {
		h.Timestamp = time.Now().Add(time.Minute).UnixMilli()
		return recallOf(h.String())
	}
	for _, test := range []struct {
		name    string
		request func() *headers.RecallMessage
		opts    []embedded.Option
		code    headers.ResponseCode
	}{
		{"forbidden", func() *headers.RecallMessage { return recallOf("x") }, nil, headers.NoPermission},
		{"bad handle", func() *headers.RecallMessage { return recallOf("x") }, []embedded.Option{embedded.WithRecall()}, headers.IllegalOperation},
		{"another topic", func() *headers.RecallMessage {
			return soon(headers.RecallHandle{Topic: "other", BrokerName: "broker-a", UniqueKey: "ID"})
		}, []embedded.Option{embedded.WithRecall()}, headers.IllegalOperation},
		{"another broker", func() *headers.RecallMessage {
			return soon(headers.RecallHandle{Topic: "topic", BrokerName: "broker-b", UniqueKey: "ID"})
		}, []embedded.Option{embedded.WithRecall()}, headers.IllegalOperation},
		{"no topic", func() *headers.RecallMessage {
			r := recallOf("x")
			r.Topic = "none"
			return r
		}, []embedded.Option{embedded.WithRecall()}, headers.TopicNotExist},
		{"no timers", func() *headers.RecallMessage {
			return soon(headers.RecallHandle{Topic: "topic", BrokerName: "broker-a", UniqueKey: "ID"})
		}, []embedded.Option{embedded.WithRecall(), embedded.WithoutTimers()}, headers.SystemError},
		{"5.3.2", func() *headers.RecallMessage { return recallOf("x") }, []embedded.Option{embedded.WithRecall(), embedded.WithVersion(headers.Version5_3_3 - 1)}, headers.RequestNotSupported},
	} {
		t.Run(test.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, c *embedded.Cluster) {
				answer := dial(t, c, c.Broker(0).Addr()).call(test.request(), nil)
				require.Equal(t, test.code, headers.ResponseCode(answer.Code), string(answer.Remark))
			}, test.opts...)
		})
	}
}
