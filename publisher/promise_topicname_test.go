package publisher_test

import (
	"testing"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/marshaler"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
)

// TopicName is the name that the broker has, and one log line for each topic says so.
func TestPromiseTopicName(t *testing.T) {
	table, err := marshaler.NewTopicTable(map[string]string{"orders.eu": "ORDERS_EU"}, marshaler.DotTopics{})
	require.NoError(t, err)
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		p, lines := loggedOn(t, c, func(c *publisher.Config) { c.Topics = table })
		for topic, name := range map[string]string{orders: orders, "orders.eu": "ORDERS_EU", "orders.us": "orders_us"} {
			for range 3 {
				require.NoError(t, p.Publish(topic, newMessage("x")))
			}
			require.Equal(t, 3, storedIn(c, name))
			got, err := p.TopicName(topic)
			require.NoError(t, err)
			require.Equal(t, name, got)
		}
		_, err := p.TopicName("orders_eu")
		require.ErrorIs(t, err, marshaler.ErrTopicJoined)
		require.ErrorIs(t, p.Publish("orders_eu", newMessage("x")), marshaler.ErrTopicJoined)
		said := make(map[any]any)
		for _, line := range lines(watermill.InfoLogLevel, "Topic has another name in RocketMQ") {
			require.NotContains(t, said, line.Fields["topic"])
			said[line.Fields["topic"]] = line.Fields["rocketmq_topic"]
		}
		require.Equal(t, map[any]any{"orders.eu": "ORDERS_EU", "orders.us": "orders_us"}, said)
	}, embedded.WithTopic("ORDERS_EU", 1), embedded.WithTopic("orders_us", 1))
}
