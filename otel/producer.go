package otelrocketmq

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill/components/delay"
	"github.com/ThreeDotsLabs/watermill/message"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/propagation"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/watermill-rocketmq/watermill-rocketmq/marshaler"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
)

// PublisherHooks returns hooks for publisher.Config.Hooks that make the spans and metrics of
// a publisher. They may be given to several publishers. See the package for what they make.
func PublisherHooks(options ...PublisherOption) publisher.Hooks {
	var c config
	for _, o := range options {
		o.applyToPublisher(&c)
	}
	c.complete()
	p := &producer{
		tracer: c.tracer(), propagator: c.propagator, instruments: newProducerInstruments(c.meter()),
	}
	return publisher.Hooks{
		PublishStart: p.publishStart,
		PublishEnd:   p.publishEnd,
		AttemptStart: p.attemptStart,
		AttemptEnd:   p.attemptEnd,
		Retry:        p.retry,
	}
}

// producer makes the spans and metrics of publishers. Contexts have it as the key of what
// it has put into them, so that those of others are not mistaken for it.
type producer struct {
	tracer      trace.Tracer
	propagator  propagation.TextMapPropagator
	instruments producerInstruments

	spans    cache[spanKey, spanStart]
	measures cache[producerMeasure, measurement]
	refusal  sync.Once
}

// spanKey is what the attributes of a span depend on that are given when it starts.
type spanKey struct {
	operation, topic, namespace string
}

// spanStart is how a span is started.
type spanStart struct {
	name    string
	options []trace.SpanStartOption
}

func newProducerSpan(key spanKey) spanStart {
	kind := trace.SpanKindProducer
	if key.operation == operationAttempt {
		kind = trace.SpanKindClient
	}
	return spanStart{
		name: key.operation + " " + key.topic,
		options: []trace.SpanStartOption{
			trace.WithSpanKind(kind),
			trace.WithAttributes(common(key.operation, semconv.MessagingOperationTypeSend, key.topic, key.namespace)...),
		},
	}
}

// producerMeasure is what the attributes of a metric depend on.
type producerMeasure struct {
	operation, topic, addr, errorType string
}

// measurement is the attributes of metrics: of a counter, and of a histogram of durations.
type measurement struct {
	add    []metric.AddOption
	record []metric.RecordOption
}

// newMeasurement makes them of those that both have and those of the histogram alone.
func newMeasurement(both []attribute.KeyValue, timed ...attribute.KeyValue) measurement {
	// NewSet sorts what it gets.
	counted, recorded := attribute.NewSet(slices.Clone(both)...), attribute.NewSet(slices.Concat(both, timed)...)
	return measurement{
		add:    []metric.AddOption{metric.WithAttributeSet(counted)},
		record: []metric.RecordOption{metric.WithAttributeSet(recorded)},
	}
}

func newProducerMeasurement(key producerMeasure) measurement {
	list := []attribute.KeyValue{
		semconv.MessagingSystemRocketMQ,
		semconv.MessagingOperationName(key.operation),
		semconv.MessagingDestinationName(key.topic),
	}
	list = withServer(list, key.addr)
	if key.errorType != "" {
		list = append(list, errorType(key.errorType))
	}
	return newMeasurement(list, semconv.MessagingOperationTypeSend)
}

// sending is a message between PublishStart and PublishEnd.
type sending struct {
	topic, namespace string
	span             trace.Span
}

func (p *producer) sendingOf(ctx context.Context) *sending {
	s, _ := ctx.Value(p).(*sending)
	return s
}

// publishStart begins the span of a message, and has its context sent along.
func (p *producer) publishStart(ctx context.Context, e *publisher.PublishEvent) context.Context {
	s := &sending{topic: destination(e.RocketMQTopic, e.Namespace, e.Topic), namespace: e.Namespace}
	from := ctx
	if !trace.SpanContextFromContext(ctx).IsValid() {
		// A message from elsewhere, such as a table of an outbox: its trace goes on.
		from, _ = extract(ctx, p.propagator, e.Message.Metadata)
	}
	start := p.spans.get(spanKey{operationSend, s.topic, s.namespace}, newProducerSpan)
	ctx, s.span = p.tracer.Start(from, start.name, start.options...)
	if s.span.IsRecording() {
		s.span.SetAttributes(messageAttributes(e)...)
	}
	carrier := &outgoing{event: e}
	p.propagator.Inject(ctx, carrier)
	if carrier.err != nil {
		p.refusal.Do(func() { report(carrier.err) })
	}
	return context.WithValue(ctx, p, s)
}

// messageAttributes tells what is known of a message before it is sent.
func messageAttributes(e *publisher.PublishEvent) []attribute.KeyValue {
	metadata := e.Message.Metadata
	list := []attribute.KeyValue{
		keyUUID.String(e.Message.UUID),
		semconv.MessagingRocketMQMessageKeys(keysOf(e.Message)...),
	}
	if e.Topic != destination(e.RocketMQTopic, e.Namespace, e.Topic) {
		list = append(list, keyTopic.String(e.Topic))
	}
	if tag := metadata[marshaler.MetadataTag]; tag != "" {
		list = append(list, semconv.MessagingRocketMQMessageTag(tag))
	}
	if id := e.Message.Metadata[correlationID]; id != "" {
		list = append(list, semconv.MessagingMessageConversationID(id))
	}
	if e.Transaction {
		return append(list, semconv.MessagingRocketMQMessageTypeTransaction)
	}
	if until, err := time.Parse(time.RFC3339, metadata[delay.DelayedUntilKey]); err == nil && until.After(time.Now()) {
		list = append(list,
			semconv.MessagingRocketMQMessageTypeDelay,
			semconv.MessagingRocketMQMessageDeliveryTimestamp(int(until.UnixMilli())))
	}
	return list
}

