package load

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestClosedLoopCountsWhatWasConfirmed(t *testing.T) {
	var calls atomic.Int64
	send := func() (int, error) {
		time.Sleep(time.Millisecond)
		if calls.Add(1)%2 == 0 {
			return 1, errors.New("the second message is lost")
		}
		return 2, nil
	}
	s, err := Run(context.Background(), Task{Callers: 3, PerCall: 2, WarmUp: 20 * time.Millisecond, Length: 50 * time.Millisecond},
		[]Send{send, send, send})
	require.NoError(t, err)
	require.Equal(t, 2*calls.Load()-s.Failed, s.Acknowledged)
	require.Equal(t, calls.Load()/2, s.Failed)
	require.Less(t, s.Measured, s.Acknowledged, "the warm-up is acknowledged as well")
	require.LessOrEqual(t, s.InTime, s.Measured)
	require.Equal(t, "the second message is lost", s.Err)
	require.Positive(t, s.Mallocs)
	require.Greater(t, s.Latency.Quantile(0.5), time.Millisecond-time.Millisecond/100)
}

func TestNothingConfirmedIsAnError(t *testing.T) {
	_, err := Run(context.Background(), Task{Callers: 1, PerCall: 1, Length: time.Minute},
		[]Send{func() (int, error) { return 0, errors.New("no broker") }})
	require.ErrorContains(t, err, "no broker")
}

func TestContextEndsALoad(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	begin := time.Now()
	_, err := Run(ctx, Task{Callers: 1, PerCall: 1, Length: time.Minute}, []Send{func() (int, error) { return 1, nil }})
	require.NoError(t, err)
	require.Less(t, time.Since(begin), 30*time.Second)
}

// A stall delays all that were planned meanwhile, and each counts its own delay.
func TestOpenLoopCountsFromThePlannedTime(t *testing.T) {
	stall := true
	send := func() (int, error) {
		if stall {
			stall = false
			time.Sleep(100 * time.Millisecond)
		}
		return 1, nil
	}
	s, err := Run(context.Background(), Task{Callers: 1, PerCall: 1, Rate: 1000, Length: 200 * time.Millisecond}, []Send{send})
	require.NoError(t, err)
	require.EqualValues(t, 200, s.Measured)
	late := s.Latency.Quantile(0.75)
	require.Greater(t, late, 30*time.Millisecond, "calls that came during the stall")
}
