package publisher_test

import (
	"log/slog"
	"runtime"
	"runtime/debug"
	"sync"
	"testing"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"

	rocketmq "github.com/watermill-rocketmq/watermill-rocketmq"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/nullbroker"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
)

// Objects that Publish leaves to the collector, for each message, counted over all
// goroutines of the process: those of the connection, of senders, and of the
// broker in this process, which leaves none of its own for a send.
func TestAllocations(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector keeps pools from reusing what they have")
	}
	broker, err := nullbroker.Start()
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, broker.Close()) })
	for _, c := range []struct {
		name              string
		callers, messages int
		most              float64
		logger            watermill.LoggerAdapter
	}{
		{"alone", 1, 1, 1.5, nil},
		{"64 callers", 64, 1, 0.5, nil},
		{"32 messages in a call", 1, 32, 0.5, nil},
		{"alone, with a logger that does not trace", 1, 1, 1.5, watermill.NewSlogLogger(slog.New(slog.DiscardHandler))},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, err := publisher.New(publisher.Config{Cluster: rocketmq.Cluster{NameServers: []string{broker.Addr()}}}, c.logger)
			require.NoError(t, err)
			defer p.Close()
			perMessage := countAllocations(t, p, c.callers, c.messages)
			require.LessOrEqual(t, perMessage, c.most)
			t.Logf("%.2f", perMessage)
		})
	}
}

// countAllocations publishes from that many callers at once and returns the
// allocations per message.
func countAllocations(t *testing.T, p *publisher.Publisher, callers, messages int) float64 {
	const calls = 2000
	var wg sync.WaitGroup
	var warm, begin sync.WaitGroup
	errs := make(chan error, callers)
	warm.Add(callers)
	begin.Add(1)
	for range callers {
		wg.Go(func() {
			own := make([]*message.Message, messages)
			for i := range own {
				own[i] = newMessage("some payload")
				own[i].Metadata.Set("key", "value")
			}
			for i := range calls {
				if i == calls/4 {
					warm.Done()
					begin.Wait()
				}
				if err := p.Publish("allocations", own...); err != nil {
					errs <- err
					if i < calls/4 {
						warm.Done()
					}
					return
				}
			}
			errs <- nil
		})
	}
	warm.Wait()
	// A collection empties the pools, and what it costs is not Publish's.
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	begin.Done()
	wg.Wait()
	runtime.ReadMemStats(&after)
	for range callers {
		require.NoError(t, <-errs)
	}
	return float64(after.Mallocs-before.Mallocs) / float64(callers*messages*(calls-calls/4))
}
