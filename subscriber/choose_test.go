package subscriber_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber"
)

// hang has a broker take connections and requests, and answer none.
func hang(c *embedded.Cluster, b *embedded.Broker) {
	c.Intercept(func(r embedded.Request) embedded.Fault {
		if r.Server == b.Name() {
			return embedded.Ignore()
		}
		return embedded.Fault{}
	})
}

// Brokers that hang, and have nothing to do with the topic, keep a Subscriber that looks for
// its engine for the time of one request, however many they are.
func TestBrokersThatHangDecideNoEngine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, err := embedded.Start(embedded.InMemory(), embedded.WithBrokers(4))
		require.NoError(t, err)
		require.NoError(t, c.Broker(3).CreateTopic("orders", 4))
		for i := range 3 {
			hang(c, c.Broker(i))
		}
		pub, err := publisher.New(publisher.Config{Cluster: c.Config()}, nil)
		require.NoError(t, err)
		sub, err := subscriber.New(subscriber.Config{Cluster: c.Config(), Group: "billing"}, nil)
		require.NoError(t, err)
		begin := time.Now()
		messages, err := sub.Subscribe(t.Context(), "orders")
		require.NoError(t, err)
		require.InDelta(t, 3*time.Second, time.Since(begin), float64(time.Second))
		require.NoError(t, pub.Publish("orders", message.NewMessage("1", nil)))
		(<-messages).Ack()
		require.NoError(t, sub.Close())
		require.NoError(t, pub.Close())
		require.NoError(t, c.Close())
	})
}

// What is asked of brokers that hang ends when the Subscriber is closed, which does not wait
// for their answers.
func TestCloseEndsQuestions(t *testing.T) {
	for name, ask := range map[string]func(ctx context.Context, sub *subscriber.Subscriber) error{
		"Lag": func(ctx context.Context, sub *subscriber.Subscriber) error {
			_, err := sub.Lag(ctx, "orders")
			return err
		},
		"Seek": func(ctx context.Context, sub *subscriber.Subscriber) error {
			return sub.Seek(ctx, "orders", subscriber.Earliest())
		},
	} {
		for _, engine := range []subscriber.Engine{subscriber.Auto, subscriber.Pull, subscriber.POP} {
			t.Run(name+"/"+string(engine), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					c, err := embedded.Start(embedded.InMemory(), embedded.WithTopic("orders", 4))
					require.NoError(t, err)
					hang(c, c.Broker(0))
					sub, err := subscriber.New(subscriber.Config{Cluster: c.Config(), Group: "billing", Engine: engine}, nil)
					require.NoError(t, err)
					closed := make(chan error, 1)
					begin := time.Now()
					time.AfterFunc(time.Second, func() { closed <- sub.Close() })
					require.ErrorIs(t, ask(t.Context(), sub), subscriber.ErrClosed)
					require.Equal(t, time.Second, time.Since(begin))
					require.NoError(t, <-closed)
					require.LessOrEqual(t, time.Since(begin), 3*time.Second)
					require.NoError(t, c.Close())
				})
			})
		}
	}
}
