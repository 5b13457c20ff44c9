package fanout_test

import (
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/internal/fanout"
)

// Each number is done once, so many at once and no more, and all are done at the end.
func TestEach(t *testing.T) {
	for _, tc := range []struct{ n, atOnce, rounds int }{{0, 4, 0}, {1, 4, 1}, {4, 4, 1}, {5, 4, 2}, {100, 32, 4}, {3, 1, 3}} {
		synctest.Test(t, func(t *testing.T) {
			var mu sync.Mutex
			var done []int
			busy, most := 0, 0
			began := time.Now()
			fanout.Each(tc.n, tc.atOnce, func(i int) {
				mu.Lock()
				busy++
				most = max(most, busy)
				mu.Unlock()
				time.Sleep(time.Second)
				mu.Lock()
				busy--
				done = append(done, i)
				mu.Unlock()
			})
			require.Equal(t, time.Duration(tc.rounds)*time.Second, time.Since(began))
			require.Equal(t, min(tc.n, tc.atOnce), most)
			slices.Sort(done)
			require.Len(t, done, tc.n)
			for i, got := range done {
				require.Equal(t, i, got)
			}
		})
	}
}

// One that takes long keeps the others from nothing.
func TestEachGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		fanout.Each(11, 2, func(i int) {
			if i == 0 {
				time.Sleep(10 * time.Second)
			} else {
				time.Sleep(time.Second)
			}
		})
		require.Equal(t, 10*time.Second, time.Since(began))
	})
}
