package otelrocketmq_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/baggage"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/marshaler"
	otelrocketmq "github.com/watermill-rocketmq/watermill-rocketmq/otel"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber"
)

// A delivery has a span of kind CONSUMER, which links to that of the message, and which the
// handler finds in the message's context.
func TestProcess(t *testing.T) {
	w := newWorld(t)
	require.NoError(t, w.publisher(t).Publish("orders", newMessage("1")))
	msg := next(t, subscribe(t, w.subscriber(t, w.subscriberHooks()), "orders"))
	_, child := w.tracers.Tracer("test").Start(msg.Context(), "child")
	child.End()
	msg.Ack()

	send, process, inner := w.await(t, "send orders", 1)[0], w.await(t, "process orders", 1)[0], w.await(t, "child", 1)[0]
	require.Equal(t, trace.SpanKindConsumer, process.SpanKind())
	require.False(t, process.Parent().IsValid())
	require.NotEqual(t, send.traceID(), process.traceID())
	require.Equal(t, []trace.SpanID{send.id()}, process.linked())
	require.Equal(t, send.traceID(), process.Links()[0].SpanContext.TraceID())
	require.Equal(t, process.id(), inner.Parent().SpanID())
	require.Equal(t, codes.Unset, process.Status().Code)
	process.requireAttributes(t, map[string]string{
		"messaging.system": "rocketmq", "messaging.operation.name": "process", "messaging.operation.type": "process",
		"messaging.destination.name": "orders", "messaging.destination.partition.id": "broker-a/0",
		"messaging.consumer.group.name": "billing", "messaging.rocketmq.consumption_model": "clustering",
		"messaging.rocketmq.message.type": "normal", "messaging.rocketmq.message.keys": `["1"]`,
		"messaging.message.id": send.attributes()["messaging.message.id"], "server.address": send.attributes()["server.address"],
		"server.port": send.attributes()["server.port"], "watermill.message.uuid": "1", "watermill.rocketmq.deliveries": "1", "error.type": "",
	})
}

// The delivery is a child of the message on wish, and keeps its links.
func TestMessageAsParent(t *testing.T) {
	w := newWorld(t)
	p := w.publisher(t)
	require.NoError(t, p.Publish("orders", newMessage("1")))
	s := w.subscriber(t, w.subscriberHooks(otelrocketmq.WithMessageAsParent()))
	ctx, ambient := w.tracers.Tracer("test").Start(t.Context(), "program")
	messages, err := s.Subscribe(ctx, "orders")
	require.NoError(t, err)
	next(t, messages).Ack()
	send, process := w.await(t, "send orders", 1)[0], w.await(t, "process orders", 1)[0]
	require.Equal(t, send.id(), process.Parent().SpanID())
	require.Equal(t, send.traceID(), process.traceID())
	require.Equal(t, []trace.SpanID{send.id(), ambient.SpanContext().SpanID()}, process.linked())
}

// A span in the context of Subscribe is the parent, and no link of a message without one.
func TestAmbientSpan(t *testing.T) {
	for _, options := range [][]otelrocketmq.SubscriberOption{nil, {otelrocketmq.WithMessageAsParent()}} {
		t.Run(fmt.Sprint(len(options)), func(t *testing.T) {
			w := newWorld(t)
			require.NoError(t, w.publisher(t, plain).Publish("orders", newMessage("1")))
			ctx, ambient := w.tracers.Tracer("test").Start(t.Context(), "program")
			messages, err := w.subscriber(t, w.subscriberHooks(options...)).Subscribe(ctx, "orders")
			require.NoError(t, err)
			next(t, messages).Ack()
			process := w.await(t, "process orders", 1)[0]
			require.Equal(t, ambient.SpanContext().SpanID(), process.Parent().SpanID())
			require.Empty(t, process.Links())
		})
	}
}

// A message with an ordering key is of type fifo.
func TestOrdered(t *testing.T) {
	w := newWorld(t)
	p := w.publisher(t, func(c *publisher.Config) {
		c.OrderingKey = func(string, *message.Message) (string, error) { return "customer-7", nil }
	})
	require.NoError(t, p.Publish("orders", newMessage("1")))
	next(t, subscribe(t, w.subscriber(t, w.subscriberHooks()), "orders")).Ack()
	w.await(t, "process orders", 1)[0].requireAttributes(t, map[string]string{
		"messaging.rocketmq.message.type": "fifo", "messaging.rocketmq.message.group": "customer-7",
	})
}

