package publisher_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
)

// A broker that is back gets its share of one-way messages again.
func TestPromiseOnewayForgives(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		require.NoError(t, c.CreateTopic("two", 4))
		went := 0
		p := publisherOn(t, c, func(cfg *publisher.Config) {
			cfg.OnResult = func(r publisher.Result) {
				if r.MessageQueue.BrokerName == c.Broker(1).Name() {
					went++
				}
			}
		})
		share := func(n int) int {
			went = 0
			for range n {
				require.NoError(t, p.PublishOneway("two", newMessage("x")))
				time.Sleep(10 * time.Millisecond)
			}
			return went
		}
		c.Broker(1).Kill()
		share(100)
		require.NoError(t, c.Broker(1).Start())
		time.Sleep(10 * time.Minute) // all avoidance is over
		require.Greater(t, share(100), 40)
	}, embedded.WithBrokers(2))
}
