package readback

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	rocketmq "github.com/apache/rocketmq-client-go/v2"
	"github.com/apache/rocketmq-client-go/v2/consumer"
	"github.com/apache/rocketmq-client-go/v2/primitive"
	"github.com/apache/rocketmq-client-go/v2/rlog"
	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/marshaler"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
)

// What is published, compressed in any way, is consumed by rocketmq-client-go's push
// consumer and read back unchanged.
func TestConsumedMessagesAreReadBack(t *testing.T) {
	if raceDetector {
		t.Skip("rocketmq-client-go has races of its own")
	}
	rlog.SetLogLevel("fatal")
	cluster, err := embedded.Start()
	require.NoError(t, err)
	defer func() { require.NoError(t, cluster.Close()) }()
	const topic = "shop.orders"
	mapped, err := marshaler.EscapeTopics{}.MapTopic(topic)
	require.NoError(t, err)
	require.NoError(t, cluster.CreateTopic(mapped.Name, 1))

	want := make(map[string]*message.Message)
	for _, codec := range []publisher.Compression{publisher.NoCompression, publisher.Zlib, publisher.LZ4, publisher.Zstd} {
		pub, err := publisher.New(publisher.Config{
			Cluster: cluster.Config(), Compression: publisher.CompressionConfig{Codec: codec},
			SendTimeout: time.Minute, AttemptTimeout: time.Minute,
		}, nil)
		require.NoError(t, err)
		for size, payload := range map[string]message.Payload{
			"small": message.Payload("x"), "large": message.Payload(strings.Repeat("two pizzas ", 10_000)), "none": nil,
		} {
			msg := message.NewMessage(string(codec)+" "+size, payload)
			msg.Metadata.Set("name", "OrderPlaced")
			msg.Metadata.Set("note", "")
			msg.Metadata.Set(marshaler.MetadataTag, "paid")
			want[msg.UUID] = msg
			require.NoError(t, pub.Publish(topic, msg))
		}
		require.NoError(t, pub.Close())
	}

	type readBack struct {
		topic string
		msg   *message.Message
		err   error
	}
	got := make(chan readBack, 2*len(want))
	c, err := rocketmq.NewPushConsumer(
		consumer.WithNsResolver(primitive.NewPassthroughResolver(cluster.NameServers())),
		consumer.WithGroupName("readback"),
		consumer.WithConsumeFromWhere(consumer.ConsumeFromFirstOffset),
	)
	require.NoError(t, err)
	require.NoError(t, c.Subscribe(mapped.Name, consumer.MessageSelector{}, func(_ context.Context, batch ...*primitive.MessageExt) (consumer.ConsumeResult, error) {
		for _, ext := range batch {
			name, msg, err := FromMessageExt(ext)
			select {
			case got <- readBack{name, msg, err}:
			default: // twice: the client had it again
			}
		}
		return consumer.ConsumeSuccess, nil
	}))
	require.NoError(t, c.Start())
	defer func() { require.NoError(t, c.Shutdown()) }()

	patience := time.After(3 * time.Minute)
	for had := make(map[string]bool); len(had) < len(want); {
		select {
		case r := <-got:
			require.NoError(t, r.err)
			require.Equal(t, topic, r.topic)
			msg := want[r.msg.UUID]
			require.NotNil(t, msg, r.msg.UUID)
			require.True(t, msg.Equals(r.msg), "%s: %v", r.msg.UUID, r.msg.Metadata)
			require.Equal(t, msg.Payload == nil, r.msg.Payload == nil)
			had[r.msg.UUID] = true
		case <-patience:
			require.Fail(t, "some messages were not consumed", "%d of %d", len(had), len(want))
		}
	}
}
