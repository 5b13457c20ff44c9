package otelrocketmq_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	rocketmq "github.com/watermill-rocketmq/watermill-rocketmq"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/realbroker"
	otelrocketmq "github.com/watermill-rocketmq/watermill-rocketmq/otel"
	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber"
)

// On real brokers the context of a trace passes through what they store, by POP from 5.5.0
// and by pulls from 4.9.7, and both ways between Go and Java.
func TestRealBroker(t *testing.T) {
	for _, version := range realbroker.Versions() {
		t.Run(version, func(t *testing.T) {
			cluster := realbroker.Start(t, realbroker.Config{Version: version})
			for _, topic := range []string{"orders", "receipts", "java-orders", "java-receipts"} {
				cluster.CreateTopic(t, topic, 1)
			}
			config := rocketmq.Cluster{NameServers: cluster.NameServers()}
			t.Run("go", func(t *testing.T) {
				testPipeline(t, newWorldOn(config, subscriber.Auto), otelrocketmq.WithMessageAsParent())
			})
			t.Run("java", func(t *testing.T) { testJavaClient(t, newWorldOn(config, subscriber.Auto), cluster) })
		})
	}
}

// testJavaClient has the Java client begin a trace and see what became of it. The agent of
// OpenTelemetry does as the client here: it puts traceparent among the message's properties.
func testJavaClient(t *testing.T, w *world, cluster *realbroker.Cluster) {
	t.Helper()
	cluster.JavaProduce(t, "java-orders", 1, "--property", "traceparent=00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	msg := next(t, subscribe(t, w.subscriber(t, w.subscriberHooks(otelrocketmq.WithMessageAsParent())), "java-orders"))
	require.Equal(t, "java-0", string(msg.Payload))
	receipt := newMessage("java")
	receipt.SetContext(msg.Context())
	require.NoError(t, w.publisher(t).Publish("java-receipts", receipt))
	msg.Ack()

	process, send := w.await(t, "process java-orders", 1)[0], w.await(t, "send java-receipts", 1)[0]
	require.Equal(t, "0af7651916cd43dd8448eb211c80319c", process.traceID().String())
	require.Equal(t, "b7ad6b7169203331", process.Parent().SpanID().String())
	stored := cluster.Read(t, "java-receipts", 1)
	require.Len(t, stored, 1)
	carrier := propagation.MapCarrier(stored[0].Properties)
	there := trace.SpanContextFromContext(propagation.TraceContext{}.Extract(context.Background(), carrier))
	require.Equal(t, process.traceID(), there.TraceID())
	require.Equal(t, send.id(), there.SpanID())
}
