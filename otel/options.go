package otelrocketmq

import (
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// Option is for publishers and subscribers.
type Option interface {
	PublisherOption
	SubscriberOption
}

// PublisherOption is for PublisherHooks.
type PublisherOption interface{ applyToPublisher(c *config) }

// SubscriberOption is for SubscriberHooks.
type SubscriberOption interface{ applyToSubscriber(c *config) }

// config is what options set.
type config struct {
	tracers         trace.TracerProvider
	meters          metric.MeterProvider
	propagator      propagation.TextMapPropagator
	messageAsParent bool
}

type option func(c *config)

func (o option) applyToPublisher(c *config)  { o(c) }
func (o option) applyToSubscriber(c *config) { o(c) }

type subscriberOption func(c *config)

func (o subscriberOption) applyToSubscriber(c *config) { o(c) }

// WithTracerProvider has spans made by a provider of your own, in place of the global one.
// Nil does nothing.
func WithTracerProvider(provider trace.TracerProvider) Option {
	return option(func(c *config) {
		if provider != nil {
			c.tracers = provider
		}
	})
}

// WithMeterProvider has metrics recorded by a provider of your own, in place of the global
// one. Nil does nothing.
func WithMeterProvider(provider metric.MeterProvider) Option {
	return option(func(c *config) {
		if provider != nil {
			c.meters = provider
		}
	})
}

// WithPropagator says how a context is written into the properties of a message, and read
// from its metadata. By default it is the global propagator if the program has set one
// before the hooks are made, and else W3C Trace Context with Baggage, which the
// OpenTelemetry agent for Java has by default as well. Nil does nothing.
//
// The names of its fields must be free for metadata, see publisher.PublishEvent.SetProperty.
func WithPropagator(propagator propagation.TextMapPropagator) Option {
	return option(func(c *config) {
		if propagator != nil {
			c.propagator = propagator
		}
	})
}

// WithMessageAsParent makes the span of a delivery a child of the message's creation
// context, so that it is in the trace of the producer. It links to that all the same, and to
// the span of the context of Subscribe if there is one. By default it only links to the
// creation context, and begins a trace of its own unless the context of Subscribe has a span.
//
// A message that is delivered again, or to many groups, has all its deliveries in one trace
// then.
func WithMessageAsParent() SubscriberOption {
	return subscriberOption(func(c *config) { c.messageAsParent = true })
}

// complete fills in what no option has set.
func (c *config) complete() {
	if c.tracers == nil {
		c.tracers = otel.GetTracerProvider()
	}
	if c.meters == nil {
		c.meters = otel.GetMeterProvider()
	}
	if c.propagator == nil {
		c.propagator = otel.GetTextMapPropagator()
		if len(c.propagator.Fields()) == 0 {
			c.propagator = propagation.NewCompositeTextMapPropagator(propagation.TraceContext{}, propagation.Baggage{})
		}
	}
}
