package publisher_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
)

// leaving starts calls of one message each, whose callers leave after a while. The
// messages wait behind one of the same key, so that a sender has them.
func leaving(t testing.TB, p *publisher.Publisher, after time.Duration, bodies ...string) []*underWay {
	t.Helper()
	var calls []*underWay
	for _, b := range bodies {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(after, cancel)
		msg := newMessage(b)
		msg.SetContext(ctx)
		calls = append(calls, publishing(p, orders, msg))
	}
	return calls
}

// deserted has the first send take 100 ms and f happen to the second, whose
// callers leave after 600 ms, and returns how long the next message takes then.
func deserted(t *testing.T, c *embedded.Cluster, outcome publisher.Outcome, f embedded.Fault, change func(*publisher.Config)) time.Duration {
	t.Helper()
	onSend(c, func(n int, _ embedded.Request) embedded.Fault {
		switch n {
		case 1:
			return embedded.DelayAnswer(100 * time.Millisecond)
		case 2:
			return f
		default:
			return embedded.Fault{}
		}
	})
	p := publisherOn(t, c, func(c *publisher.Config) {
		c.SendTimeout, c.AttemptTimeout = time.Minute, time.Minute
		change(c)
	})
	publisher.NeverHurry(p)
	first := publishing(p, orders, newMessage("k-0"))
	left := leaving(t, p, 600*time.Millisecond, "k-1", "k-2")
	time.Sleep(200 * time.Millisecond)
	behind := publishing(p, orders, newMessage("k-3"))
	requirePublished(t, first, behind)
	for _, u := range left {
		require.Equal(t, outcome, u.resultOf(t).Outcome)
		require.ErrorIs(t, u.err, context.Canceled)
		require.Equal(t, 600*time.Millisecond, u.took)
	}
	return behind.took
}

// A request that all its callers have left gives its place to the next at once.
func TestPromiseDesertedRequestEnds(t *testing.T) {
	for name, change := range map[string]func(*publisher.Config){
		"without keys": func(*publisher.Config) {}, "with a key": byPayload,
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, c *embedded.Cluster) {
				took := deserted(t, c, publisher.MayBeStored, embedded.Ignore(), change)
				require.Equal(t, 400*time.Millisecond, took)
			})
		})
	}
}

// So does one that pauses between two attempts.
func TestPromiseDesertedPauseEnds(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		took := deserted(t, c, publisher.NotSent, embedded.Answer(headers.SystemBusy, "[REJECTREQUEST]"), func(c *publisher.Config) {
			byPayload(c)
			c.Backoff.Min, c.Backoff.Max = 30*time.Second, 30*time.Second
		})
		require.Equal(t, 400*time.Millisecond, took)
	})
}

// A request goes on as long as one of its callers waits, and the one who stays has
// his message stored.
func TestPromiseHalfDesertedRequestGoesOn(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		onSend(c, func(n int, _ embedded.Request) embedded.Fault {
			return embedded.DelayAnswer([]time.Duration{0, 100 * time.Millisecond, time.Second}[n])
		})
		p := publisherOn(t, c, nil)
		publisher.NeverHurry(p)
		first := publishing(p, orders, newMessage("first"))
		left := leaving(t, p, 600*time.Millisecond, "left")[0]
		stays := publishing(p, orders, newMessage("stays"))
		requirePublished(t, first, stays)
		require.Equal(t, 1100*time.Millisecond, stays.took)
		require.Equal(t, publisher.MayBeStored, left.resultOf(t).Outcome)
		require.Equal(t, 2, sends(c))
	})
}
