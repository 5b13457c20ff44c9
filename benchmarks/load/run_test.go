package load

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestClosedLoopCountsWhatWasConfirmed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var calls atomic.Int64
		send := func() (int, error) {
			time.Sleep(time.Millisecond)
			if calls.Add(1)%2 == 0 {
				return 1, errors.New("the second message is lost")
			}
			return 2, nil
		}
		s, err := Run(t.Context(), Task{Callers: 3, PerCall: 2, WarmUp: 20 * time.Millisecond, Length: 50 * time.Millisecond},
			[]Send{send, send, send})
		require.NoError(t, err)
		require.EqualValues(t, 3*70, calls.Load())
		require.Equal(t, 2*calls.Load()-s.Failed, s.Acknowledged)
		require.Equal(t, calls.Load()/2, s.Failed)
		require.EqualValues(t, 3*50*3/2, s.Measured)
		require.Equal(t, s.Measured, s.InTime)
		require.Equal(t, "the second message is lost", s.Err)
		require.Positive(t, s.Mallocs)
		require.InDelta(t, time.Millisecond, s.Latency.Quantile(0.5), float64(time.Millisecond/100))
	})
}

func TestNothingConfirmedIsAnError(t *testing.T) {
	_, err := Run(context.Background(), Task{Callers: 1, PerCall: 1, Length: time.Minute},
		[]Send{func() (int, error) { return 0, errors.New("no broker") }})
	require.ErrorContains(t, err, "no broker")
}

func TestContextEndsALoad(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	calls := 0
	_, err := Run(ctx, Task{Callers: 1, PerCall: 1, Length: 24 * time.Hour}, []Send{func() (int, error) {
		if calls++; calls == 3 {
			cancel() // not after a time: all of it may be over before the first call
		}
		return 1, nil
	}})
	require.NoError(t, err)
	require.GreaterOrEqual(t, calls, 3)
}

// A caller that gets to run when the time is up already makes its call: that of a
// short measurement on a busy machine measures little, and is no failure.
func TestEveryCallerMakesACall(t *testing.T) {
	s, err := Run(t.Context(), Task{Callers: 2, PerCall: 1, WarmUp: 1, Length: 1},
		[]Send{func() (int, error) { return 1, nil }, func() (int, error) { return 1, nil }})
	require.NoError(t, err)
	require.EqualValues(t, 2, s.Measured)
	require.EqualValues(t, 4, s.Acknowledged)
}

func TestOpenLoopMakesEveryPlannedCall(t *testing.T) {
	s, err := Run(t.Context(), Task{Callers: 1, PerCall: 1, Rate: 1000, Length: 200 * time.Millisecond},
		[]Send{func() (int, error) { return 1, nil }})
	require.NoError(t, err)
	require.EqualValues(t, 200, s.Measured)
}

// A stall delays all that were planned meanwhile, and each counts its own delay.
func TestOpenLoopCountsFromThePlannedTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPhase(Task{Callers: 1, PerCall: 1}, 200*time.Millisecond)
		p.begin = time.Now()
		planned := make(chan time.Duration, 200)
		go func() { // as pace does, whose clock is a real one
			for at := time.Duration(0); at < p.length; at += time.Millisecond {
				time.Sleep(at - time.Since(p.begin))
				planned <- at
			}
			close(planned)
		}()
		stall := 100 * time.Millisecond
		p.open(0, func() (int, error) {
			time.Sleep(stall)
			stall = 0
			return 1, nil
		}, planned)
		require.EqualValues(t, 200, p.confirmed.Load())
		latency := p.latency.total()
		require.InDelta(t, 100*time.Millisecond, latency.Quantile(1), float64(time.Millisecond))
		require.InDelta(t, 50*time.Millisecond, latency.Quantile(0.75), float64(2*time.Millisecond), "half came during the stall")
		require.Zero(t, latency.Quantile(0.4))
	})
}
