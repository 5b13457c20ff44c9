package otelrocketmq

import (
	"context"
	"net/netip"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber"
)

// SubscriberHooks returns hooks for subscriber.Config.Hooks that make the spans and metrics
// of a subscriber. They may be given to several subscribers. See the package for what they
// make.
func SubscriberHooks(options ...SubscriberOption) subscriber.Hooks {
	var c config
	for _, o := range options {
		o.applyToSubscriber(&c)
	}
	c.complete()
	s := &consumer{
		tracer: c.tracer(), propagator: c.propagator, messageAsParent: c.messageAsParent,
		instruments: newConsumerInstruments(c.meter()),
	}
	return subscriber.Hooks{
		DeliveryStart:    s.deliveryStart,
		Received:         s.received,
		Acked:            s.acked,
		Nacked:           s.nacked,
		Released:         s.released,
		LeaseLost:        s.leaseLost,
		DeadLettered:     s.deadLettered,
		DeadLetterFailed: s.deadLetterFailed,
	}
}

// consumer makes the spans and metrics of subscribers. Contexts have it as the key of what
// it has put into them, so that those of others are not mistaken for it.
type consumer struct {
	tracer          trace.Tracer
	propagator      propagation.TextMapPropagator
	messageAsParent bool
	instruments     consumerInstruments

	spans    cache[origin, spanStart]
	measures cache[consumerMeasure, measurement]
}

// origin is where messages come from: what the attributes of a span depend on that are given
// when it starts.
type origin struct {
	topic, namespace, group, broker string
	queue                           int32
	addr                            netip.AddrPort
}

func originOf(e *subscriber.MessageEvent) origin {
	return origin{
		topic: destination(e.SubscribedTopic, e.Namespace, e.Topic), namespace: e.Namespace, group: e.Group,
		broker: e.Broker, queue: e.QueueID, addr: e.BrokerAddr,
	}
}

func newConsumerSpan(from origin) spanStart {
	return spanStart{
		name: operationProcess + " " + from.topic,
		options: []trace.SpanStartOption{
			trace.WithSpanKind(trace.SpanKindConsumer),
			trace.WithAttributes(from.attributes(operationProcess, semconv.MessagingOperationTypeProcess)...),
		},
	}
}

func (from origin) attributes(operation string, kind attribute.KeyValue) []attribute.KeyValue {
	list := append(common(operation, kind, from.topic, from.namespace), partition(from.broker, from.queue))
	if from.group == "" {
		list = append(list, semconv.MessagingRocketMQConsumptionModelBroadcasting)
	} else {
		list = append(list, semconv.MessagingRocketMQConsumptionModelClustering, semconv.MessagingConsumerGroupName(from.group))
	}
	return withServer(list, addrText(from.addr))
}

// addrText returns host:port, nothing for an address that is not known.
func addrText(addr netip.AddrPort) string {
	if !addr.IsValid() || addr.Port() == 0 {
		return ""
	}
	return addr.String()
}

// consumerMeasure is what the attributes of a metric depend on.
type consumerMeasure struct {
	operation, topic, group, errorType string
	addr                               netip.AddrPort
}

func newConsumerMeasurement(key consumerMeasure) measurement {
	list := []attribute.KeyValue{
		semconv.MessagingSystemRocketMQ,
		semconv.MessagingOperationName(key.operation),
		semconv.MessagingDestinationName(key.topic),
	}
	if key.group != "" {
		list = append(list, semconv.MessagingConsumerGroupName(key.group))
	}
	list = withServer(list, addrText(key.addr))
	if key.errorType != "" {
		list = append(list, errorType(key.errorType))
	}
	if key.operation == operationDeadLetter {
		return newMeasurement(list, semconv.MessagingOperationTypeSettle)
	}
	return newMeasurement(list) // the duration of a process has no type
}

// delivery is a message between DeliveryStart and its end, and until it is a dead letter.
type delivery struct {
	from     origin
	creation trace.SpanContext
	span     deliverySpan
	// settling is when the last step towards the dead letters began, in Unix nanoseconds.
	settling atomic.Int64
}

