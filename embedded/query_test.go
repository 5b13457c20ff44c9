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
		offsets = append(offsets, offsetIn(t, id))
	}
	require.EqualValues(t, headers.SystemError, c.call(&headers.ViewMessage{Offset: offsets[0]}, nil).Code, "dropped")
	require.EqualValues(t, headers.SystemError, c.call(&headers.ViewMessage{Offset: offsets[1] + 1}, nil).Code)
	require.Equal(t, []string{"b"}, bodies(t, c.succeed(&headers.ViewMessage{Offset: offsets[1]}, nil)))
	require.Equal(t, []string{"c"}, bodies(t, c.succeed(&headers.ViewMessage{Offset: offsets[2]}, nil)))
}

// offsetIn is the offset of the log in a message id.
func offsetIn(t *testing.T, id string) int64 {
	t.Helper()
	offset, err := strconv.ParseInt(id[16:], 16, 64)
	require.NoError(t, err)
	return offset
}

// What the cases of TestKeys cannot see: how far the index is, and what is not found any more.
func TestQueryMessage(t *testing.T) {
	cluster := start(t, embedded.InMemory(), embedded.WithTopic("topic", 2), embedded.WithRetention(2))
	c := dial(t, cluster, cluster.Broker(0).Addr())
	query := func(topic, key string) headers.Command {
		return c.call(&headers.QueryMessage{Topic: topic, Key: key, MaxMessages: 10, End: math.MaxInt64}, nil)
	}
	c.succeed(message("topic", toQueue(1), with("KEYS", "red one")), []byte("1"))
	c.succeed(message("topic", with("KEYS", "red two")), []byte("2"))
	c.succeed(message("other", with("KEYS", "red")), []byte("3"))
	answer := query("topic", "red")
	require.Equal(t, []string{"1", "2"}, bodies(t, answer))
	last := messagesIn(cluster, "other")[0]
	require.Equal(t, strconv.FormatInt(last.CommitLogOffset, 10), fields(answer)["indexLastUpdatePhyoffset"], "of all topics")
	require.Equal(t, strconv.FormatInt(last.StoreTimestamp.UnixMilli(), 10), fields(answer)["indexLastUpdateTimestamp"])
	for range 2 {
		c.succeed(message("topic", with("KEYS", "red")), []byte("4"))
	}
	require.Equal(t, []string{"1", "4", "4"}, bodies(t, query("topic", "red")), "the queue has dropped one")
	cluster.Broker(0).DeleteTopic("topic")
	require.EqualValues(t, headers.QueryNotFound, func() int32 { a := query("topic", "red"); return a.Code }())
	require.Equal(t, []string{"3"}, bodies(t, query("other", "red")))
}
