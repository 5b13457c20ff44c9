package otelrocketmq_test

import (
	"context"
	"testing"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	otelrocketmq "github.com/watermill-rocketmq/watermill-rocketmq/otel"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber"
)

// telemetry is a way of being observed.
type telemetry struct {
	name    string
	options []otelrocketmq.Option // nil for hooks that there are not
}

func telemetries() []telemetry {
	with := func(name string, sampler sdktrace.Sampler) telemetry {
		provider := sdktrace.NewTracerProvider(sdktrace.WithSampler(sampler), sdktrace.WithSyncer(tracetest.NewNoopExporter()))
		meters := sdkmetric.NewMeterProvider(sdkmetric.WithReader(sdkmetric.NewManualReader()))
		return telemetry{name, []otelrocketmq.Option{otelrocketmq.WithTracerProvider(provider), otelrocketmq.WithMeterProvider(meters)}}
	}
	return []telemetry{
		{name: "without"},
		{name: "no SDK", options: []otelrocketmq.Option{}},
		with("never sampled", sdktrace.NeverSample()),
		with("always sampled", sdktrace.AlwaysSample()),
	}
}

// hooks returns those of a publisher and of a subscriber.
func (t telemetry) hooks() ([]publisher.Hooks, []subscriber.Hooks) {
	if t.options == nil {
		return nil, nil
	}
	var ofPublisher []otelrocketmq.PublisherOption
	var ofSubscriber []otelrocketmq.SubscriberOption
	for _, o := range t.options {
		ofPublisher, ofSubscriber = append(ofPublisher, o), append(ofSubscriber, o)
	}
	return []publisher.Hooks{otelrocketmq.PublisherHooks(ofPublisher...)}, []subscriber.Hooks{otelrocketmq.SubscriberHooks(ofSubscriber...)}
}

// BenchmarkPublish is what a message costs on its way to an embedded broker, by how it is
// observed. "without" has no hooks.
func BenchmarkPublish(b *testing.B) {
	for _, how := range telemetries() {
		b.Run(how.name, func(b *testing.B) {
			w := newWorld(b)
			hooks, _ := how.hooks()
			p := w.publisher(b, func(c *publisher.Config) { c.Hooks = hooks })
			messages := []*message.Message{newMessage("0123456789")}
			require.NoError(b, p.Publish("orders", messages...))
			b.ReportAllocs()
			for b.Loop() {
				if err := p.Publish("orders", messages...); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkHooks is what the hooks cost alone, for one message that is published in a request
// of its own and for one that is delivered.
func BenchmarkHooks(b *testing.B) {
	for _, how := range telemetries()[1:] {
		ofPublisher, ofSubscriber := how.hooks()
		p, s := ofPublisher[0], ofSubscriber[0]
		msg := newMessage("0123456789")
		b.Run("publish/"+how.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				ctx := p.PublishStart(context.Background(), &publisher.PublishEvent{Topic: "orders", RocketMQTopic: "orders", Message: msg})
				attempt := publisher.AttemptEvent{Topic: "orders", RocketMQTopic: "orders", Messages: []publisher.AttemptMessage{{Context: ctx, UUID: msg.UUID}}}
				p.AttemptEnd(p.AttemptStart(ctx, attempt), attempt)
				p.PublishEnd(ctx, publisher.Result{Topic: "orders", UUID: msg.UUID, Outcome: publisher.Stored, Attempts: 1})
			}
		})
		b.Run("process/"+how.name, func(b *testing.B) {
			b.ReportAllocs()
			e := subscriber.MessageEvent{Topic: "orders", RocketMQTopic: "orders", SubscribedTopic: "orders", Group: "billing", Broker: "broker-a"}
			for b.Loop() {
				ctx := s.DeliveryStart(context.Background(), msg, e)
				s.Received(ctx, e)
				s.Acked(ctx, e)
			}
		})
	}
}
