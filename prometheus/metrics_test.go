package promrocketmq_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	promrocketmq "github.com/watermill-rocketmq/watermill-rocketmq/prometheus"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber"
)

// Two Metrics want labels that tell them apart.
func TestNew(t *testing.T) {
	registry := prometheus.NewPedanticRegistry()
	metricsOf(t, registry)
	_, err := promrocketmq.New(promrocketmq.Config{Registerer: registry})
	var already prometheus.AlreadyRegisteredError
	require.True(t, errors.As(err, &already), "%v", err)
	_, err = promrocketmq.New(promrocketmq.Config{Registerer: prometheus.NewRegistry(), MaxTopics: -1})
	require.Error(t, err)

	registry = prometheus.NewPedanticRegistry()
	for _, name := range []string{"a", "b"} {
		m := metricsOf(t, prometheus.WrapRegistererWith(prometheus.Labels{"publisher": name}, registry))
		m.PublisherHooks().PublishEnd(t.Context(), publisher.Result{Topic: orders, Outcome: publisher.Stored})
	}
	require.Contains(t, series(t, registry, "rocketmq_publisher_messages_total"),
		`rocketmq_publisher_messages_total{outcome="stored",publisher="b",topic="orders"} 1`)
}

// Metrics can be taken out of a registry and put into another: they are one Collector.
func TestUnregister(t *testing.T) {
	registry := prometheus.NewPedanticRegistry()
	m := metricsOf(t, registry)
	require.True(t, registry.Unregister(m))
	require.NoError(t, registry.Register(m))
}

// Names, units and help are as Prometheus has them.
func TestLint(t *testing.T) {
	inBubble(t, func(w *world) {
		w.metrics.AddPublisher(w.publisher(nil))
		s := w.subscriber(nil)
		w.metrics.AddSubscriber(s)
		w.subscribe(s, orders)
		require.NoError(t, w.publisher(nil).Publish(orders, newMessage("1")))
		problems, err := testutil.GatherAndLint(w.registry)
		require.NoError(t, err)
		require.Empty(t, problems)
	})
}

// The names of topics and brokers come from outside: there is a bound to how many make time
// series, and those that Prometheus would not take do no harm.
func TestBounds(t *testing.T) {
	registry := prometheus.NewPedanticRegistry()
	m, err := promrocketmq.New(promrocketmq.Config{Registerer: registry, MaxTopics: 2})
	require.NoError(t, err)
	published := m.PublisherHooks().PublishEnd
	published(t.Context(), publisher.Result{Topic: "bad\xff", Outcome: publisher.Stored})
	for i := range 5 {
		for range 2 {
			published(t.Context(), publisher.Result{Topic: fmt.Sprint("topic-", i), Outcome: publisher.Stored})
		}
	}
	lines := series(t, registry, "rocketmq_publisher_messages_total")
	require.Len(t, lines, 3*4)
	require.Contains(t, lines, `rocketmq_publisher_messages_total{outcome="stored",topic="bad�"} 1`)
	require.Contains(t, lines, `rocketmq_publisher_messages_total{outcome="stored",topic="topic-0"} 2`)
	require.Contains(t, lines, `rocketmq_publisher_messages_total{outcome="stored",topic="other"} 8`)

	// The topics of both sides are bounded together, so that they have the same labels.
	m.SubscriberHooks().Acked(t.Context(), subscriber.MessageEvent{Topic: "topic-4", Group: group})
	require.Contains(t, series(t, registry, "rocketmq_subscriber_acks_total"), `rocketmq_subscriber_acks_total{group="billing",topic="other"} 1`)
}
