package dispatch

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/internal/verdict"
)

func newHealth() *health {
	return &health{
		cfg:       Avoidance{SlowAfter: 550 * time.Millisecond, FailedFor: 10 * time.Second},
		probeTime: time.Hour,
	}
}

var healthStart = time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)

// after is a moment that many seconds after the start of a test.
func after(seconds float64) time.Time {
	return healthStart.Add(time.Duration(seconds * float64(time.Second)))
}

func TestHealthSteps(t *testing.T) {
	for _, c := range []struct {
		name          string
		sign          verdict.Sign
		took, avoided time.Duration
	}{
		{"nothing known", verdict.NoSign, time.Minute, 0},
		{"quick", verdict.Answered, 549 * time.Millisecond, 0},
		{"slow", verdict.Answered, 550 * time.Millisecond, 2 * time.Second},
		{"below the next step", verdict.Answered, 1799 * time.Millisecond, 2 * time.Second},
		{"1.8 s", verdict.Answered, 1800 * time.Millisecond, 5 * time.Second},
		{"3 s", verdict.Answered, 3 * time.Second, 6 * time.Second},
		{"5 s", verdict.Answered, 5 * time.Second, 10 * time.Second},
		{"15 s", verdict.Answered, 15 * time.Second, 30 * time.Second},
		{"refuses", verdict.Refuses, 0, 10 * time.Second},
		{"unreachable", verdict.Unreachable, 0, 10 * time.Second},
		{"unanswered", verdict.Unanswered, 550 * time.Millisecond, 10 * time.Second},
		{"soon given up", verdict.Unanswered, 50 * time.Millisecond, 2 * time.Second},
		{"too soon given up", verdict.Unanswered, 49 * time.Millisecond, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHealth()
			h.learn("a", c.sign, c.took, healthStart)
			require.Equal(t, c.avoided > 0, h.anyAiling())
			if c.avoided > 0 {
				require.Equal(t, []string{"a"}, h.appendAvoided(nil, []string{"a", "b"}, healthStart.Add(c.avoided-1)))
			}
			require.Empty(t, h.appendAvoided(nil, []string{"a", "b"}, healthStart.Add(c.avoided)))
		})
	}
}

func TestHealthPreference(t *testing.T) {
	h := newHealth()
	avoided := func(names ...string) []string { return h.appendAvoided(nil, names, after(1)) }
	h.learn("dead", verdict.Unreachable, 0, healthStart)
	h.learn("dead too", verdict.Unreachable, 0, healthStart)
	h.learn("slow", verdict.Answered, 2*time.Second, healthStart)
	require.Equal(t, []string{"dead", "slow"}, avoided("dead", "slow", "well"))
	require.Equal(t, []string{"dead"}, avoided("dead", "slow"))
	require.Empty(t, avoided("slow"))
	require.Empty(t, avoided("dead", "dead too"))
	require.Empty(t, avoided("well"))
}

// Many that fail together are one failure.
func TestHealthCrowd(t *testing.T) {
	h := newHealth()
	for range 100 {
		h.learn("a", verdict.Unreachable, 0, healthStart)
	}
	require.Empty(t, h.appendAvoided(nil, []string{"a", "b"}, after(10)))
}

