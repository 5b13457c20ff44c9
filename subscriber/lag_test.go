package subscriber_test

import (
	"testing"
	"testing/synctest"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber"
)

// Lag says so if it cannot find out whether there is something to be retried.
func TestLagWithoutRouteOfRetryTopic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, err := embedded.Start(embedded.InMemory(), embedded.WithTopic("orders", 4))
		require.NoError(t, err)
		pub, err := publisher.New(publisher.Config{Cluster: c.Config()}, nil)
		require.NoError(t, err)
		sub, err := subscriber.New(subscriber.Config{Cluster: c.Config(), Group: "billing", Engine: subscriber.POP}, nil)
		require.NoError(t, err)
		messages, err := sub.Subscribe(t.Context(), "orders")
		require.NoError(t, err)
		lag, err := sub.Lag(t.Context(), "orders")
		require.NoError(t, err)
		require.NoError(t, lag.Err(), "there is no retry topic")

		require.NoError(t, pub.Publish("orders", message.NewMessage("1", nil)))
		(<-messages).Nack()
		again := <-messages // from the retry topic
		c.NameServer(0).Stop()
		lag, err = sub.Lag(t.Context(), "orders")
		require.NoError(t, err)
		var unknown *routing.NameServersError
		require.ErrorAs(t, lag.Err(), &unknown)
		require.Contains(t, lag.Err().Error(), "%RETRY%billing")
		require.Contains(t, lag.String(), "%RETRY%billing")
		again.Ack()
		require.NoError(t, sub.Close())
		require.NoError(t, pub.Close())
		require.NoError(t, c.Close())
	})
}
