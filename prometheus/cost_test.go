package promrocketmq_test

import (
	"context"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber"
)

// costs are what hooks do for a message, by name.
func costs(t testing.TB) map[string]func() {
	m := metricsOf(t, prometheus.NewRegistry())
	p, s := m.PublisherHooks(), m.SubscriberHooks()
	ctx := context.Background()
	result := publisher.Result{Topic: orders, Outcome: publisher.Stored, Took: time.Millisecond}
	attempt := publisher.AttemptEvent{
		Topic: orders, RocketMQTopic: orders, Messages: make([]publisher.AttemptMessage, 8), Bytes: 1000, Try: 1, Status: publisher.SendOK,
		Attempt: publisher.Attempt{MessageQueue: routing.MessageQueue{Topic: orders, BrokerName: "broker-a"}, Took: time.Millisecond, Outcome: publisher.Stored},
	}
	event := subscriber.MessageEvent{Topic: orders, RocketMQTopic: orders, Group: group, Deliveries: 1, Took: time.Millisecond}
	return map[string]func(){
		"published": func() { p.PublishEnd(ctx, result) },
		"attempt":   func() { p.AttemptEnd(ctx, attempt) },
		"consumed":  func() { s.Received(ctx, event); s.Acked(ctx, event) },
	}
}

// TestAllocations: counting allocates nothing for a message, and little for a request.
func TestAllocations(t *testing.T) {
	for name, do := range costs(t) {
		do() // the first of a topic makes its time series
		most := 0.0
		if name == "attempt" {
			most = 1
		}
		require.LessOrEqual(t, testing.AllocsPerRun(1000, do), most, name)
	}
}

// BenchmarkHooks is the cost of counting: of a message that is published, of a request, of a
// message that is consumed.
func BenchmarkHooks(b *testing.B) {
	all := costs(b)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		do := all[name]
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				do()
			}
		})
	}
}

// BenchmarkPublish is a message to the embedded broker in memory, without and with metrics.
func BenchmarkPublish(b *testing.B) {
	for _, with := range []bool{false, true} {
		b.Run(map[bool]string{false: "without", true: "with"}[with], func(b *testing.B) {
			c, err := embedded.Start(embedded.InMemory(), embedded.WithTopic(orders, 1), embedded.WithRetention(1000))
			require.NoError(b, err)
			defer c.Close()
			cfg := publisher.Config{Cluster: c.Config()}
			if with {
				cfg.Hooks = append(cfg.Hooks, metricsOf(b, prometheus.NewRegistry()).PublisherHooks())
			}
			p, err := publisher.New(cfg, nil)
			require.NoError(b, err)
			defer p.Close()
			msg := message.NewMessage("1", []byte("a book"))
			b.ReportAllocs()
			for b.Loop() {
				if err := p.Publish(orders, msg); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
