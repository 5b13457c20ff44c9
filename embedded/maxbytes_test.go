package embedded_test

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

// A broker keeps so many bytes of messages, and drops the oldest of all topics: their queues
// begin later then, and clients are told so.
func TestMaxBytes(t *testing.T) {
	const most, size = 100_000, 1000
	cluster := start(t, embedded.InMemory(), embedded.WithTopic("old", 1), embedded.WithTopic("topic", 1), embedded.WithMaxBytes(most))
	c := dial(t, cluster, cluster.Broker(0).Addr())
	first := c.succeed(message("old"), []byte("first"))
	for i := range 1000 {
		c.succeed(message("topic", toQueue(0)), bytes.Repeat([]byte{byte(i)}, size))
	}
	stored, err := cluster.Messages("topic")
	require.NoError(t, err)
	require.LessOrEqual(t, len(stored), most/size)
	require.GreaterOrEqual(t, len(stored), most/size*7/10)
	require.EqualValues(t, 999, stored[len(stored)-1].QueueOffset)
	count, err := cluster.Stored("topic")
	require.NoError(t, err)
	require.Equal(t, 1000, count)
	gone, err := cluster.Messages("old")
	require.NoError(t, err)
	require.Empty(t, gone)
	require.EqualValues(t, headers.SystemError, c.call(&headers.ViewMessage{Offset: offsetIn(t, fields(first)["msgId"])}, nil).Code)

	least := fields(c.succeed(&headers.QueueRequest{Code: headers.CodeMinOffset, Topic: "topic"}, nil))["offset"]
	require.Equal(t, fmt.Sprint(stored[0].QueueOffset), least)
	answer := c.call(&headers.PullMessage{ConsumerGroup: "group", Topic: "topic", MaxMessages: 32, SysFlag: headers.PullSubscription, Subscription: "*"}, nil)
	require.EqualValues(t, headers.PullOffsetMoved, answer.Code)
	require.Equal(t, least, fields(answer)["nextBeginOffset"])

	// A message that is larger than all that is kept is kept alone.
	c.succeed(message("old"), bytes.Repeat([]byte("x"), 2*most))
	stored, err = cluster.Messages("old")
	require.NoError(t, err)
	require.Len(t, stored, 1)
}
