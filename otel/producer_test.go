package otelrocketmq_test

import (
	"context"
	"maps"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/components/delay"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/baggage"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/marshaler"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber"
)

// A message that is published has a span of kind PRODUCER, whose context is sent along, and
// each attempt one of kind CLIENT. The message stays as it is.
func TestPublish(t *testing.T) {
	w := newWorld(t)
	p := w.publisher(t)
	ctx, caller := w.tracers.Tracer("test").Start(t.Context(), "caller")
	member, err := baggage.NewMember("tenant", "seven")
	require.NoError(t, err)
	bag, err := baggage.New(member)
	require.NoError(t, err)
	msg := newMessage("1")
	msg.SetContext(baggage.ContextWithBaggage(ctx, bag))
	msg.Metadata.Set(marshaler.MetadataTag, "paid")
	msg.Metadata.Set(marshaler.MetadataKeys, "k1 k2")
	msg.Metadata.Set("correlation_id", "c")
	before := maps.Clone(msg.Metadata)
	require.NoError(t, p.Publish("orders", msg))
	caller.End()
	require.Equal(t, before, msg.Metadata)

	stored, err := w.cluster.Messages("orders")
	require.NoError(t, err)
	send, attempt := w.await(t, "send orders", 1)[0], w.await(t, "attempt orders", 1)[0]
	require.Equal(t, trace.SpanKindProducer, send.SpanKind())
	require.Equal(t, caller.SpanContext().SpanID(), send.Parent().SpanID())
	require.Equal(t, codes.Unset, send.Status().Code)
	broker := w.cluster.Broker(0).Addr()
	host, port, _ := strings.Cut(broker, ":")
	both := map[string]string{
		"messaging.system": "rocketmq", "messaging.operation.type": "send", "messaging.destination.name": "orders",
		"messaging.rocketmq.namespace": "", "messaging.destination.partition.id": "broker-a/0",
		"server.address": host, "server.port": port, "error.type": "", "watermill.topic": "", "messaging.batch.message_count": "",
	}
	require.Contains(t, send.attributes(), "messaging.rocketmq.namespace", "the conventions require it")
	send.requireAttributes(t, both)
	send.requireAttributes(t, map[string]string{
		"messaging.operation.name": "send", "messaging.message.id": stored[0].UniqueKey, "messaging.rocketmq.message.tag": "paid",
		"messaging.rocketmq.message.keys": `["1","k1","k2"]`, "messaging.message.conversation_id": "c",
		"watermill.message.uuid": "1", "watermill.rocketmq.attempts": "1", "messaging.rocketmq.queue_offset": "0",
	})
	require.Equal(t, trace.SpanKindClient, attempt.SpanKind())
	require.Equal(t, send.id(), attempt.Parent().SpanID())
	require.Equal(t, []trace.SpanID{send.id()}, attempt.linked())
	attempt.requireAttributes(t, both)
	attempt.requireAttributes(t, map[string]string{
		"messaging.operation.name": "attempt", "messaging.rocketmq.send_result": "SEND_OK", "watermill.rocketmq.try": "1",
	})

	// What a consumer in any language finds.
	require.Equal(t, "00-"+send.traceID().String()+"-"+send.id().String()+"-01", stored[0].Properties["traceparent"])
	require.Equal(t, "tenant=seven", stored[0].Properties["baggage"])
}

// Messages that share a request have one attempt, which is linked to each of them.
func TestBatch(t *testing.T) {
	w := newWorld(t)
	require.NoError(t, w.publisher(t).Publish("orders", newMessage("1"), newMessage("2"), newMessage("3")))
	sends, attempt := w.await(t, "send orders", 3), w.await(t, "attempt orders", 1)[0]
	require.Equal(t, sends[0].id(), attempt.Parent().SpanID())
	var ids []trace.SpanID
	for i, s := range sends {
		ids = append(ids, s.id())
		require.Equal(t, string(rune('1'+i)), texts(attempt.Links()[i].Attributes)["watermill.message.uuid"])
	}
	require.Equal(t, ids, attempt.linked())
	attempt.requireAttributes(t, map[string]string{"messaging.batch.message_count": "3"})
	require.EqualValues(t, 3, w.count(t, "messaging.client.sent.messages", map[string]string{"messaging.operation.name": "send"}))
	require.EqualValues(t, 1, w.count(t, "messaging.client.operation.duration", map[string]string{"messaging.operation.name": "attempt"}))
}

