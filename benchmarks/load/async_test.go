package load

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// Every place has a call under way all the time, and none has two.
func TestAsyncLoopKeepsAllPlacesUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const places = 4
		var mu sync.Mutex // guards what follows
		var underWay [places]int
		var sum, most, calls, early int
		begin := time.Now()
		var starts []Start
		for i := range places {
			starts = append(starts, func(done Done) error {
				mu.Lock()
				defer mu.Unlock()
				calls++
				early += underWay[i]
				underWay[i]++
				sum++
				most = max(most, sum)
				time.AfterFunc(time.Millisecond, func() {
					mu.Lock()
					underWay[i]--
					sum--
					mu.Unlock()
					done(1, nil)
				})
				return nil
			})
		}
		s, err := RunAsync(t.Context(), Task{
			Callers: 2, PerCall: 1, Depth: places, WarmUp: 20 * time.Millisecond, Length: 50 * time.Millisecond,
		}, starts)
		require.NoError(t, err)
		require.Zero(t, early, "calls in a place whose answer had not come")
		require.EqualValues(t, places, most)
		require.EqualValues(t, places*70, calls)
		require.EqualValues(t, places*50, s.Measured)
		require.Equal(t, s.Measured, s.InTime)
		require.EqualValues(t, places*70, s.Acknowledged)
		require.Zero(t, s.Failed)
		require.InDelta(t, time.Millisecond, s.Latency.Quantile(0.5), float64(time.Millisecond/100))
		require.Equal(t, 70*time.Millisecond, time.Since(begin))
	})
}

// All that was begun is waited for and counted, but only what is answered in time
// counts for the rate.
func TestAsyncLoopWaitsForTheLastAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := func(done Done) error {
			time.AfterFunc(30*time.Millisecond, func() { done(1, nil) })
			return nil
		}
		s, err := RunAsync(t.Context(), Task{Callers: 1, PerCall: 1, Length: 50 * time.Millisecond}, []Start{start, start})
		require.NoError(t, err)
		require.EqualValues(t, 4, s.Measured)
		require.EqualValues(t, 2, s.InTime)
	})
}

// A call that was refused at once and one whose answer is an error both fail; their
// places are used again.
func TestAsyncLoopCountsErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var calls int64
		s, err := RunAsync(t.Context(), Task{Callers: 1, PerCall: 1, Length: 30 * time.Millisecond}, []Start{func(done Done) error {
			calls++
			switch calls % 3 {
			case 1:
				return errors.New("refused")
			case 2:
				time.AfterFunc(time.Millisecond, func() { done(0, errors.New("no answer")) })
			default:
				time.AfterFunc(time.Millisecond, func() { done(1, nil) })
			}
			return nil
		}})
		require.NoError(t, err)
		require.EqualValues(t, 45, calls)
		require.EqualValues(t, 30, s.Failed)
		require.EqualValues(t, 15, s.Measured)
		require.Equal(t, "refused", s.Err)
	})
}

func TestTooManyErrorsEndAnAsyncLoop(t *testing.T) {
	s, err := RunAsync(t.Context(), Task{Callers: 2, PerCall: 1, Length: 24 * time.Hour},
		[]Start{func(Done) error { return errors.New("no broker") }})
	require.ErrorContains(t, err, "no broker")
	require.Zero(t, s.Measured)
}

func TestContextEndsAnAsyncLoop(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	calls := 0
	s, err := RunAsync(ctx, Task{Callers: 1, PerCall: 1, Length: 24 * time.Hour}, []Start{func(done Done) error {
		if calls++; calls == 3 {
			cancel()
		}
		done(1, nil)
		return nil
	}})
	require.NoError(t, err)
	require.GreaterOrEqual(t, s.Measured, int64(3))
}

// A sender that gets to run when the time is up already begins its call.
func TestEverySenderBeginsACall(t *testing.T) {
	start := func(done Done) error {
		done(1, nil)
		return nil
	}
	s, err := RunAsync(t.Context(), Task{Callers: 2, PerCall: 1, WarmUp: 1, Length: 1}, []Start{start, start})
	require.NoError(t, err)
	require.EqualValues(t, 2, s.Measured)
	require.EqualValues(t, 4, s.Acknowledged)
}

func TestAsyncLoopRefusesAnOpenLoop(t *testing.T) {
	_, err := RunAsync(t.Context(), Task{Callers: 1, PerCall: 1, Rate: 1, Length: 1}, nil)
	require.Error(t, err)
}