// Without a group each subscriber gets all messages.
func TestBroadcasting(t *testing.T) {
	w := newWorld(t)
	require.NoError(t, w.publisher(t).Publish("orders", newMessage("1")))
	s := w.subscriber(t, w.subscriberHooks(), func(c *subscriber.Config) { c.Group, c.Engine = "", subscriber.Pull })
	next(t, subscribe(t, s, "orders")).Ack()
	process := w.await(t, "process orders", 1)[0]
	process.requireAttributes(t, map[string]string{"messaging.rocketmq.consumption_model": "broadcasting"})
	require.NotContains(t, process.attributes(), "messaging.consumer.group.name")
}

// A message that waits for a receiver has no span: it begins when the message is received,
// and a message that goes back without has none.
func TestWaitingIsNotProcessing(t *testing.T) {
	w := newWorld(t)
	started := make(chan string, 10)
	hooks := subscriber.Hooks{
		DeliveryStart: func(ctx context.Context, msg *message.Message, _ subscriber.MessageEvent) context.Context {
			started <- msg.UUID
			return ctx
		},
	}
	s := w.subscriber(t, w.subscriberHooks(), func(c *subscriber.Config) { c.Hooks = append(c.Hooks, hooks) })
	messages := subscribe(t, s, "orders")
	p := w.publisher(t)
	require.NoError(t, p.Publish("orders", newMessage("1")))
	first := next(t, messages)
	require.NoError(t, p.Publish("orders", newMessage("2")))
	require.Equal(t, []string{"1", "2"}, []string{<-started, <-started}, "the second waits")
	handled := time.Now()
	first.Ack()
	next(t, messages).Ack()
	all := w.await(t, "process orders", 2)
	require.False(t, all[1].StartTime().Before(handled))

	require.NoError(t, p.Publish("orders", newMessage("3")))
	require.Equal(t, "3", <-started)
	require.NoError(t, s.Close())
	require.Len(t, w.named("process orders"), 2)
	require.Len(t, w.spans.Ended(), len(w.spans.Started()))
	require.EqualValues(t, 2, w.count(t, "messaging.client.consumed.messages", nil))
}

// A handler that has not answered when the subscriber ends has a span that says so.
func TestReleased(t *testing.T) {
	w := newWorld(t)
	s := w.subscriber(t, w.subscriberHooks(), func(c *subscriber.Config) { c.CloseTimeout = 10 * time.Millisecond })
	messages := subscribe(t, s, "orders")
	require.NoError(t, w.publisher(t).Publish("orders", newMessage("1")))
	next(t, messages)
	_ = s.Close()
	process := w.await(t, "process orders", 1)[0]
	process.requireAttributes(t, map[string]string{"error.type": "released"})
	require.Equal(t, codes.Error, process.Status().Code)
}

// A handler that takes longer than MaxProcessing is a time-out.
func TestProcessingTime(t *testing.T) {
	w := newWorld(t)
	s := w.subscriber(t, w.subscriberHooks(), func(c *subscriber.Config) { c.MaxProcessing = 10 * time.Millisecond })
	messages := subscribe(t, s, "orders")
	require.NoError(t, w.publisher(t).Publish("orders", newMessage("1")))
	msg := next(t, messages)
	<-msg.Context().Done()
	require.Eventually(t, func() bool { return len(w.named("process orders")) > 0 }, patience, time.Millisecond)
	w.named("process orders")[0].requireAttributes(t, map[string]string{"error.type": "timeout"})
}

// stockError is what a handler of a test returns.
type stockError struct{}

func (*stockError) Error() string { return "out of stock" }

// Each delivery has a span of its own. The last nack is followed by the way to the dead
// letters.
func TestNackAndDeadLetter(t *testing.T) {
	w := newWorld(t)
	p := w.publisher(t)
	tries := 0
	s := w.subscriber(t, w.subscriberHooks(), func(c *subscriber.Config) {
		c.MaxDeliveries = 2
		to := subscriber.DeadLetterTo(p, "receipts")
		c.DeadLetter = func(ctx context.Context, letter subscriber.DeadLetter) error {
			if tries++; tries == 1 {
				return &stockError{}
			}
			return to(ctx, letter)
		}
	})
	messages := subscribe(t, s, "orders")
	require.NoError(t, p.Publish("orders", newMessage("1")))
	next(t, messages).Nack()
	next(t, messages).Nack()
	deliveries := w.await(t, "process orders", 2)
	send, letters := w.await(t, "send orders", 1)[0], w.await(t, "dead_letter orders", 2)
	for i, process := range deliveries {
		require.Equal(t, []trace.SpanID{send.id()}, process.linked())
		require.Equal(t, codes.Error, process.Status().Code)
		process.requireAttributes(t, map[string]string{
			"error.type": "nack", "watermill.rocketmq.deliveries": fmt.Sprint(i + 1), "watermill.rocketmq.last_delivery": fmt.Sprint(i == 1),
		})
	}
	for i, want := range []map[string]string{{"error.type": "*otelrocketmq_test.stockError"}, {"error.type": ""}} {
		require.Equal(t, trace.SpanKindClient, letters[i].SpanKind())
		require.Equal(t, deliveries[1].id(), letters[i].Parent().SpanID())
		require.Equal(t, []trace.SpanID{send.id()}, letters[i].linked())
		letters[i].requireAttributes(t, want)
		letters[i].requireAttributes(t, map[string]string{"messaging.operation.type": "settle", "messaging.operation.name": "dead_letter"})
	}
	require.False(t, letters[0].StartTime().Before(deliveries[1].StartTime()))
	require.False(t, letters[1].StartTime().Before(letters[0].EndTime()))
	require.EqualValues(t, 2, w.count(t, "messaging.client.consumed.messages", map[string]string{"error.type": "nack"}))
	require.EqualValues(t, 2, w.count(t, "messaging.client.operation.duration", map[string]string{"messaging.operation.name": "dead_letter"}))

	// What is published for it belongs to it.
	letter := w.await(t, "send receipts", 1)[0]
	require.Equal(t, deliveries[1].id(), letter.Parent().SpanID())
}