func (s *consumer) deliveryOf(ctx context.Context) *delivery {
	d, _ := ctx.Value(s).(*delivery)
	return d
}

// deliveryStart puts the span of the delivery into the message's context.
func (s *consumer) deliveryStart(ctx context.Context, msg *message.Message, e subscriber.MessageEvent) context.Context {
	extracted, creation := extract(ctx, s.propagator, msg.Metadata)
	ambient := trace.SpanFromContext(ctx)
	d := &delivery{from: originOf(&e), creation: creation}
	correlation, deliveries := msg.Metadata[correlationID], e.Deliveries
	uuid := msg.UUID
	d.span.begin = func() trace.Span {
		parent := extracted // with its baggage
		var links []trace.Link
		if creation.IsValid() {
			links = append(links, trace.Link{SpanContext: creation})
		}
		switch {
		case !s.messageAsParent || !creation.IsValid():
			parent = trace.ContextWithSpan(extracted, ambient)
		case ambient.SpanContext().IsValid():
			links = append(links, trace.Link{SpanContext: ambient.SpanContext()})
		}
		start := s.spans.get(d.from, newConsumerSpan)
		options := start.options
		if links != nil {
			options = append(options[:len(options):len(options)], trace.WithLinks(links...))
		}
		_, span := s.tracer.Start(parent, start.name, options...)
		if span.IsRecording() {
			list := []attribute.KeyValue{keyUUID.String(uuid), keyDeliveries.Int(deliveries)}
			if e.Topic != d.from.topic {
				list = append(list, keyTopic.String(e.Topic))
			}
			if correlation != "" {
				list = append(list, semconv.MessagingMessageConversationID(correlation))
			}
			if info, ok := subscriber.InfoFromContext(ctx); ok {
				list = appendInfo(list, &info)
			}
			span.SetAttributes(list...)
		}
		return span
	}
	return context.WithValue(trace.ContextWithSpan(extracted, &d.span), s, d)
}

// appendInfo appends what RocketMQ knows of a message.
func appendInfo(list []attribute.KeyValue, info *subscriber.Info) []attribute.KeyValue {
	list = append(list, semconv.MessagingMessageID(info.MessageID), keyQueueOffset.Int64(info.QueueOffset))
	if len(info.Keys) > 0 {
		list = append(list, semconv.MessagingRocketMQMessageKeys(info.Keys...))
	}
	if info.Tag != "" {
		list = append(list, semconv.MessagingRocketMQMessageTag(info.Tag))
	}
	kind := semconv.MessagingRocketMQMessageTypeNormal
	for _, property := range info.Properties {
		switch property.Name {
		case headers.PropertyShardingKey:
			kind = semconv.MessagingRocketMQMessageTypeFifo
			list = append(list, semconv.MessagingRocketMQMessageGroup(property.Value))
		case headers.PropertyTransaction, headers.PropertyProducerGroup:
			kind = semconv.MessagingRocketMQMessageTypeTransaction
		case headers.PropertyTimerDeliverMS:
			kind = semconv.MessagingRocketMQMessageTypeDelay
			if at, err := strconv.Atoi(property.Value); err == nil {
				list = append(list, semconv.MessagingRocketMQMessageDeliveryTimestamp(at))
			}
		}
	}
	return append(list, kind)
}

// received begins the span.
func (s *consumer) received(ctx context.Context, _ subscriber.MessageEvent) {
	if d := s.deliveryOf(ctx); d != nil {
		d.span.real()
	}
}

func (s *consumer) acked(ctx context.Context, e subscriber.MessageEvent) {
	if d := s.deliveryOf(ctx); d != nil {
		s.end(ctx, d, &e, "", "")
	}
}