// The attempt of a batch is a child of a message that is sampled, whichever that is.
func TestBatchWithFewSampled(t *testing.T) {
	w := newWorld(t)
	p := w.publisher(t)
	unsampled := trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{1}, SpanID: trace.SpanID{1}})
	first, second := newMessage("1"), newMessage("2")
	first.SetContext(trace.ContextWithSpanContext(t.Context(), unsampled))
	require.NoError(t, p.Publish("orders", first, second))
	send, attempt := w.await(t, "send orders", 1)[0], w.await(t, "attempt orders", 1)[0]
	require.Equal(t, send.id(), attempt.Parent().SpanID())
	require.Equal(t, []trace.SpanID{send.id()}, attempt.linked())

	stored, err := w.cluster.Messages("orders")
	require.NoError(t, err)
	require.True(t, strings.HasSuffix(stored[0].Properties["traceparent"], "-00"), "that it is not sampled goes along")
}

// busyOnce has brokers refuse the first send.
func (w *world) busyOnce() {
	var sends atomic.Int64
	w.cluster.Intercept(func(r embedded.Request) embedded.Fault {
		if r.Send != nil && sends.Add(1) == 1 {
			return embedded.Answer(headers.SystemBusy, "[TIMEOUT_CLEAN_QUEUE]broker busy")
		}
		return embedded.Fault{}
	})
}

// Each attempt has a span, and the message knows of its retries.
func TestRetry(t *testing.T) {
	w := newWorld(t)
	w.busyOnce()
	require.NoError(t, w.publisher(t).Publish("orders", newMessage("1")))
	send, attempts := w.await(t, "send orders", 1)[0], w.await(t, "attempt orders", 2)
	for i, want := range []map[string]string{
		{"error.type": "SYSTEM_BUSY", "watermill.rocketmq.try": "1", "watermill.rocketmq.outcome": "not sent", "messaging.rocketmq.send_result": ""},
		{"error.type": "", "watermill.rocketmq.try": "2", "messaging.rocketmq.send_result": "SEND_OK"},
	} {
		require.Equal(t, send.id(), attempts[i].Parent().SpanID())
		attempts[i].requireAttributes(t, want)
	}
	require.Equal(t, codes.Error, attempts[0].Status().Code)
	require.Equal(t, []string{"retry"}, send.events())
	require.Equal(t, "SYSTEM_BUSY", texts(send.Events()[0].Attributes)["error.type"])
	send.requireAttributes(t, map[string]string{"error.type": "", "watermill.rocketmq.attempts": "2"})
	require.Equal(t, codes.Unset, send.Status().Code)
	require.EqualValues(t, 1, w.count(t, "messaging.client.sent.messages", map[string]string{"error.type": ""}))
	require.EqualValues(t, 1, w.count(t, "messaging.client.operation.duration", map[string]string{"messaging.operation.name": "attempt", "error.type": "SYSTEM_BUSY"}))
}

// A message that fails says why. One that was refused before it was sent is not counted as
// sent.
func TestPublishFails(t *testing.T) {
	w := newWorld(t)
	p := w.publisher(t)
	bad := newMessage("bad")
	bad.Metadata.Set(marshaler.MetadataTag, "*")
	require.Error(t, p.Publish("orders", bad))
	w.cluster.Intercept(func(r embedded.Request) embedded.Fault {
		if r.Send != nil {
			return embedded.Answer(headers.MessageIllegal, "no")
		}
		return embedded.Fault{}
	})
	require.Error(t, p.Publish("orders", newMessage("illegal")))
	hasty := w.publisher(t, func(c *publisher.Config) { c.SendTimeout = 50 * time.Millisecond })
	w.cluster.Intercept(func(embedded.Request) embedded.Fault { return embedded.Ignore() })
	require.Error(t, hasty.Publish("receipts", newMessage("late")))
	for uuid, want := range map[string]string{"bad": "*publisher.MarshalError", "illegal": "MESSAGE_ILLEGAL", "late": "timeout"} {
		for _, s := range append(w.named("send orders"), w.named("send receipts")...) {
			if s.attributes()["watermill.message.uuid"] == uuid {
				s.requireAttributes(t, map[string]string{"error.type": want})
				require.Equal(t, codes.Error, s.Status().Code)
				require.NotEmpty(t, s.Status().Description)
				uuid = ""
			}
		}
		require.Empty(t, uuid, "has no span")
	}
	require.Zero(t, w.count(t, "messaging.client.sent.messages", map[string]string{"error.type": "*publisher.MarshalError"}))
	require.EqualValues(t, 1, w.count(t, "messaging.client.operation.duration", map[string]string{"error.type": "*publisher.MarshalError"}))
	require.EqualValues(t, 1, w.count(t, "messaging.client.sent.messages", map[string]string{"error.type": "MESSAGE_ILLEGAL"}))
}