// One trial at a time. Its failure adds to the time, an answer ends it.
func TestHealthTrial(t *testing.T) {
	h := newHealth()
	both := []string{"a", "b"}
	h.learn("a", verdict.Unreachable, 0, healthStart)
	require.True(t, h.take("b", false, after(1)), "nothing is known of it")
	require.True(t, h.take("a", false, after(1)), "it may be the last resort, which is no trial")
	require.True(t, h.take("a", false, after(10)))
	require.False(t, h.take("a", false, after(10)), "another is trying it")
	require.Equal(t, []string{"a"}, h.appendAvoided(nil, both, after(12)))
	require.Equal(t, []string{"a"}, h.appendAvoided(nil, both, after(10+3599)))
	require.True(t, h.take("a", false, after(10+3600)), "the trial ought to have ended")

	h.learn("a", verdict.Unreachable, 0, after(4000))
	require.Equal(t, []string{"a"}, h.appendAvoided(nil, both, after(4019)))
	require.True(t, h.take("a", false, after(4020)))
	h.learn("a", verdict.Answered, time.Second, after(4021))
	require.Equal(t, []string{"a"}, h.appendAvoided(nil, both, after(4022)))
	require.Empty(t, h.appendAvoided(nil, both, after(4023)), "slow: a new start, and no longer a failure")
	require.True(t, h.take("a", false, after(4023)))
	h.learn("a", verdict.Unreachable, 0, after(4023))
	require.Empty(t, h.appendAvoided(nil, both, after(4033)), "the first failure in this row")
	require.True(t, h.take("a", false, after(4033)))
	h.learn("a", verdict.Answered, 0, after(4034))
	require.False(t, h.anyAiling())
}

// A shorter avoidance does not end a longer one.
func TestHealthLongestCounts(t *testing.T) {
	h := newHealth()
	h.learn("a", verdict.Refuses, 0, healthStart)
	h.learn("a", verdict.Answered, time.Second, after(1))
	require.Equal(t, []string{"a"}, h.appendAvoided(nil, []string{"a", "b"}, after(9)))
}

// What nobody has tried again for long is forgotten, so that brokers that come and
// go under new names leave nothing behind.
func TestHealthForgets(t *testing.T) {
	h := newHealth()
	h.learn("gone", verdict.Unreachable, 0, healthStart)
	h.learn("a", verdict.Unreachable, 0, after(10+300))
	require.Equal(t, int32(2), h.ailing.Load())
	h.learn("a", verdict.Unreachable, 0, after(10+301))
	require.Equal(t, int32(1), h.ailing.Load())
	require.NotContains(t, h.brokers, "gone")
}

func TestHealthOff(t *testing.T) {
	h := newHealth()
	h.cfg.Disabled = true
	h.learn("a", verdict.Unreachable, 0, healthStart)
	require.False(t, h.anyAiling())
}

// Of any number that find a broker's time over, one tries it.
func TestHealthConcurrentTrial(t *testing.T) {
	h := newHealth()
	h.learn("a", verdict.Unreachable, 0, healthStart)
	var taken atomic.Int32
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			if h.take("a", false, after(10)) {
				taken.Add(1)
			}
		})
	}
	wg.Wait()
	require.Equal(t, int32(1), taken.Load())
}

// A broker that is gone for good is forgotten though no other ever fails.
func TestHealthForgetsTheLast(t *testing.T) {
	h := newHealth()
	h.learn("gone", verdict.Unreachable, 0, healthStart)
	h.appendAvoided(nil, []string{"a", "b"}, after(10+299))
	require.True(t, h.anyAiling())
	h.appendAvoided(nil, []string{"a", "b"}, after(10+301))
	require.False(t, h.anyAiling())
}

// What is written without an answer says only that the broker can be reached.
func TestHealthWritten(t *testing.T) {
	for sign, forgiven := range map[verdict.Sign]bool{verdict.Unreachable: true, verdict.Unanswered: false, verdict.Refuses: false} {
		h := newHealth()
		h.learn("a", sign, time.Second, healthStart)
		require.True(t, h.take("a", true, after(10)))
		require.Equal(t, !forgiven, h.take("a", true, after(10)), "it tries whether the broker can be reached")
		h.written("a")
		require.Equal(t, !forgiven, h.anyAiling())
		require.True(t, h.take("a", false, after(10)))
		require.Equal(t, forgiven, h.take("a", false, after(10)), "the trial is left to one that is answered")
	}
	h := newHealth()
	h.learn("a", verdict.Answered, time.Second, healthStart)
	h.written("a")
	require.True(t, h.anyAiling())
	h.cfg.Disabled = true
	h.written("a")
}
