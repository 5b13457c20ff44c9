package broker

import (
	"context"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	rocketmq "github.com/watermill-rocketmq/watermill-rocketmq"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
)

func TestTopicCountsWhatItsBrokerHas(t *testing.T) {
	cluster, err := embedded.Start()
	require.NoError(t, err)
	b, err := connect(&Broker{NameServer: cluster.NameServers()[0], end: cluster.Close})
	require.NoError(t, err)
	defer func() { require.NoError(t, b.Close()) }()
	ctx := context.Background()
	var topic *Topic
	var n int64
	require.EventuallyWithT(t, func(c *assert.CollectT) { // a name server has a second
		var err error
		topic, err = b.CreateTopic(ctx, "bench", 3)
		if assert.NoError(c, err) {
			n, err = topic.Stored(ctx)
			assert.NoError(c, err)
		}
	}, 3*time.Minute, time.Millisecond)
	require.Zero(t, n)

	p, err := publisher.New(publisher.Config{
		Cluster:     rocketmq.Cluster{NameServers: []string{b.NameServer}},
		SendTimeout: time.Minute, AttemptTimeout: time.Minute, // what is sent again is stored twice
	}, nil)
	require.NoError(t, err)
	// A heartbeat that runs out of time has messages sent again: this one comes before them.
	_, err = p.Check(ctx)
	require.NoError(t, err)
	for range 7 {
		require.NoError(t, p.Publish("bench", message.NewMessage("uuid", nil)))
	}
	require.NoError(t, p.Close())
	for _, count := range []func(context.Context) (int64, error){
		topic.Stored, topic.AwaitSettled, func(ctx context.Context) (int64, error) { return topic.AwaitStored(ctx, 7) },
	} {
		n, err = count(ctx)
		require.NoError(t, err)
		require.EqualValues(t, 7, n)
	}
	n, err = topic.StoredIn(ctx, headers.RetryV1.Topic("group", "bench"))
	require.NoError(t, err)
	require.Zero(t, n, "there is no such topic")

	n, err = topic.Committed(ctx, "group")
	require.NoError(t, err)
	require.Zero(t, n, "the group has no offsets")
	cluster.CreateConsumerGroup(headers.NewSubscriptionGroupConfig("group"))
	for queue, offset := range []int64{2, 1} {
		_, err = topic.Ask(ctx, &headers.UpdateConsumerOffset{
			ConsumerGroup: "group", Topic: "bench", QueueID: int32(queue), CommitOffset: offset,
		}, nil)
		require.NoError(t, err)
	}
	n, err = topic.Committed(ctx, "group")
	require.NoError(t, err)
	require.EqualValues(t, 3, n)
	require.NoError(t, topic.AwaitFlushed(ctx))
}