// The span of a message that is published asynchronously ends with its result.
func TestAsync(t *testing.T) {
	w := newWorld(t)
	results := make(chan publisher.Result, 1)
	hold := make(chan struct{})
	w.cluster.Intercept(func(r embedded.Request) embedded.Fault {
		if r.Send != nil {
			<-hold
		}
		return embedded.Fault{}
	})
	p := w.publisher(t, func(c *publisher.Config) { c.OnResult = func(r publisher.Result) { results <- r } })
	require.NoError(t, p.PublishAsync("orders", newMessage("1")))
	require.Empty(t, w.named("send orders"))
	close(hold)
	r := <-results
	require.NoError(t, r.Err)
	w.await(t, "send orders", 1)[0].requireAttributes(t, map[string]string{"messaging.message.id": r.MessageID})
}

// Each way to publish has its span.
func TestWaysToPublish(t *testing.T) {
	w := newWorld(t)
	p := w.publisher(t, func(c *publisher.Config) {
		c.ProducerGroup = "shop"
		c.Transaction.Check = func(context.Context, publisher.CheckedMessage) publisher.TransactionState {
			return publisher.TransactionUnknown
		}
	})
	require.NoError(t, p.PublishOneway("orders", newMessage("oneway")))
	tx, err := p.BeginTransaction("receipts", newMessage("tx"))
	require.NoError(t, err)
	require.NoError(t, tx.Commit(t.Context()))
	w.await(t, "send orders", 1)[0].requireAttributes(t, map[string]string{"error.type": "", "watermill.rocketmq.attempts": "1", "messaging.destination.partition.id": "broker-a/0"})
	w.await(t, "send receipts", 1)[0].requireAttributes(t, map[string]string{"error.type": "", "messaging.rocketmq.message.type": "transaction"})
	require.EqualValues(t, 2, w.count(t, "messaging.client.sent.messages", map[string]string{"error.type": ""}))
	require.NotEmpty(t, w.points(t, "messaging.client.sent.messages")[0].attributes["server.address"])

	next(t, subscribe(t, w.subscriber(t, w.subscriberHooks()), "receipts")).Ack()
	process := w.await(t, "process receipts", 1)[0]
	process.requireAttributes(t, map[string]string{"messaging.rocketmq.message.type": "transaction"})
	require.Equal(t, []trace.SpanID{w.named("send receipts")[0].id()}, process.linked())
}

// What is known of a message's type before it is sent.
func TestMessageTypes(t *testing.T) {
	w := newWorld(t)
	late := newMessage("late")
	delay.Message(late, delay.For(time.Hour))
	require.NoError(t, w.publisher(t).Publish("orders", late))
	until, err := time.Parse(time.RFC3339, late.Metadata[delay.DelayedUntilKey])
	require.NoError(t, err)
	send := w.await(t, "send orders", 1)[0]
	send.requireAttributes(t, map[string]string{"messaging.rocketmq.message.type": "delay"})
	for _, a := range send.Attributes() {
		if a.Key == "messaging.rocketmq.message.delivery_timestamp" {
			require.Equal(t, until.UnixMilli(), a.Value.AsInt64())
			return
		}
	}
	require.Fail(t, "no time of delivery")
}

// A message without a span in its context goes on with the trace that its metadata has, as
// one from an outbox does. One with a span has that in place of what it came with.
func TestTraceInMetadata(t *testing.T) {
	w := newWorld(t)
	p := w.publisher(t)
	const parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	from := newMessage("1")
	from.Metadata.Set("traceparent", parent)
	require.NoError(t, p.Publish("orders", from))
	require.Equal(t, parent, from.Metadata["traceparent"])
	passed := newMessage("2")
	passed.Metadata.Set("traceparent", parent)
	ctx, handler := w.tracers.Tracer("test").Start(t.Context(), "handler")
	passed.SetContext(ctx)
	require.NoError(t, p.Publish("orders", passed))

	sends := w.await(t, "send orders", 2)
	require.Equal(t, "0af7651916cd43dd8448eb211c80319c", sends[0].traceID().String())
	require.Equal(t, "b7ad6b7169203331", sends[0].Parent().SpanID().String())
	require.Equal(t, handler.SpanContext().SpanID(), sends[1].Parent().SpanID())
	stored, err := w.cluster.Messages("orders")
	require.NoError(t, err)
	for i, s := range sends {
		require.Equal(t, "00-"+s.traceID().String()+"-"+s.id().String()+"-01", stored[i].Properties["traceparent"])
	}
}