// A message that cannot be read has no delivery. Its way to the dead letters links to it.
func TestUnreadable(t *testing.T) {
	w := newWorld(t)
	s := w.subscriber(t, w.subscriberHooks(), func(c *subscriber.Config) {
		c.DeadLetter = func(context.Context, subscriber.DeadLetter) error { return nil }
		c.Unmarshaler = unreadable{}
	})
	subscribe(t, s, "orders")
	require.NoError(t, w.publisher(t).Publish("orders", newMessage("1")))
	send, letter := w.await(t, "send orders", 1)[0], w.await(t, "dead_letter orders", 1)[0]
	require.Equal(t, []trace.SpanID{send.id()}, letter.linked())
	require.Empty(t, w.named("process orders"))
}

type unreadable struct{ marshaler.Default }

func (unreadable) Unmarshal(string, marshaler.Message) (*message.Message, error) {
	return nil, errors.New("cannot read it")
}

// A pipeline through a router is one trace where deliveries are children, and else a chain of
// traces in which each links to the one before.
func TestPipeline(t *testing.T) {
	for name, options := range map[string][]otelrocketmq.SubscriberOption{
		"links": nil, "children": {otelrocketmq.WithMessageAsParent()},
	} {
		t.Run(name, func(t *testing.T) { testPipeline(t, newWorld(t), options...) })
	}
}

func testPipeline(t *testing.T, w *world, options ...otelrocketmq.SubscriberOption) {
	t.Helper()
	p := w.publisher(t)
	hooks := w.subscriberHooks(options...)
	router, err := message.NewRouter(message.RouterConfig{}, nil)
	require.NoError(t, err)
	router.AddMiddleware(otelrocketmq.Middleware)
	var failed atomic.Bool
	in := w.subscriber(t, hooks)
	router.AddHandler("receipts", "orders", in, "receipts", p, func(m *message.Message) ([]*message.Message, error) {
		if !failed.Swap(true) {
			return nil, fmt.Errorf("order %s: %w", m.UUID, &stockError{})
		}
		return []*message.Message{newMessage("r" + m.UUID)}, nil
	})
	done := make(chan error, 1)
	go func() { done <- router.Run(context.WithoutCancel(t.Context())) }()
	<-router.Running()
	out := subscribe(t, w.subscriber(t, hooks, func(c *subscriber.Config) { c.Group = "archive" }), "receipts")

	ctx, root := w.tracers.Tracer("test").Start(t.Context(), "request")
	member, err := baggage.NewMember("tenant", "seven")
	require.NoError(t, err)
	bag, err := baggage.New(member)
	require.NoError(t, err)
	first := newMessage("1")
	first.SetContext(baggage.ContextWithBaggage(ctx, bag))
	require.NoError(t, p.Publish("orders", first))
	root.End()
	last := next(t, out)
	require.Equal(t, "r1", last.UUID)
	require.Equal(t, "seven", baggage.FromContext(last.Context()).Member("tenant").Value())
	last.Ack()

	ordered, processed := w.await(t, "send orders", 1)[0], w.await(t, "process orders", 2)
	sent, archived := w.await(t, "send receipts", 1)[0], w.await(t, "process receipts", 1)[0]
	require.NoError(t, router.Close())
	require.NoError(t, <-done)
	processed[0].requireAttributes(t, map[string]string{"error.type": "*otelrocketmq_test.stockError"})
	require.Equal(t, "order 1: out of stock", processed[0].Status().Description)
	require.Contains(t, processed[0].events(), "exception")
	processed[1].requireAttributes(t, map[string]string{"error.type": ""})
	require.Equal(t, processed[1].id(), sent.Parent().SpanID())
	require.Equal(t, []trace.SpanID{ordered.id()}, processed[1].linked())
	require.Equal(t, []trace.SpanID{sent.id()}, archived.linked())
	traces := make(map[trace.TraceID]int)
	for _, s := range w.spans.Ended() {
		traces[s.SpanContext().TraceID()]++
	}
	if len(options) > 0 {
		require.Len(t, traces, 1)
		return
	}
	require.Len(t, traces, 4, "the request, two deliveries of its message, and that of the receipt")
}

