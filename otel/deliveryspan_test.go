package otelrocketmq

import (
	"context"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
)

// The span begins once, whoever asks first, and does all that a span does.
func TestDeliverySpan(t *testing.T) {
	recorder := tracetest.NewSpanRecorder()
	provider := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(recorder))
	s := &deliverySpan{begin: func() trace.Span {
		_, span := provider.Tracer("test").Start(context.Background(), "first")
		return span
	}}
	require.Empty(t, recorder.Started())
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() { s.SpanContext() })
	}
	group.Wait()
	require.Len(t, recorder.Started(), 1)
	require.False(t, s.abandon())

	require.True(t, s.IsRecording())
	s.SetName("second")
	s.SetAttributes(attribute.String("a", "b"))
	s.AddEvent("event")
	s.RecordError(context.Canceled)
	s.SetStatus(codes.Error, "text")
	s.AddLink(trace.Link{SpanContext: trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{1}, SpanID: trace.SpanID{1}})})
	require.Equal(t, provider, s.TracerProvider())
	s.End()
	ended := recorder.Ended()[0]
	require.Equal(t, "second", ended.Name())
	require.Equal(t, []attribute.KeyValue{attribute.String("a", "b")}, ended.Attributes())
	require.Len(t, ended.Events(), 2)
	require.Len(t, ended.Links(), 1)
	require.Equal(t, sdktrace.Status{Code: codes.Error, Description: "text"}, ended.Status())
	require.Equal(t, s.SpanContext(), ended.SpanContext())
}

// One that nobody has asked for never begins.
func TestDeliverySpanAbandoned(t *testing.T) {
	s := &deliverySpan{begin: func() trace.Span { panic("it begins") }}
	require.True(t, s.abandon())
	require.False(t, s.abandon())
	require.False(t, s.SpanContext().IsValid())
	s.End()
}

// The cache keeps what it was first told, up to its bound.
func TestCache(t *testing.T) {
	var c cache[int, int]
	made := 0
	produce := func(key int) int { made++; return key + 1 }
	for range 2 {
		for i := range maxCached {
			require.Equal(t, i+1, c.get(i, produce))
		}
	}
	require.Equal(t, maxCached, made)
	for range 2 {
		require.Equal(t, maxCached+1, c.get(maxCached, produce))
	}
	require.Equal(t, maxCached+2, made, "there is no room for it")
}

func TestDestination(t *testing.T) {
	for _, c := range [][4]string{
		{"", "space", "shop.orders", "shop.orders"},
		{"orders", "", "orders", "orders"},
		{"space%orders", "space", "orders", "orders"},
		{"%DLQ%space%billing", "space", "%DLQ%billing", "%DLQ%billing"},
		{"other%orders", "space", "orders", "other%orders"},
		{"orders", "v2", "orders", "orders"},
	} {
		require.Equal(t, c[3], destination(c[0], c[1], c[2]))
	}
}

func TestWithServer(t *testing.T) {
	require.Empty(t, withServer(nil, ""))
	require.Equal(t, []attribute.KeyValue{attribute.String("server.address", "::1"), attribute.Int("server.port", 10911)}, withServer(nil, "[::1]:10911"))
	require.Equal(t, []attribute.KeyValue{attribute.String("server.address", "pipe")}, withServer(nil, "pipe"))
}
