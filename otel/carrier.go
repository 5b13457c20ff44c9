package otelrocketmq

import (
	"context"

	"github.com/ThreeDotsLabs/watermill/message"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
)

// outgoing writes a context into the properties of a message that is to be published.
type outgoing struct {
	event *publisher.PublishEvent
	err   error // the last refusal
}

var _ propagation.TextMapCarrier = (*outgoing)(nil)

// Set has the message sent with the property.
func (o *outgoing) Set(name, value string) {
	if err := o.event.SetProperty(name, value); err != nil {
		o.err = err
	}
}

// Get and Keys tell nothing: whoever writes does not read.
func (*outgoing) Get(string) string { return "" }
func (*outgoing) Keys() []string    { return nil }

// extract returns ctx with what the metadata of a message brings along, and the creation
// context of the message, which is not valid if there is none. The span of ctx is the
// message's then.
func extract(ctx context.Context, p propagation.TextMapPropagator, metadata message.Metadata) (context.Context, trace.SpanContext) {
	if len(metadata) == 0 {
		return ctx, trace.SpanContext{}
	}
	extracted := p.Extract(ctx, propagation.MapCarrier(metadata))
	creation := trace.SpanContextFromContext(extracted)
	if !creation.IsRemote() || creation.Equal(trace.SpanContextFromContext(ctx)) {
		return extracted, trace.SpanContext{}
	}
	return extracted, creation
}
