package subscriber_test

import (
	"strings"
	"testing"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/marshaler"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber"
	"github.com/watermill-rocketmq/watermill-rocketmq/topics"
)

// A topic that Java programs know without dots is the same topic on both sides.
func TestTopicName(t *testing.T) {
	eachEngine(t, func(t *testing.T, w *world, engine subscriber.Engine) {
		topic := "shared." + strings.ReplaceAll(unique("topic"), "-", ".")
		cfg := w.config(engine, unique("group"))
		cfg.Topics = marshaler.DotTopics{}
		logs := watermill.NewCaptureLogger()
		sub, err := subscriber.New(cfg, logs)
		require.NoError(t, err)
		defer func() { require.NoError(t, sub.Close()) }() // again
		name, err := sub.TopicName(topic)
		require.NoError(t, err)
		require.Equal(t, strings.ReplaceAll(topic, ".", "_"), name)
		messages := subscribe(t, sub, topic)
		pub := w.publisher(t, func(p *publisher.Config) { p.Topics, p.CreateTopics = cfg.Topics, topics.Config{} })
		require.NoError(t, pub.Publish(topic, message.NewMessage("1", []byte("x"))))
		m := next(t, messages)
		info, _ := subscriber.InfoFromContext(m.Context())
		require.Equal(t, topic, info.Topic)
		require.Equal(t, name, info.RocketMQTopic)
		m.Ack()
		_, err = sub.TopicName("a_b")
		require.ErrorIs(t, err, marshaler.ErrTopicJoined)
		require.NoError(t, sub.Close()) // the line about the message is written by then
		count, received := 0, 0
		for _, line := range logs.Captured()[watermill.InfoLogLevel] {
			if line.Msg == "Topic has another name in RocketMQ" {
				count++
				require.Equal(t, name, line.Fields["rocketmq_topic"])
			}
		}
		require.Equal(t, 1, count)
		for _, line := range logs.Captured()[watermill.TraceLogLevel] {
			if line.Msg == "Message received from RocketMQ" {
				received++
				require.Equal(t, "1", line.Fields["message_uuid"])
				require.Equal(t, topic, line.Fields["topic"])
			}
		}
		require.Equal(t, 1, received)
	})
}
