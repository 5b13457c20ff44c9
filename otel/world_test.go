package otelrocketmq_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	rocketmq "github.com/watermill-rocketmq/watermill-rocketmq"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	otelrocketmq "github.com/watermill-rocketmq/watermill-rocketmq/otel"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber"
)

// Times on the real clock, which only tests that fail take. A busy machine may take many
// times what an idle one does.
const (
	// patience is how long a test waits for what must happen.
	patience = 3 * time.Minute
	// realTimeout is longer than a real broker that lives takes for an answer.
	realTimeout = 30 * time.Second
)

// world is a cluster, and what was observed of its clients.
type world struct {
	cluster *embedded.Cluster // nil if the cluster is a real one
	config  rocketmq.Cluster
	engine  subscriber.Engine
	spans   *tracetest.SpanRecorder
	tracers *sdktrace.TracerProvider
	reader  *metric.ManualReader
	meters  *metric.MeterProvider
}

func newWorld(t testing.TB, options ...sdktrace.TracerProviderOption) *world {
	t.Helper()
	cluster, err := embedded.Start(embedded.InMemory(), embedded.WithTopic("orders", 1), embedded.WithTopic("receipts", 1))
	require.NoError(t, err)
	t.Cleanup(func() { _ = cluster.Close() })
	w := newWorldOn(cluster.Config(), subscriber.POP, options...)
	w.cluster = cluster
	return w
}

// newWorldOn is a world whose cluster is there, with the topics orders and receipts.
func newWorldOn(config rocketmq.Cluster, engine subscriber.Engine, options ...sdktrace.TracerProviderOption) *world {
	w := &world{config: config, engine: engine, spans: tracetest.NewSpanRecorder(), reader: metric.NewManualReader()}
	w.tracers = sdktrace.NewTracerProvider(append(options, sdktrace.WithSpanProcessor(w.spans))...)
	w.meters = metric.NewMeterProvider(metric.WithReader(w.reader))
	return w
}

func (w *world) options() []otelrocketmq.Option {
	return []otelrocketmq.Option{otelrocketmq.WithTracerProvider(w.tracers), otelrocketmq.WithMeterProvider(w.meters)}
}

func (w *world) publisherHooks() publisher.Hooks {
	var list []otelrocketmq.PublisherOption
	for _, o := range w.options() {
		list = append(list, o)
	}
	return otelrocketmq.PublisherHooks(list...)
}

func (w *world) subscriberHooks(options ...otelrocketmq.SubscriberOption) subscriber.Hooks {
	for _, o := range w.options() {
		options = append(options, o)
	}
	return otelrocketmq.SubscriberHooks(options...)
}

func (w *world) publisher(t testing.TB, change ...func(c *publisher.Config)) *publisher.Publisher {
	t.Helper()
	cfg := publisher.Config{
		Cluster: w.config, Hooks: []publisher.Hooks{w.publisherHooks()},
		SendTimeout: patience, AttemptTimeout: patience, // what is sent again has a span more
	}
	cfg.Cluster.DialTimeout = patience
	// A heartbeat that runs out of time ends the connection that it was on: sends have another.
	cfg.Cluster.VIPChannel = w.cluster == nil
	for _, f := range change {
		f(&cfg)
	}
	p, err := publisher.New(cfg, nil)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, p.Close()) })
	if w.cluster != nil { // it has no other connection: the first heartbeat is over now
		_, err := p.Check(t.Context())
		require.NoError(t, err)
	}
	return p
}

// plain is for a publisher without hooks.
func plain(c *publisher.Config) { c.Hooks = nil }

