package otelrocketmq_test

import (
	"testing"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"

	otelrocketmq "github.com/watermill-rocketmq/watermill-rocketmq/otel"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber"
)

// observe has the lines of the README.
func observe(forPublisher *publisher.Config, forSubscriber *subscriber.Config, router *message.Router) {
	// SNIPPET:
	forPublisher.Hooks = []publisher.Hooks{otelrocketmq.PublisherHooks()}
	forSubscriber.Hooks = []subscriber.Hooks{otelrocketmq.SubscriberHooks()}
	router.AddMiddleware(otelrocketmq.Middleware)
	// :SNIPPET
}

// The configurations of the README make a publisher and a subscriber.
func TestReadme(t *testing.T) {
	w := newWorld(t)
	forPublisher, forSubscriber := publisher.Config{Cluster: w.config}, subscriber.Config{Cluster: w.config, Group: "billing"}
	router, err := message.NewRouter(message.RouterConfig{}, nil)
	require.NoError(t, err)
	observe(&forPublisher, &forSubscriber, router)
	forPublisher.SendTimeout, forPublisher.AttemptTimeout = patience, patience
	pub, err := publisher.New(forPublisher, nil)
	require.NoError(t, err)
	require.NoError(t, pub.Publish("orders", newMessage("1")))
	require.NoError(t, pub.Close())
	sub, err := subscriber.New(forSubscriber, nil)
	require.NoError(t, err)
	require.NoError(t, sub.Close())
}
