package rocketmq_test

import (
	"context"
	"errors"
	"testing"

	wm "github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"

	rocketmq "github.com/watermill-rocketmq/watermill-rocketmq"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber"
)

// What stands between the marks in these functions is in the README as well.

func readmeHandler(router *message.Router, sub message.Subscriber, pub message.Publisher) {
	// SNIPPET:
	router.AddHandler("receipts", "orders", sub, "receipts", pub,
		func(order *message.Message) ([]*message.Message, error) {
			receipt := message.NewMessage(order.UUID+"-receipt", order.Payload)
			return []*message.Message{receipt}, nil
		})
	// :SNIPPET
}

func readmeTest(ctx context.Context, serve func(context.Context, rocketmq.Cluster) error, result *[]*message.Message) error {
	// SNIPPET:
	cluster, err := embedded.Start(embedded.InMemory())
	if err != nil {
		return err
	}
	defer cluster.Close()
	if err := serve(ctx, cluster.Config()); err != nil { // the code under test
		return err
	}
	published, err := cluster.AwaitWatermillMessages(ctx, "receipts", 1)
	// :SNIPPET
	*result = published
	return err
}

func readmeFailure(pub message.Publisher, msg *message.Message, park func(*message.Message, error) error, retry func(*message.Message) error) error {
	// SNIPPET:
	var failed *publisher.Error
	switch err := pub.Publish("orders", msg); {
	case err == nil:
		return nil // done: a broker has it
	case errors.Is(err, publisher.ErrPermanent):
		return park(msg, err) // no retry can help: keep it elsewhere
	case errors.As(err, &failed) && failed.Outcome() == publisher.NotSent:
		return retry(msg) // no broker has it
	default:
		return retry(msg) // consumers may get it twice
	}
	// :SNIPPET
}

// serveReceipts runs the README's handler on the cluster until the context ends. Before it
// publishes what comes first.
func serveReceipts(ctx context.Context, cluster rocketmq.Cluster, first *message.Message, maxDeliveries int) error {
	pub, err := publisher.New(publisher.Config{Cluster: cluster}, nil)
	if err != nil {
		return err
	}
	defer pub.Close()
	if err := pub.Publish("orders", first); err != nil {
		return err
	}
	sub, err := subscriber.New(subscriber.Config{
		Cluster: cluster, Group: "billing", MaxDeliveries: maxDeliveries,
		Redelivery: subscriber.RedeliveryConfig{MinPause: 1, MaxPause: 1},
	}, nil)
	if err != nil {
		return err
	}
	defer sub.Close()
	router, err := message.NewRouter(message.RouterConfig{}, wm.NopLogger{})
	if err != nil {
		return err
	}
	readmeHandler(router, sub, pub)
	return router.Run(ctx)
}

// The handler and the test of the README, put together.
func TestReadmeRouter(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	serve := func(ctx context.Context, cluster rocketmq.Cluster) error {
		go func() { ended <- serveReceipts(ctx, cluster, message.NewMessage("1", []byte("a book")), 0) }()
		return nil
	}
	var published []*message.Message
	require.NoError(t, readmeTest(ctx, serve, &published))
	require.Len(t, published, 1)
	require.Equal(t, "1-receipt", published[0].UUID)
	require.Equal(t, "a book", string(published[0].Payload))
	cancel()
	require.NoError(t, <-ended)
}

// An error of publishing what a handler returns makes the message come again, with the same
// UUID for what it makes, until it is a dead letter.
func TestReadmeRouterErrors(t *testing.T) {
	cluster, err := embedded.Start(embedded.InMemory(), embedded.WithTopic("receipts", 1))
	require.NoError(t, err)
	defer cluster.Close()
	var refused []string
	cluster.Intercept(func(r embedded.Request) embedded.Fault {
		if r.Send != nil && r.Send.Topic == "receipts" {
			refused = append(refused, r.Send.Topic)
			return embedded.Answer(headers.MessageIllegal, "")
		}
		return embedded.Fault{}
	})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- serveReceipts(ctx, cluster.Config(), message.NewMessage("1", []byte("a book")), 3) }()
	dead, err := cluster.AwaitMessages(ctx, "%DLQ%billing", 1)
	require.NoError(t, err)
	require.Equal(t, "1", dead[0].Keys)
	cancel()
	require.NoError(t, <-ended)
	require.Len(t, refused, 3, "deliveries")
}

// Each case of the README's switch, by an answer of the broker.
func TestReadmeFailure(t *testing.T) {
	for name, fault := range map[string]embedded.Fault{
		"done":  {},
		"park":  embedded.Answer(headers.MessageIllegal, ""),
		"retry": embedded.Answer(headers.NoPermission, "User:x has no permission to access Topic:y"),
	} {
		cluster, err := embedded.Start(embedded.InMemory())
		require.NoError(t, err)
		cluster.Intercept(func(r embedded.Request) embedded.Fault {
			if r.Send != nil {
				return fault
			}
			return embedded.Fault{}
		})
		pub, err := publisher.New(publisher.Config{Cluster: cluster.Config()}, nil)
		require.NoError(t, err)
		did := "done"
		require.NoError(t, readmeFailure(pub, message.NewMessage("1", []byte("x")),
			func(*message.Message, error) error { did = "park"; return nil },
			func(*message.Message) error { did = "retry"; return nil }))
		require.Equal(t, name, did)
		require.NoError(t, pub.Close())
		require.NoError(t, cluster.Close())
	}
}

// TestReadmeTopicNames: the table on the first screen is what the default mapping does.
func TestReadmeTopicNames(t *testing.T) {
	requireTopicNames(t, "README.md")
}
