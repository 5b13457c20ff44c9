package publisher_test

import (
	"context"
	"math"
	"runtime"
	"runtime/debug"
	"testing"

	"github.com/stretchr/testify/require"

	rocketmq "github.com/watermill-rocketmq/watermill-rocketmq"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/nullbroker"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
)

// Objects that other ways to publish leave to the collector, for each message. Two
// are the ids in its Result, which a Publish without OnResult does not make.
func TestAllocationsOfOtherManners(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector keeps pools from reusing what they have")
	}
	broker, err := nullbroker.Start()
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, broker.Close()) })
	msg := newMessage("some payload")
	msg.Metadata.Set("key", "value")
	noHooks := func(*publisher.Config) {}
	async := func(p *publisher.Publisher) error { return p.PublishAsync("allocations", msg) }
	oneway := func(p *publisher.Publisher) error { return p.PublishOneway("allocations", msg) }
	sync := func(p *publisher.Publisher) error { return p.Publish("allocations", msg) }
	for _, c := range []struct {
		name    string
		publish func(*publisher.Publisher) error
		change  func(*publisher.Config)
		most    float64
	}{
		{"PublishAsync", async, noHooks, 3},
		{"PublishOneway", oneway, noHooks, 3},
		{"Publish", sync, noHooks, 3.5},
		{"Publish with hooks", sync, func(c *publisher.Config) {
			c.Hooks = []publisher.Hooks{{
				AttemptStart: func(ctx context.Context, _ publisher.AttemptEvent) context.Context { return ctx },
				AttemptEnd:   func(context.Context, publisher.AttemptEvent) {},
			}}
		}, 3.5},
		{"Publish with hooks about messages", sync, func(c *publisher.Config) {
			c.Hooks = []publisher.Hooks{{
				PublishStart: func(ctx context.Context, _ *publisher.PublishEvent) context.Context { return ctx },
				PublishEnd:   func(context.Context, publisher.Result) {},
				AttemptStart: func(ctx context.Context, _ publisher.AttemptEvent) context.Context { return ctx },
				AttemptEnd:   func(context.Context, publisher.AttemptEvent) {},
			}}
		}, 4.5}, // with the event, which a hook might keep
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := publisher.Config{Cluster: rocketmq.Cluster{NameServers: []string{broker.Addr()}}, OnResult: func(publisher.Result) {}}
			cfg.Waiting.Messages = 4096
			c.change(&cfg)
			p, err := publisher.New(cfg, nil)
			require.NoError(t, err)
			defer p.Close()
			const calls = 8000
			publish := func(n int) {
				for range n {
					if c.publish(p) != nil { // no room
						require.NoError(t, p.Flush(context.Background()))
						require.NoError(t, c.publish(p))
					}
				}
				require.NoError(t, p.Flush(context.Background()))
			}
			defer debug.SetGCPercent(debug.SetGCPercent(-1))
			// The least of some rounds: one with more messages under way at once than
			// any before makes what the later ones use again.
			perMessage := math.Inf(1)
			for range 5 {
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				publish(calls)
				runtime.ReadMemStats(&after)
				perMessage = min(perMessage, float64(after.Mallocs-before.Mallocs)/calls)
			}
			t.Logf("%.2f", perMessage)
			require.LessOrEqual(t, perMessage, c.most)
		})
	}
}
