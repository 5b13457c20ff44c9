package replies

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

func TestReply(t *testing.T) {
	h := &headers.SendMessage{
		ProducerGroup: "g", Topic: headers.ReplyTopic("c"), DefaultTopic: "TBW102", DefaultTopicQueues: 4, QueueID: 1,
		SysFlag: headers.SysFlagCompressed, BornTimestamp: 5, Flag: 7, ReconsumeTimes: 2, UnitMode: true,
		Properties: []byte("REPLY_TO_CLIENT\x01me\x02CORRELATION_ID\x01id\x02"),
	}
	from, store := netip.MustParseAddrPort("127.0.0.1:1"), netip.MustParseAddrPort("127.0.0.1:2")
	want := headers.PushReply{
		ProducerGroup: "g", Topic: "c_REPLY_TOPIC", DefaultTopic: "TBW102", DefaultTopicQueues: 4, QueueID: 1,
		SysFlag: headers.SysFlagCompressed, BornTimestamp: 5, Flag: 7, ReconsumeTimes: 2, UnitMode: true,
		BornHost: "127.0.0.1:1", StoreHost: "127.0.0.1:2", StoreTimestamp: 9,
	}

	r := New(h, true, headers.Property{Name: "MSG_REGION", Value: "r"})
	to, ok := r.To()
	require.True(t, ok)
	require.Equal(t, "me", to)
	want.Properties = []byte("REPLY_TO_CLIENT\x01me\x02CORRELATION_ID\x01id\x02MSG_REGION\x01r\x02PUSH_REPLY_TIME\x019\x02")
	require.Equal(t, &want, r.Push(from, store, 9))
	require.Equal(t, "REPLY_TO_CLIENT\x01me\x02CORRELATION_ID\x01id\x02MSG_REGION\x01r\x02", string(r.Properties()))

	r = New(h, false)
	want.Properties = []byte("REPLY_TO_CLIENT\x01me\x02CORRELATION_ID\x01id\x02PUSH_REPLY_TIME\x019")
	require.Equal(t, &want, r.Push(from, store, 9))

	_, ok = New(&headers.SendMessage{}, true).To()
	require.False(t, ok)
}
