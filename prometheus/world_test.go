package promrocketmq_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/expfmt"
	"github.com/stretchr/testify/require"

	rocketmq "github.com/watermill-rocketmq/watermill-rocketmq"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	promrocketmq "github.com/watermill-rocketmq/watermill-rocketmq/prometheus"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber"
	"github.com/watermill-rocketmq/watermill-rocketmq/topics"
)

const (
	orders = "orders"
	group  = "billing"
)

// world is a broker and metrics.
type world struct {
	*testing.T
	cluster  *embedded.Cluster // nil if the broker is a real one
	config   rocketmq.Cluster
	registry *prometheus.Registry
	metrics  *promrocketmq.Metrics
}

// inBubble tests on an embedded broker, in a bubble whose clock is the test's.
func inBubble(t *testing.T, test func(w *world), opts ...embedded.Option) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		c, err := embedded.Start(append(opts, embedded.InMemory(), embedded.WithTopic(orders, 1))...)
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, c.Close()) })
		w := newWorld(t, c.Config())
		w.cluster = c
		test(w)
	})
}

func newWorld(t *testing.T, config rocketmq.Cluster) *world {
	t.Helper()
	registry := prometheus.NewPedanticRegistry()
	return &world{T: t, config: config, registry: registry, metrics: metricsOf(t, registry)}
}

func metricsOf(t testing.TB, registry prometheus.Registerer) *promrocketmq.Metrics {
	t.Helper()
	m, err := promrocketmq.New(promrocketmq.Config{Registerer: registry})
	require.NoError(t, err)
	return m
}

// publisher returns one with the hooks of the metrics, closed with the test.
func (w *world) publisher(change func(*publisher.Config)) *publisher.Publisher {
	w.Helper()
	cfg := publisher.Config{Cluster: w.config, Hooks: []publisher.Hooks{w.metrics.PublisherHooks()}}
	if w.cluster == nil { // what is sent again counts again
		cfg.SendTimeout, cfg.AttemptTimeout, cfg.Cluster.DialTimeout = patience, patience, patience
		// A heartbeat that runs out of time ends the connection that it was on: sends have another.
		cfg.Cluster.VIPChannel = true
	}
	if change != nil {
		change(&cfg)
	}
	p, err := publisher.New(cfg, nil)
	require.NoError(w, err)
	w.Cleanup(func() { require.NoError(w, p.Close()) })
	return p
}

// subscriber returns one with the hooks of the metrics, closed with the test.
func (w *world) subscriber(change func(*subscriber.Config)) *subscriber.Subscriber {
	w.Helper()
	cfg := subscriber.Config{
		Cluster: w.config, Group: group, CreateTopics: topics.Config{Enabled: true},
		Redelivery: subscriber.RedeliveryConfig{MinPause: time.Second, MaxPause: time.Second},
		Hooks:      []subscriber.Hooks{w.metrics.SubscriberHooks()},
	}
	if w.cluster == nil {
		cfg.StartTimeout, cfg.RequestTimeout, cfg.CloseTimeout = patience, realTimeout, realTimeout
	}
	if change != nil {
		change(&cfg)
	}
	s, err := subscriber.New(cfg, nil)
	require.NoError(w, err)
	w.Cleanup(func() { require.NoError(w, s.Close()) })
	return s
}

func (w *world) subscribe(s *subscriber.Subscriber, topic string) <-chan *message.Message {
	w.Helper()
	messages, err := s.Subscribe(context.Background(), topic)
	require.NoError(w, err)
	return messages
}

// sends has each send request meet a fault, until undone.
func (w *world) sends(fault embedded.Fault) (undo func()) {
	return w.cluster.Intercept(func(r embedded.Request) embedded.Fault {
		if r.Send != nil {
			return fault
		}
		return embedded.Fault{}
	})
}

// require wants metrics to be what is written, in lines of the text format without
// comments: all series of the metrics that are named.
func (w *world) require(lines string, names ...string) {
	w.Helper()
	require.Equal(w, linesOf(lines), series(w, w.registry, names...))
}

// series returns the time series of metrics as lines of the text format, sorted.
func series(t testing.TB, registry prometheus.Gatherer, names ...string) []string {
	t.Helper()
	families, err := registry.Gather()
	require.NoError(t, err)
	var text strings.Builder
	for _, f := range families {
		if slices.Contains(names, f.GetName()) {
			_, err := expfmt.MetricFamilyToText(&text, f)
			require.NoError(t, err)
		}
	}
	return linesOf(text.String())
}

func linesOf(text string) (lines []string) {
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			lines = append(lines, line)
		}
	}
	return lines
}

func newMessage(uuid string) *message.Message { return message.NewMessage(uuid, []byte("a book")) }