func (s *consumer) nacked(ctx context.Context, e subscriber.NackEvent) {
	d := s.deliveryOf(ctx)
	if d == nil {
		return
	}
	d.settling.Store(time.Now().UnixNano())
	failure, text := deliveryErrorType(context.Cause(ctx), typeNack), ""
	if err := d.span.failure.Load(); err != nil {
		failure, text = goType(*err), (*err).Error()
	}
	if d.span.IsRecording() {
		d.span.SetAttributes(keyPause.Float64(e.Pause.Seconds()), keyLast.Bool(e.Last))
	}
	s.end(ctx, d, &e.MessageEvent, failure, text)
}

func (s *consumer) released(ctx context.Context, e subscriber.MessageEvent) {
	if d := s.deliveryOf(ctx); d != nil && !d.span.abandon() {
		s.end(ctx, d, &e, deliveryErrorType(context.Cause(ctx), typeReleased), "")
	}
}

// end ends the span of a delivery, and counts it.
func (s *consumer) end(ctx context.Context, d *delivery, e *subscriber.MessageEvent, failure, text string) {
	m := s.measures.get(consumerMeasure{operationProcess, d.from.topic, d.from.group, failure, d.from.addr}, newConsumerMeasurement)
	s.instruments.consumed.Add(ctx, 1, m.add...)
	s.instruments.process.Record(ctx, e.Took.Seconds(), m.record...)
	span := d.span.real()
	if failure != "" && span.IsRecording() {
		span.SetAttributes(errorType(failure))
		span.SetStatus(codes.Error, text)
	}
	span.End()
}

func (s *consumer) leaseLost(ctx context.Context, e subscriber.MessageEvent) {
	if d := s.deliveryOf(ctx); d != nil && d.span.IsRecording() {
		d.span.AddEvent("lease lost", trace.WithAttributes(errorType(deliveryErrorType(e.Err, typeReleased))))
	}
}

func (s *consumer) deadLettered(ctx context.Context, e subscriber.MessageEvent) {
	s.settle(ctx, &e, nil)
}

func (s *consumer) deadLetterFailed(ctx context.Context, e subscriber.MessageEvent) {
	s.settle(ctx, &e, e.Err)
}

// settle makes the span of a try to put a message into the dead letters: a child of the
// delivery's, linked to the message's creation context. A message that could not be read has
// had no delivery.
func (s *consumer) settle(ctx context.Context, e *subscriber.MessageEvent, err error) {
	now := time.Now()
	began, from, creation := now, originOf(e), trace.SpanContext{}
	if d := s.deliveryOf(ctx); d != nil {
		from, creation = d.from, d.creation
		if last := d.settling.Swap(now.UnixNano()); last != 0 {
			began = time.Unix(0, last)
		}
	} else if info, ok := subscriber.InfoFromContext(ctx); ok {
		_, creation = extract(ctx, s.propagator, propertiesOf(&info))
	}
	failure := ""
	if err != nil {
		failure = publishErrorType(err)
	}
	m := s.measures.get(consumerMeasure{operationDeadLetter, from.topic, from.group, failure, from.addr}, newConsumerMeasurement)
	s.instruments.duration.Record(ctx, now.Sub(began).Seconds(), m.record...)
	options := []trace.SpanStartOption{
		trace.WithSpanKind(trace.SpanKindClient), trace.WithTimestamp(began),
		trace.WithAttributes(from.attributes(operationDeadLetter, semconv.MessagingOperationTypeSettle)...),
	}
	if creation.IsValid() {
		options = append(options, trace.WithLinks(trace.Link{SpanContext: creation}))
	}
	_, span := s.tracer.Start(ctx, operationDeadLetter+" "+from.topic, options...)
	if err != nil && span.IsRecording() {
		span.SetAttributes(errorType(failure))
		span.SetStatus(codes.Error, err.Error())
	}
	span.End(trace.WithTimestamp(now))
}

// propertiesOf returns the properties of a message like metadata.
func propertiesOf(info *subscriber.Info) message.Metadata {
	properties := make(message.Metadata, len(info.Properties))
	for _, property := range info.Properties {
		properties[property.Name] = property.Value
	}
	return properties
}
