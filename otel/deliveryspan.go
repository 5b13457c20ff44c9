package otelrocketmq

import (
	"sync"
	"sync/atomic"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"
)

// deliverySpan is the span of a delivery, which begins when the message is received, or
// when its handler first asks for it. Before, the message waits for a receiver, perhaps for
// long, and may go back without one: the conventions want no span for that. The message's
// context has to have it all the same. It is safe for concurrent use.
type deliverySpan struct {
	noop.Span // for methods that later versions of the interface have

	begin func() trace.Span

	once sync.Once
	span trace.Span

	// failure is what the handler has returned, as far as Middleware has seen it.
	failure atomic.Pointer[error]
}

var _ trace.Span = (*deliverySpan)(nil)

// real returns the span, which begins now if it has not.
func (s *deliverySpan) real() trace.Span {
	s.once.Do(func() { s.span = s.begin() })
	return s.span
}

// abandon ends the wait. It reports whether the span has never begun, and never will.
func (s *deliverySpan) abandon() bool {
	abandoned := false
	s.once.Do(func() { s.span, abandoned = noop.Span{}, true })
	return abandoned
}

// End ends the span.
func (s *deliverySpan) End(options ...trace.SpanEndOption) { s.real().End(options...) }

// AddEvent adds an event.
func (s *deliverySpan) AddEvent(name string, options ...trace.EventOption) {
	s.real().AddEvent(name, options...)
}

// AddLink adds a link.
func (s *deliverySpan) AddLink(link trace.Link) { s.real().AddLink(link) }

// IsRecording reports whether the span keeps what it is told.
func (s *deliverySpan) IsRecording() bool { return s.real().IsRecording() }

// RecordError adds an error.
func (s *deliverySpan) RecordError(err error, options ...trace.EventOption) {
	s.real().RecordError(err, options...)
}

// SpanContext is what spans in other places refer to it by.
func (s *deliverySpan) SpanContext() trace.SpanContext { return s.real().SpanContext() }

// SetStatus sets the status.
func (s *deliverySpan) SetStatus(code codes.Code, description string) {
	s.real().SetStatus(code, description)
}

// SetName sets the name.
func (s *deliverySpan) SetName(name string) { s.real().SetName(name) }

// SetAttributes sets attributes.
func (s *deliverySpan) SetAttributes(list ...attribute.KeyValue) { s.real().SetAttributes(list...) }

// TracerProvider is where the span is from.
func (s *deliverySpan) TracerProvider() trace.TracerProvider { return s.real().TracerProvider() }
