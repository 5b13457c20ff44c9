package promrocketmq_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	rocketmq "github.com/watermill-rocketmq/watermill-rocketmq"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber"
)

// A Client that several are lent is counted once; those that are somebody's own are added up.
func TestClientIsCountedOnce(t *testing.T) {
	inBubble(t, func(w *world) {
		client, err := rocketmq.Connect(w.cluster.Config(), nil)
		require.NoError(t, err)
		w.Cleanup(func() { require.NoError(t, client.Close()) })
		lent := func(group string) func(*publisher.Config) {
			return func(c *publisher.Config) { c.Cluster, c.Client, c.ProducerGroup = rocketmq.Cluster{}, client, group }
		}
		a, b := w.publisher(lent("a")), w.publisher(lent("b"))
		s := w.subscriber(func(c *subscriber.Config) { c.Cluster, c.Client = rocketmq.Cluster{}, client })
		w.metrics.AddPublisher(a)
		w.metrics.AddPublisher(b)
		w.metrics.AddSubscriber(s)
		require.NoError(t, a.Publish(orders, newMessage("x")))
		synctest.Wait() // beats of the heart are answered as well
		began := time.Now()
		w.require(`
			rocketmq_client_connections 2
			rocketmq_client_requests_in_flight 0
			rocketmq_client_route_read_queues{rocketmq_topic="orders"} 1
		`+fmt.Sprintf(`
			rocketmq_client_route_updated_timestamp_seconds{rocketmq_topic="orders"} %v
			rocketmq_client_route_write_queues{rocketmq_topic="orders"} 1
		`, float64(began.UnixMilli())/1000), "rocketmq_client_connections", "rocketmq_client_requests_in_flight",
			"rocketmq_client_route_read_queues", "rocketmq_client_route_updated_timestamp_seconds", "rocketmq_client_route_write_queues")

		own := w.publisher(nil)
		w.metrics.AddPublisher(own)
		require.NoError(t, own.Publish(orders, newMessage("x")))
		w.require(`rocketmq_client_connections 4`, "rocketmq_client_connections")
	})
}
