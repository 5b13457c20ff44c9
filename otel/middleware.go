package otelrocketmq

import (
	"github.com/ThreeDotsLabs/watermill/message"
	"go.opentelemetry.io/otel/baggage"
	"go.opentelemetry.io/otel/trace"
)

// Middleware is for routers: router.AddMiddleware(otelrocketmq.Middleware), before all
// others. A router does not give the context of a message to the messages that its handler
// returns. Middleware does with the span and the baggage, unless a message has a span of its
// own, so that they are published in the trace of the message they were made of. It also
// records the error of a handler in the span, and has it be the span's error.type in place of
// "nack".
func Middleware(h message.HandlerFunc) message.HandlerFunc {
	return func(msg *message.Message) ([]*message.Message, error) {
		ctx := msg.Context()
		span := trace.SpanFromContext(ctx)
		produced, err := h(msg)
		if err != nil {
			fail(span, err)
		}
		for _, p := range produced {
			if p == nil || trace.SpanContextFromContext(p.Context()).IsValid() {
				continue
			}
			own := trace.ContextWithSpan(p.Context(), span)
			if baggage.FromContext(own).Len() == 0 {
				own = baggage.ContextWithBaggage(own, baggage.FromContext(ctx))
			}
			p.SetContext(own)
		}
		return produced, err
	}
}

// fail notes what a handler has returned.
func fail(span trace.Span, err error) {
	if d, ok := span.(*deliverySpan); ok {
		d.failure.Store(&err)
	}
	span.RecordError(err)
}