// javaMarshaler makes messages as a Java producer with the OpenTelemetry agent does: with its
// own properties, none of Watermill's, and the context in traceparent and tracestate.
type javaMarshaler struct{ traceParent string }

func (m javaMarshaler) Marshal(_ string, msg *message.Message) (marshaler.Message, error) {
	return marshaler.Message{Body: msg.Payload, Properties: []headers.Property{
		{Name: "KEYS", Value: "order-7"},
		{Name: "TAGS", Value: "paid"},
		{Name: "WAIT", Value: "true"},
		{Name: "traceparent", Value: m.traceParent},
		{Name: "tracestate", Value: "vendor=x"},
	}}, nil
}

// A trace that a Java application has begun goes on here, and one that has begun here goes on
// there: the agent reads and writes W3C's names among the message's properties.
func TestJava(t *testing.T) {
	w := newWorld(t)
	java := w.publisher(t, plain, func(c *publisher.Config) {
		c.Marshaler = javaMarshaler{"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}
	})
	require.NoError(t, java.Publish("orders", newMessage("ignored")))
	messages := subscribe(t, w.subscriber(t, w.subscriberHooks(otelrocketmq.WithMessageAsParent())), "orders")
	msg := next(t, messages)
	answer := newMessage("2")
	answer.SetContext(msg.Context())
	require.NoError(t, w.publisher(t).Publish("receipts", answer))
	msg.Ack()
	process, send := w.await(t, "process orders", 1)[0], w.await(t, "send receipts", 1)[0]
	require.Equal(t, "0af7651916cd43dd8448eb211c80319c", process.traceID().String())
	require.Equal(t, "b7ad6b7169203331", process.Parent().SpanID().String())
	require.Equal(t, "vendor=x", process.SpanContext().TraceState().String())
	process.requireAttributes(t, map[string]string{"messaging.rocketmq.message.tag": "paid", "messaging.rocketmq.message.keys": `["order-7"]`})

	stored, err := w.cluster.Messages("receipts")
	require.NoError(t, err)
	there := trace.SpanContextFromContext(propagation.TraceContext{}.Extract(t.Context(), propagation.MapCarrier(stored[0].Properties)))
	require.Equal(t, send.SpanContext().TraceID(), there.TraceID())
	require.Equal(t, send.id(), there.SpanID())
	require.Equal(t, "vendor=x", there.TraceState().String())
	require.Equal(t, process.traceID(), there.TraceID())
}

// The metrics are those of the conventions, and their attributes none that differ for each
// message.
func TestMetrics(t *testing.T) {
	w := newWorld(t)
	require.NoError(t, w.publisher(t).Publish("orders", newMessage("1"), newMessage("2")))
	messages := subscribe(t, w.subscriber(t, w.subscriberHooks()), "orders")
	next(t, messages).Ack()
	next(t, messages).Ack()
	w.await(t, "process orders", 2)

	all := w.metrics(t)
	units := make(map[string]string)
	for name, m := range all {
		units[name] = m.Unit
	}
	require.Equal(t, map[string]string{
		"messaging.client.sent.messages": "{message}", "messaging.client.consumed.messages": "{message}",
		"messaging.client.operation.duration": "s", "messaging.process.duration": "s",
	}, units)
	for name, want := range map[string][]string{
		"messaging.client.sent.messages":      {"messaging.destination.name", "messaging.operation.name", "messaging.system", "server.address", "server.port"},
		"messaging.client.operation.duration": {"messaging.destination.name", "messaging.operation.name", "messaging.operation.type", "messaging.system", "server.address", "server.port"},
		"messaging.client.consumed.messages":  {"messaging.consumer.group.name", "messaging.destination.name", "messaging.operation.name", "messaging.system", "server.address", "server.port"},
		"messaging.process.duration":          {"messaging.consumer.group.name", "messaging.destination.name", "messaging.operation.name", "messaging.system", "server.address", "server.port"},
	} {
		for _, p := range w.points(t, name) {
			var names []string
			for key := range p.attributes {
				names = append(names, key)
			}
			slices.Sort(names)
			require.Equal(t, want, names, name)
		}
	}
	for name, want := range map[string]int64{
		"messaging.client.sent.messages": 2, "messaging.client.consumed.messages": 2, "messaging.process.duration": 2,
	} {
		require.Equal(t, want, w.count(t, name, nil), name)
	}
}
