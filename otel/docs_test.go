package otelrocketmq_test

import (
	"context"
	"testing"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/propagation"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	rocketmq "github.com/watermill-rocketmq/watermill-rocketmq"
	otelrocketmq "github.com/watermill-rocketmq/watermill-rocketmq/otel"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber"
)

// What stands between the marks in these functions is in docs/observability.md as well.

func docsSwitchOn(cluster rocketmq.Cluster, router *message.Router, logger watermill.LoggerAdapter) error {
	// SNIPPET:
	pub, err := publisher.New(publisher.Config{
		Cluster: cluster,
		Hooks:   []publisher.Hooks{otelrocketmq.PublisherHooks()},
	}, logger)
	if err != nil {
		return err
	}
	defer pub.Close()
	sub, err := subscriber.New(subscriber.Config{
		Cluster: cluster,
		Group:   "billing",
		Hooks:   []subscriber.Hooks{otelrocketmq.SubscriberHooks()},
	}, logger)
	if err != nil {
		return err
	}
	defer sub.Close()
	router.AddMiddleware(otelrocketmq.Middleware)
	// :SNIPPET
	return nil
}

func docsByHand(pub message.Publisher, order *message.Message) error {
	// SNIPPET:
	receipt := message.NewMessage(watermill.NewUUID(), []byte("thank you"))
	receipt.SetContext(order.Context())
	return pub.Publish("receipts", receipt)
	// :SNIPPET
}

func docsStored(ctx context.Context, order *message.Message) {
	// SNIPPET:
	propagation.TraceContext{}.Inject(ctx, propagation.MapCarrier(order.Metadata))
	// :SNIPPET
}

func docsView(reader sdkmetric.Reader) *sdkmetric.MeterProvider {
	// SNIPPET:
	meters := sdkmetric.NewMeterProvider(
		sdkmetric.WithReader(reader),
		sdkmetric.WithView(sdkmetric.NewView(
			sdkmetric.Instrument{Name: "messaging.*"},
			sdkmetric.Stream{AttributeFilter: attribute.NewDenyKeysFilter("messaging.destination.name")},
		)),
	)
	// :SNIPPET
	return meters
}

// What the snippets do.
func TestDocsRun(t *testing.T) {
	w := newWorld(t)
	router, err := message.NewRouter(message.RouterConfig{}, nil)
	require.NoError(t, err)
	require.NoError(t, docsSwitchOn(w.config, router, nil))

	ctx, handler := w.tracers.Tracer("test").Start(t.Context(), "handler")
	defer handler.End()
	order := newMessage("1")
	order.SetContext(ctx)
	require.NoError(t, docsByHand(w.publisher(t), order))
	require.Equal(t, handler.SpanContext().SpanID(), w.await(t, "send receipts", 1)[0].Parent().SpanID())
	stored := newMessage("3")
	docsStored(ctx, stored)
	require.NoError(t, w.publisher(t).Publish("orders", stored))
	require.Equal(t, handler.SpanContext().SpanID(), w.await(t, "send orders", 1)[0].Parent().SpanID())

	reader := sdkmetric.NewManualReader()
	hooks := otelrocketmq.PublisherHooks(otelrocketmq.WithMeterProvider(docsView(reader)))
	require.NoError(t, w.publisher(t, func(c *publisher.Config) { c.Hooks = []publisher.Hooks{hooks} }).Publish("orders", newMessage("2")))
	var all metricdata.ResourceMetrics
	require.NoError(t, reader.Collect(t.Context(), &all))
	require.NotEmpty(t, all.ScopeMetrics)
	for _, m := range all.ScopeMetrics[0].Metrics {
		if sum, ok := m.Data.(metricdata.Sum[int64]); ok {
			require.NotContains(t, texts(sum.DataPoints[0].Attributes.ToSlice()), "messaging.destination.name")
		}
	}
}
