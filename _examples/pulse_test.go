package examples

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	rocketmq "github.com/watermill-rocketmq/watermill-rocketmq"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
)

// pulse publishes all the time, to know how quickly a broker answers, and whether this
// machine has time for anything.
type pulse struct {
	mu    sync.Mutex
	last  time.Time // of the last answer
	beats []beat
}

// beat is the time from one answer to the next.
type beat struct {
	end  time.Time
	took time.Duration
}

// startPulse publishes until the test ends. It returns when the broker has answered.
func startPulse(t *testing.T, nameServer string) *pulse {
	t.Helper()
	pub, err := publisher.New(publisher.Config{
		Cluster:     rocketmq.Cluster{NameServers: []string{nameServer}},
		SendTimeout: patience, AttemptTimeout: patience,
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := pub.Publish("pulse", message.NewMessage("", nil)); err != nil {
		t.Fatal(err)
	}
	p := &pulse{last: time.Now()}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		p.run(ctx, pub)
	}()
	t.Cleanup(func() {
		cancel()
		<-ended
		if err := pub.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

func (p *pulse) run(ctx context.Context, pub message.Publisher) {
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
		_ = pub.Publish("pulse", message.NewMessage("", nil)) // the time tells
		now := time.Now()
		p.mu.Lock()
		p.beats = append(p.beats, beat{now, now.Sub(p.last)})
		p.last = now
		p.mu.Unlock()
	}
}

// longestSince returns the longest time without an answer that was not over at a time.
func (p *pulse) longestSince(t time.Time) (longest time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	longest = time.Since(p.last)
	for _, b := range p.beats {
		if b.end.After(t) {
			longest = max(longest, b.took)
		}
	}
	return longest
}