// keysOf returns the search keys of a message: its UUID, and others.
func keysOf(msg *message.Message) []string {
	keys := strings.Fields(msg.Metadata[marshaler.MetadataKeys])
	if msg.UUID == "" {
		return keys
	}
	return append([]string{msg.UUID}, keys...)
}

// publishEnd ends the span of a message, and counts it.
func (p *producer) publishEnd(ctx context.Context, r publisher.Result) {
	s := p.sendingOf(ctx)
	if s == nil {
		return
	}
	failure := publishErrorType(r.Err)
	m := p.measures.get(producerMeasure{operationSend, s.topic, lastAddr(&r), failure}, newProducerMeasurement)
	if r.Attempts > 0 {
		p.instruments.sent.Add(ctx, 1, m.add...)
	}
	p.instruments.duration.Record(ctx, r.Took.Seconds(), m.record...)
	if s.span.IsRecording() {
		s.span.SetAttributes(resultAttributes(&r, failure)...)
		if r.Err != nil {
			s.span.SetStatus(codes.Error, r.Err.Error())
		}
	}
	s.span.End()
}

// lastAddr returns where the message went last.
func lastAddr(r *publisher.Result) string {
	if r.BrokerAddr == "" && len(r.Failed) > 0 {
		return r.Failed[len(r.Failed)-1].Addr
	}
	return r.BrokerAddr
}

func resultAttributes(r *publisher.Result, failure string) []attribute.KeyValue {
	list := []attribute.KeyValue{keyAttempts.Int(r.Attempts)}
	if r.MessageID != "" {
		list = append(list, semconv.MessagingMessageID(r.MessageID))
	}
	if r.MessageQueue.BrokerName != "" {
		list = append(list, partition(r.MessageQueue.BrokerName, r.MessageQueue.QueueID))
	}
	list = withServer(list, lastAddr(r))
	if r.Outcome == publisher.Stored {
		list = append(list, keyQueueOffset.Int64(r.QueueOffset))
	}
	if failure != "" {
		list = append(list, errorType(failure), keyOutcome.String(r.Outcome.String()))
	}
	return list
}

// attempt is a request between AttemptStart and AttemptEnd.
type attempt struct {
	topic string
	span  trace.Span
}

// attemptKey is the key of an attempt in a context. Messages have the producer.
type attemptKey struct{ p *producer }

// attemptStart begins the span of a request. It is a child of its first message that is
// sampled, and linked to all that are.
func (p *producer) attemptStart(ctx context.Context, e publisher.AttemptEvent) context.Context {
	a := &attempt{topic: destination(e.RocketMQTopic, "", e.Topic)}
	namespace := ""
	parent := ctx
	var links []trace.Link
	for _, m := range e.Messages {
		s := p.sendingOf(m.Context)
		if s == nil {
			continue
		}
		a.topic, namespace = s.topic, s.namespace
		of := s.span.SpanContext()
		if !of.IsSampled() {
			continue
		}
		if links == nil {
			parent = m.Context
			links = make([]trace.Link, 0, len(e.Messages))
		}
		links = append(links, trace.Link{SpanContext: of, Attributes: []attribute.KeyValue{keyUUID.String(m.UUID)}})
	}
	start := p.spans.get(spanKey{operationAttempt, a.topic, namespace}, newProducerSpan)
	options := start.options
	if links != nil {
		options = append(options[:len(options):len(options)], trace.WithLinks(links...))
	}
	_, a.span = p.tracer.Start(parent, start.name, options...)
	if a.span.IsRecording() {
		list := []attribute.KeyValue{keyTry.Int(e.Try)}
		if len(e.Messages) > 1 {
			list = append(list, semconv.MessagingBatchMessageCount(len(e.Messages)))
		}
		if queue := e.Attempt.MessageQueue; queue.BrokerName != "" {
			list = append(list, partition(queue.BrokerName, queue.QueueID))
		}
		a.span.SetAttributes(list...)
	}
	return context.WithValue(trace.ContextWithSpan(ctx, a.span), attemptKey{p}, a)
}

// attemptEnd ends the span of a request.
func (p *producer) attemptEnd(ctx context.Context, e publisher.AttemptEvent) {
	a, ok := ctx.Value(attemptKey{p}).(*attempt)
	if !ok {
		return
	}
	failure := publishErrorType(e.Attempt.Err)
	m := p.measures.get(producerMeasure{operationAttempt, a.topic, e.Attempt.Addr, failure}, newProducerMeasurement)
	p.instruments.duration.Record(ctx, e.Attempt.Took.Seconds(), m.record...)
	if a.span.IsRecording() {
		list := withServer(nil, e.Attempt.Addr)
		if e.Status != publisher.StatusNone {
			list = append(list, keySendResult.String(e.Status.String()))
		}
		if failure != "" {
			list = append(list, errorType(failure), keyOutcome.String(e.Attempt.Outcome.String()))
			a.span.SetStatus(codes.Error, e.Attempt.Err.Error())
		}
		a.span.SetAttributes(list...)
	}
	a.span.End()
}

// retry notes in the spans of messages that they are sent again.
func (p *producer) retry(_ context.Context, e publisher.RetryEvent) {
	for _, m := range e.Messages {
		if s := p.sendingOf(m.Context); s != nil && s.span.IsRecording() {
			s.span.AddEvent("retry", trace.WithAttributes(
				keyAttempts.Int(e.Failed), keyPause.Float64(e.Pause.Seconds()), errorType(publishErrorType(e.Err))))
		}
	}
}