// Names are those that clients in other languages give the topic: in RocketMQ, and without
// the namespace.
func TestDestination(t *testing.T) {
	w := newWorld(t)
	w.config.Namespace = "space"
	require.NoError(t, w.cluster.CreateTopic("space%_wm_shop-2Eorders", 1))
	require.NoError(t, w.publisher(t).Publish("shop.orders", newMessage("1")))
	want := map[string]string{"messaging.destination.name": "_wm_shop-2Eorders", "messaging.rocketmq.namespace": "space"}
	send := w.await(t, "send _wm_shop-2Eorders", 1)[0]
	send.requireAttributes(t, want)
	send.requireAttributes(t, map[string]string{"watermill.topic": "shop.orders"})
	w.await(t, "attempt _wm_shop-2Eorders", 1)[0].requireAttributes(t, want)
	require.EqualValues(t, 1, w.count(t, "messaging.client.sent.messages", map[string]string{"messaging.destination.name": "_wm_shop-2Eorders"}))

	s := w.subscriber(t, w.subscriberHooks())
	next(t, subscribe(t, s, "shop.orders")).Ack()
	process := w.await(t, "process _wm_shop-2Eorders", 1)[0]
	process.requireAttributes(t, want)
	process.requireAttributes(t, map[string]string{"watermill.topic": "shop.orders"})
}

// Two listeners on one publisher do not mistake each other's spans for their own.
func TestTwoListeners(t *testing.T) {
	one, two := newWorld(t), newWorld(t)
	one.busyOnce()
	p := one.publisher(t, func(c *publisher.Config) { c.Hooks = append(c.Hooks, two.publisherHooks()) })
	require.NoError(t, p.Publish("orders", newMessage("1")))
	s := one.subscriber(t, one.subscriberHooks(), func(c *subscriber.Config) { c.Hooks = append(c.Hooks, two.subscriberHooks()) })
	next(t, subscribe(t, s, "orders")).Ack()
	for _, w := range []*world{one, two} {
		w.await(t, "send orders", 1)
		w.await(t, "attempt orders", 2)
		w.await(t, "process orders", 1)
		require.Len(t, w.spans.Ended(), len(w.spans.Started()))
	}
}

// A name that is not free for metadata is refused: the message is published, and the error
// reported once.
func TestPropagatorWithBadNames(t *testing.T) {
	w := newWorld(t)
	p := w.publisher(t, func(c *publisher.Config) {
		c.Hooks = []publisher.Hooks{otelHooksWith(w, badPropagator{})}
	})
	reported := captureErrors(t)
	for range 3 {
		require.NoError(t, p.Publish("orders", newMessage("1")))
	}
	require.Len(t, *reported, 1)
	var refused *headers.PropertyError
	require.ErrorAs(t, (*reported)[0], &refused)
}

// badPropagator writes to a name that RocketMQ has.
type badPropagator struct{}

func (badPropagator) Inject(_ context.Context, c propagation.TextMapCarrier) { c.Set("TAGS", "x") }

func (badPropagator) Extract(ctx context.Context, _ propagation.TextMapCarrier) context.Context {
	return ctx
}
func (badPropagator) Fields() []string { return []string{"TAGS"} }

// With no sampler that wants anything no span is kept, and the metrics are there.
func TestNeverSampled(t *testing.T) {
	w := newWorld(t, sdktrace.WithSampler(sdktrace.NeverSample()))
	require.NoError(t, w.publisher(t).Publish("orders", newMessage("1"), newMessage("2")))
	next(t, subscribe(t, w.subscriber(t, w.subscriberHooks()), "orders")).Ack()
	require.Eventually(t, func() bool { return w.count(t, "messaging.process.duration", nil) > 0 }, patience, time.Millisecond)
	require.Empty(t, w.spans.Started())
	require.EqualValues(t, 2, w.count(t, "messaging.client.sent.messages", nil))
}
