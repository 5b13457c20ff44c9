package rocketmq_test

import (
	"context"
	"log"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/components/delay"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/control"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber"
)

// What stands between the marks in these functions is in docs/testing.md as well.

func testingPublisher(t *testing.T) error {
	// SNIPPET:
	cluster, err := embedded.Start(embedded.InMemory(), embedded.WithTopic("orders", 4))
	if err != nil {
		return err
	}
	defer cluster.Close()
	pub, err := publisher.New(publisher.Config{Cluster: cluster.Config()}, nil)
	if err != nil {
		return err
	}
	defer pub.Close()
	if err := pub.Publish("orders", message.NewMessage("1", []byte("a book"))); err != nil {
		return err
	}
	published, err := cluster.WatermillMessages("orders")
	// :SNIPPET
	require.Len(t, published, 1)
	return err
}

func testingFolder(dir string) error {
	// SNIPPET:
	cluster, err := embedded.Start(embedded.Dir(dir), embedded.WithTopic("orders", 4))
	if err != nil {
		return err
	}
	defer cluster.Close()
	// :SNIPPET
	return cluster.Close()
}

func testingControl(cluster *embedded.Cluster) error {
	// SNIPPET:
	server, err := control.Listen(cluster, "127.0.0.1:0", control.Config{})
	if err != nil {
		return err
	}
	defer server.Close()
	log.Println(server.URL())
	// :SNIPPET
	return server.Close()
}

func testingSubscriber(ctx context.Context, t *testing.T, cluster *embedded.Cluster) error {
	// SNIPPET:
	sub, err := subscriber.New(subscriber.Config{
		Cluster:    cluster.Config(),
		Group:      "billing",
		Redelivery: subscriber.RedeliveryConfig{MinPause: time.Millisecond, MaxPause: time.Millisecond},
	}, nil)
	if err != nil {
		return err
	}
	defer sub.Close()
	messages, err := sub.Subscribe(ctx, "orders")
	if err != nil {
		return err
	}
	first := <-messages
	first.Nack()
	again := <-messages
	again.Ack()
	// :SNIPPET
	require.Equal(t, first.UUID, again.UUID)
	return nil
}

func testingFault(t *testing.T, cluster *embedded.Cluster, pub *publisher.Publisher) {
	// SNIPPET:
	remove := cluster.Intercept(func(r embedded.Request) embedded.Fault {
		if r.Send == nil {
			return embedded.Fault{}
		}
		return embedded.StoreThenDrop() // the broker stores the message, and its answer is lost
	})
	defer remove()
	// :SNIPPET
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var sent atomic.Int32
	defer cluster.Intercept(func(r embedded.Request) embedded.Fault {
		if r.Send != nil && sent.Add(1) == 2 {
			cancel() // the first answer has been lost
		}
		return embedded.Fault{}
	})()
	msg := message.NewMessage("lost", []byte("x"))
	msg.SetContext(ctx)
	var failed *publisher.Error
	require.ErrorAs(t, pub.Publish("lost", msg), &failed)
	require.Equal(t, publisher.MayBeStored, failed.Outcome())
}

func testingTime(t *testing.T, cluster *embedded.Cluster, pub *publisher.Publisher) error {
	// SNIPPET:
	msg := message.NewMessage("1", []byte("a reminder"))
	delay.Message(msg, delay.For(time.Hour))
	if err := pub.Publish("reminders", msg); err != nil {
		return err
	}
	cluster.Advance(2 * time.Hour)
	reminders, err := cluster.WatermillMessages("reminders")
	// :SNIPPET
	require.Len(t, reminders, 1)
	return err
}

func TestTesting(t *testing.T) {
	require.NoError(t, testingPublisher(t))
	require.NoError(t, testingFolder(t.TempDir()))
	cluster, err := embedded.Start(embedded.InMemory())
	require.NoError(t, err)
	defer cluster.Close()
	pub, err := publisher.New(publisher.Config{Cluster: cluster.Config()}, nil)
	require.NoError(t, err)
	defer pub.Close()
	require.NoError(t, pub.Publish("orders", message.NewMessage("1", []byte("a book"))))
	require.NoError(t, testingSubscriber(t.Context(), t, cluster))
	require.NoError(t, testingControl(cluster))
	testingFault(t, cluster, pub)
	require.NoError(t, testingTime(t, cluster, pub))
}
