package publisher_test

import (
	"context"
	"testing"
	"testing/synctest"
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

// One-way messages do not make a broker that hangs count as well again: they are written,
// and nobody answers.
func TestPromiseOnewayDoesNotForgiveSilence(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		require.NoError(t, c.CreateTopic("two", 4))
		hung := c.Broker(1).Name()
		asked := 0
		p := publisherOn(t, c, func(cfg *publisher.Config) {
			cfg.OnResult = func(publisher.Result) {}
			cfg.Hooks = append(cfg.Hooks, publisher.Hooks{AttemptEnd: func(_ context.Context, e publisher.AttemptEvent) {
				if !e.Oneway && e.Attempt.MessageQueue.BrokerName == hung {
					asked++
				}
			}})
		})
		c.Intercept(func(r embedded.Request) embedded.Fault {
			if r.Send != nil && r.Server == hung {
				return embedded.Ignore()
			}
			return embedded.Fault{}
		})
		try := func() {
			for range 20 {
				require.NoError(t, p.Publish("two", newMessage("x")))
			}
		}
		try()
		require.Equal(t, 1, asked)
		time.Sleep(10 * time.Second)
		for range 20 {
			require.NoError(t, p.PublishOneway("two", newMessage("x")))
		}
		synctest.Wait()
		try()
		require.Equal(t, 2, asked, "it is tried again")
		time.Sleep(15 * time.Second)
		try()
		require.Equal(t, 2, asked, "the second failure in a row counts twice")
	}, embedded.WithBrokers(2))
}
