package publisher_test

import (
	"context"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	rocketmq "github.com/watermill-rocketmq/watermill-rocketmq"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/nullbroker"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
)

// BenchmarkExtras measures one Publish of one message of 100 bytes, without and with
// what can be switched on, to a broker in this process that stores nothing. The first
// is to be as fast as it would be if the others did not exist.
func BenchmarkExtras(b *testing.B) {
	for _, extra := range []struct {
		name   string
		change func(*publisher.Config)
	}{
		{"none", func(*publisher.Config) {}},
		{"OnResult", func(c *publisher.Config) { c.OnResult = func(publisher.Result) {} }},
		{"hooks", func(c *publisher.Config) {
			c.Hooks = []publisher.Hooks{{
				PublishStart: func(ctx context.Context, _ *publisher.PublishEvent) context.Context { return ctx },
				PublishEnd:   func(context.Context, publisher.Result) {},
				AttemptStart: func(ctx context.Context, _ publisher.AttemptEvent) context.Context { return ctx },
				AttemptEnd:   func(context.Context, publisher.AttemptEvent) {},
				Retry:        func(context.Context, publisher.RetryEvent) {},
				Connected:    func(string) {},
				Disconnected: func(string, error) {},
				RouteChanged: func(string, *routing.Route, *routing.Route) {},
			}}
		}},
		{"trace", func(c *publisher.Config) { c.Trace.Enabled = true }},
	} {
		b.Run(extra.name+"/1 goroutine", func(b *testing.B) {
			p := benchPublisher(b, extra.change)
			msg := newMessage(string(make([]byte, 100)))
			for b.Loop() {
				if err := p.Publish(orders, msg); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(extra.name+"/64 goroutines", func(b *testing.B) {
			p := benchPublisher(b, extra.change)
			msg := newMessage(string(make([]byte, 100)))
			b.SetParallelism((64 + runtime.GOMAXPROCS(0) - 1) / runtime.GOMAXPROCS(0))
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if err := p.Publish(orders, msg); err != nil {
						b.Error(err)
						return
					}
				}
			})
		})
	}
}

// BenchmarkManners measures the ways to publish a message of 100 bytes from one
// goroutine.
func BenchmarkManners(b *testing.B) {
	withResults := func(c *publisher.Config) { c.OnResult = func(publisher.Result) {} }
	b.Run("Publish", func(b *testing.B) {
		p := benchPublisher(b, withResults)
		msg := newMessage(string(make([]byte, 100)))
		for b.Loop() {
			if err := p.Publish(orders, msg); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("PublishAsync", func(b *testing.B) {
		p := benchPublisher(b, withResults)
		msg := newMessage(string(make([]byte, 100)))
		for b.Loop() {
			if p.PublishAsync(orders, msg) == nil {
				continue
			}
			require.NoError(b, p.Flush(context.Background())) // there was no room
			require.NoError(b, p.PublishAsync(orders, msg))
		}
		require.NoError(b, p.Flush(context.Background()))
	})
	b.Run("PublishOneway", func(b *testing.B) {
		p := benchPublisher(b, withResults)
		msg := newMessage(string(make([]byte, 100)))
		for b.Loop() {
			if err := p.PublishOneway(orders, msg); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// benchPublisher returns a publisher that has published already.
func benchPublisher(b *testing.B, change func(*publisher.Config)) *publisher.Publisher {
	broker, err := nullbroker.Start()
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, broker.Close()) })
	cfg := publisher.Config{Cluster: rocketmq.Cluster{NameServers: []string{broker.Addr()}}}
	change(&cfg)
	p, err := publisher.New(cfg, nil)
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, p.Close()) })
	require.NoError(b, p.Publish(orders, newMessage("x")))
	b.ReportAllocs()
	return p
}
