package subscriber_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber"
)

// pace finds out how slow the machine is while a test runs: by how much timers of this
// process and answers of the broker are late. What a ledger takes for prompt is as late.
type pace struct {
	mu    sync.Mutex
	worst time.Duration
}

// takePace measures until the test ends. What is under way while ignored reports true of the
// time since it began does not count.
func takePace(t *testing.T, w *world, topic string, ignored func(since time.Time) bool) *pace {
	t.Helper()
	sub := newSubscriber(t, subscriber.Config{
		Cluster: w.cluster, Group: unique("pace"), Engine: subscriber.Pull,
		RequestTimeout: patience, // a broker that stands still is as late as it is
	})
	p := &pace{}
	ctx, cancel := context.WithCancel(context.Background())
	var measuring sync.WaitGroup
	measuring.Go(func() { p.measure(ctx, sub, topic, ignored) })
	t.Cleanup(func() {
		cancel()
		measuring.Wait()
	})
	return p
}

// allWell says that brokers have no trouble.
func allWell(time.Time) bool { return false }

func (p *pace) measure(ctx context.Context, sub *subscriber.Subscriber, topic string, ignored func(since time.Time) bool) {
	const interval = 200 * time.Millisecond
	for ctx.Err() == nil {
		begin := time.Now()
		pass(interval)
		_, _ = sub.Lag(ctx, topic) // how long it takes is what is asked for
		if late := time.Since(begin) - interval; !ignored(begin) && ctx.Err() == nil {
			p.mu.Lock()
			p.worst = max(p.worst, late)
			p.mu.Unlock()
		}
	}
}

// late is by how much anything was late at most.
func (p *pace) late() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.worst
}
