package otelrocketmq_test

import (
	"context"
	"testing"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel"
	metricnoop "go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/propagation"
	tracenoop "go.opentelemetry.io/otel/trace/noop"

	otelrocketmq "github.com/watermill-rocketmq/watermill-rocketmq/otel"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
)

// upper writes one field of its own.
type upper struct{}

func (upper) Inject(_ context.Context, c propagation.TextMapCarrier) { c.Set("x-own", "1") }
func (upper) Extract(ctx context.Context, _ propagation.TextMapCarrier) context.Context {
	return ctx
}
func (upper) Fields() []string { return []string{"x-own"} }

// Without options all is global. The propagator is W3C's if the program has set none.
func TestDefaults(t *testing.T) {
	w := newWorld(t)
	t.Cleanup(func() { // the first global ones have become what was set
		otel.SetTracerProvider(tracenoop.NewTracerProvider())
		otel.SetMeterProvider(metricnoop.NewMeterProvider())
		otel.SetTextMapPropagator(propagation.NewCompositeTextMapPropagator())
	})
	otel.SetTracerProvider(w.tracers)
	otel.SetMeterProvider(w.meters)
	hooked := func(c *publisher.Config) {
		c.Hooks = []publisher.Hooks{otelrocketmq.PublisherHooks(
			otelrocketmq.WithTracerProvider(nil), otelrocketmq.WithMeterProvider(nil), otelrocketmq.WithPropagator(nil))}
	}
	require.NoError(t, w.publisher(t, hooked).Publish("orders", newMessage("1")))
	otel.SetTextMapPropagator(upper{})
	require.NoError(t, w.publisher(t, hooked).Publish("orders", newMessage("2")))
	w.await(t, "send orders", 2)
	require.EqualValues(t, 2, w.count(t, "messaging.client.sent.messages", nil))
	stored, err := w.cluster.Messages("orders")
	require.NoError(t, err)
	require.NotEmpty(t, stored[0].Properties["traceparent"])
	require.Empty(t, stored[0].Properties["x-own"])
	require.Empty(t, stored[1].Properties["traceparent"])
	require.Equal(t, "1", stored[1].Properties["x-own"])
}

// Middleware leaves alone what has a span of its own, and messages without any.
func TestMiddleware(t *testing.T) {
	w := newWorld(t)
	tracer := w.tracers.Tracer("test")
	ctx, handler := tracer.Start(t.Context(), "handler")
	own, span := tracer.Start(t.Context(), "own")
	in, with, without := newMessage("1"), newMessage("2"), newMessage("3")
	in.SetContext(ctx)
	with.SetContext(own)
	list := []*message.Message{with, without, nil, in}
	h := otelrocketmq.Middleware(func(*message.Message) ([]*message.Message, error) { return list, nil })
	produced, err := h(in)
	require.NoError(t, err)
	require.Equal(t, list, produced)
	require.NoError(t, w.publisher(t).Publish("orders", with, without))
	sends := w.await(t, "send orders", 2)
	require.Equal(t, span.SpanContext().SpanID(), sends[0].Parent().SpanID())
	require.Equal(t, handler.SpanContext().SpanID(), sends[1].Parent().SpanID())
	handler.End()
	span.End()
}