func (w *world) subscriber(t testing.TB, hooks subscriber.Hooks, change ...func(c *subscriber.Config)) *subscriber.Subscriber {
	t.Helper()
	cfg := subscriber.Config{
		Cluster: w.config, Group: "billing", Engine: w.engine, CloseTimeout: time.Second,
		Redelivery: subscriber.RedeliveryConfig{MinPause: time.Millisecond, MaxPause: time.Millisecond},
		Hooks:      []subscriber.Hooks{hooks},
	}
	cfg.StartTimeout, cfg.RequestTimeout = patience, patience
	if w.cluster == nil {
		cfg.RequestTimeout = realTimeout
	}
	for _, f := range change {
		f(&cfg)
	}
	s, err := subscriber.New(cfg, nil)
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func subscribe(t testing.TB, s message.Subscriber, topic string) <-chan *message.Message {
	t.Helper()
	messages, err := s.Subscribe(t.Context(), topic)
	require.NoError(t, err)
	return messages
}

func next(t testing.TB, messages <-chan *message.Message) *message.Message {
	t.Helper()
	select {
	case m, ok := <-messages:
		require.True(t, ok, "the channel is closed")
		return m
	case <-time.After(patience):
		require.FailNow(t, "no message comes")
		return nil
	}
}

// await waits until n spans of that name have ended, and returns them in the order of their
// ends.
func (w *world) await(t testing.TB, name string, n int) []span {
	t.Helper()
	require.Eventually(t, func() bool { return len(w.named(name)) >= n }, patience, time.Millisecond, "%s: %d", name, len(w.named(name)))
	all := w.named(name)
	require.Len(t, all, n, name)
	return all
}

// named returns the spans of that name that have ended.
func (w *world) named(name string) []span {
	var list []span
	for _, s := range w.spans.Ended() {
		if s.Name() == name {
			list = append(list, span{s})
		}
	}
	return list
}

// span is one that has ended.
type span struct{ sdktrace.ReadOnlySpan }

// attributes returns its attributes by name, as text.
func (s span) attributes() map[string]string { return texts(s.Attributes()) }

func texts(list []attribute.KeyValue) map[string]string {
	m := make(map[string]string)
	for _, a := range list {
		m[string(a.Key)] = a.Value.String()
	}
	return m
}

// requireAttributes requires attributes to be among those of the span, "" meaning that there
// is none of the name.
func (s span) requireAttributes(t testing.TB, want map[string]string) {
	t.Helper()
	got := s.attributes()
	for name, value := range want {
		require.Equal(t, value, got[name], "%s of %s", name, s.Name())
	}
}

func (s span) id() trace.SpanID       { return s.SpanContext().SpanID() }
func (s span) traceID() trace.TraceID { return s.SpanContext().TraceID() }

// linked returns the ids of the spans that it is linked to.
func (s span) linked() []trace.SpanID {
	var list []trace.SpanID
	for _, l := range s.Links() {
		list = append(list, l.SpanContext.SpanID())
	}
	return list
}

// events returns the names of its events.
func (s span) events() []string {
	var list []string
	for _, e := range s.Events() {
		list = append(list, e.Name)
	}
	return list
}

// metrics returns the metrics by name.
func (w *world) metrics(t testing.TB) map[string]metricdata.Metrics {
	t.Helper()
	var all metricdata.ResourceMetrics
	require.NoError(t, w.reader.Collect(context.Background(), &all))
	m := make(map[string]metricdata.Metrics)
	for _, s := range all.ScopeMetrics {
		require.Equal(t, "github.com/watermill-rocketmq/watermill-rocketmq/otel", s.Scope.Name)
		for _, one := range s.Metrics {
			m[one.Name] = one
		}
	}
	return m
}

// point is what a metric has of one set of attributes: the sum of a counter, or how often
// something was recorded.
type point struct {
	attributes map[string]string
	count      int64
}

func (w *world) points(t testing.TB, name string) []point {
	t.Helper()
	var list []point
	switch data := w.metrics(t)[name].Data.(type) {
	case metricdata.Sum[int64]:
		for _, p := range data.DataPoints {
			list = append(list, point{texts(p.Attributes.ToSlice()), p.Value})
		}
	case metricdata.Histogram[float64]:
		for _, p := range data.DataPoints {
			list = append(list, point{texts(p.Attributes.ToSlice()), int64(p.Count)})
		}
	case nil:
	default:
		require.Failf(t, "unexpected", "%s is a %T", name, data)
	}
	return list
}

// count sums the points that have these attributes, "" meaning that there is none of the
// name.
func (w *world) count(t testing.TB, name string, want map[string]string) int64 {
	t.Helper()
	var n int64
	for _, p := range w.points(t, name) {
		fits := true
		for key, value := range want {
			fits = fits && p.attributes[key] == value
		}
		if fits {
			n += p.count
		}
	}
	return n
}

func newMessage(uuid string) *message.Message {
	return message.NewMessage(uuid, []byte(strings.Repeat("x", 10)))
}
