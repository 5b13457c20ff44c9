package rocketmq_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/components/delay"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/outbox"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
	"github.com/watermill-rocketmq/watermill-rocketmq/requestreply"
	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber"
)

// What stands between the marks in these functions is in docs/features.md as well.

func featuresDelay(pub message.Publisher) error {
	// SNIPPET:
	msg := message.NewMessage("reminder-1", []byte("a reminder"))
	delay.Message(msg, delay.For(time.Hour))
	if err := pub.Publish("reminders", msg); err != nil {
		return err
	}
	// :SNIPPET
	return nil
}

// featuresOutbox is compiled only: it needs a database. _examples/outbox has a program like
// it, which runs.
func featuresOutbox(ctx context.Context, box *outbox.Outbox, pub *publisher.Publisher) error {
	// SNIPPET:
	tx, err := box.Begin(ctx, pub, nil)
	if err != nil {
		return err
	}
	defer tx.Close()
	if _, err := tx.ExecContext(ctx, "INSERT INTO orders (id) VALUES (17)"); err != nil {
		return err
	}
	if err := tx.Publish("orders", message.NewMessage("order-17", []byte("17"))); err != nil {
		return err
	}
	return tx.Commit()
	// :SNIPPET
}

var _ = featuresOutbox

func featuresRequest(ctx context.Context, requester *requestreply.Requester) (*message.Message, error) {
	// SNIPPET:
	reply, err := requester.Request(ctx, "prices", message.NewMessage("question-1", []byte("pizza")))
	var failed *requestreply.RequestError
	if errors.As(err, &failed) && failed.SafeToRetry() {
		reply, err = requester.Request(ctx, "prices", message.NewMessage("question-1", []byte("pizza")))
	}
	// :SNIPPET
	return reply, err
}

func featuresResponder(router *message.Router, sub message.Subscriber, responder *requestreply.Responder, price requestreply.HandlerFunc) {
	// SNIPPET:
	router.AddConsumerHandler("prices", "prices", sub, responder.Handler(price))
	// :SNIPPET
}

func TestFeaturesRequest(t *testing.T) {
	cluster, err := embedded.Start(embedded.InMemory(), embedded.WithTopic("prices", 4))
	require.NoError(t, err)
	defer cluster.Close()
	sub, err := subscriber.New(subscriber.Config{Cluster: cluster.Config(), Group: "prices"}, nil)
	require.NoError(t, err)
	defer sub.Close()
	responder, err := requestreply.NewResponder(requestreply.ResponderConfig{Cluster: cluster.Config()}, nil)
	require.NoError(t, err)
	defer responder.Close()
	router, err := message.NewRouter(message.RouterConfig{}, nil)
	require.NoError(t, err)
	featuresResponder(router, sub, responder, func(request *message.Message) (*message.Message, error) {
		return message.NewMessage("price-1", append(request.Payload, ": 9"...)), nil
	})
	go func() { _ = router.Run(t.Context()) }()
	defer router.Close()
	requester, err := requestreply.NewRequester(requestreply.RequesterConfig{
		Publisher: publisher.Config{Cluster: cluster.Config(), ProducerGroup: "guests"}, Timeout: time.Minute,
	}, nil)
	require.NoError(t, err)
	defer requester.Close()
	reply, err := featuresRequest(t.Context(), requester)
	require.NoError(t, err)
	require.Equal(t, "pizza: 9", string(reply.Payload))
}

func TestFeaturesDelay(t *testing.T) {
	cluster, err := embedded.Start(embedded.InMemory())
	require.NoError(t, err)
	defer cluster.Close()
	pub, err := publisher.New(publisher.Config{Cluster: cluster.Config()}, nil)
	require.NoError(t, err)
	defer pub.Close()
	require.NoError(t, featuresDelay(pub))
	stored, err := cluster.Messages("reminders")
	require.NoError(t, err)
	require.Empty(t, stored)
	cluster.Advance(2 * time.Hour)
	stored, err = cluster.Messages("reminders")
	require.NoError(t, err)
	require.Len(t, stored, 1)
}
