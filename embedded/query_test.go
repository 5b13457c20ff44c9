package embedded_test

import (
	"math"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

func TestViewMessage(t *testing.T) {
	cluster := start(t, embedded.InMemory(), embedded.WithTopic("topic", 1), embedded.WithRetention(2))
	c := dial(t, cluster, cluster.Broker(0).Addr())
	var offsets []int64
	for i := range 3 {
		id := fields(c.succeed(message("topic"), []byte{byte('a' + i)}))["msgId"]
		offset, err := strconv.ParseInt(id[16:], 16, 64)
		require.NoError(t, err)
		offsets = append(offsets, offset)
	}
	require.EqualValues(t, headers.SystemError, c.call(&headers.ViewMessage{Offset: offsets[0]}, nil).Code, "dropped")
	require.EqualValues(t, headers.SystemError, c.call(&headers.ViewMessage{Offset: offsets[1] + 1}, nil).Code)
	require.Equal(t, []string{"b"}, bodies(t, c.succeed(&headers.ViewMessage{Offset: offsets[1]}, nil)))
	require.Equal(t, []string{"c"}, bodies(t, c.succeed(&headers.ViewMessage{Offset: offsets[2]}, nil)))
}

func TestQueryMessage(t *testing.T) {
	cluster := start(t, embedded.InMemory(), embedded.WithTopic("topic", 2))
	c := dial(t, cluster, cluster.Broker(0).Addr())
	c.succeed(message("topic", toQueue(1), with("UNIQ_KEY", "ID1", "KEYS", "red one")), []byte("1"))
	c.succeed(message("topic", with("UNIQ_KEY", "ID2", "KEYS", "red two")), []byte("2"))
	c.succeed(message("other", with("UNIQ_KEY", "ID3", "KEYS", "red")), []byte("3"))
	query := func(key string, change ...func(h *headers.QueryMessage)) headers.Command {
		h := &headers.QueryMessage{Topic: "topic", Key: key, MaxMessages: 10, End: math.MaxInt64}
		for _, f := range change {
			f(h)
		}
		return c.call(h, nil)
	}
	require.Equal(t, []string{"1", "2"}, bodies(t, query("red")), "in the order of storing")
	require.Equal(t, []string{"2"}, bodies(t, query("two")))
	require.Equal(t, []string{"1"}, bodies(t, query("red", func(h *headers.QueryMessage) { h.MaxMessages = 1 })))
	require.Equal(t, []string{"2"}, bodies(t, query("ID2", func(h *headers.QueryMessage) { h.UniqueKey, h.MaxMessages = true, 0 })))
	for range 70 {
		c.succeed(message("topic", with("KEYS", "often")), []byte("x"))
	}
	require.Len(t, bodies(t, query("often", func(h *headers.QueryMessage) { h.MaxMessages = 1000 })), 64)
	answer := query("two")
	require.Contains(t, fields(answer), "indexLastUpdateTimestamp")
	require.EqualValues(t, headers.QueryNotFound, func() int32 { a := query("re"); return a.Code }())
	require.EqualValues(t, headers.QueryNotFound, func() int32 { a := query("red", func(h *headers.QueryMessage) { h.End = 1 }); return a.Code }())
	require.EqualValues(t, headers.QueryNotFound, func() int32 { a := query("red", func(h *headers.QueryMessage) { h.Topic = "none" }); return a.Code }())
}
