package gate

import (
	"context"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// In a crowd of all sizes that come, give up and go, the gate never has more
// inside than it may, and in the end nothing and nobody is left.
func TestGateInACrowd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := Gate{limit: Amount{Messages: 10, Bytes: 1000}}
		var mu sync.Mutex
		var inside, calls, most Amount
		entered, gaveUp := 0, 0
		var wg sync.WaitGroup
		for range 64 {
			wg.Go(func() {
				for range 200 {
					load := Amount{Messages: 1 + rand.IntN(12), Bytes: rand.IntN(1200)}
					ctx, cancel := context.WithTimeout(t.Context(), time.Duration(rand.IntN(500))*time.Millisecond)
					in := g.Enter(load, ctx.Done(), nil)
					cancel()
					mu.Lock()
					if !in {
						gaveUp++
						mu.Unlock()
						continue
					}
					entered++
					inside.Messages += load.Messages
					inside.Bytes += load.Bytes
					calls.Messages++
					if calls.Messages > 1 {
						most.Messages, most.Bytes = max(most.Messages, inside.Messages), max(most.Bytes, inside.Bytes)
					}
					mu.Unlock()
					time.Sleep(time.Duration(rand.IntN(10)) * time.Millisecond)
					mu.Lock()
					inside.Messages -= load.Messages
					inside.Bytes -= load.Bytes
					calls.Messages--
					mu.Unlock()
					g.Leave(load)
				}
			})
		}
		wg.Wait()
		require.NotZero(t, entered)
		require.NotZero(t, gaveUp)
		require.LessOrEqual(t, most.Messages, 10)
		require.LessOrEqual(t, most.Bytes, 1000)
		require.Greater(t, most.Messages, 8, "it is made use of")
		require.Zero(t, g.inside)
		require.Zero(t, g.queue)
	})
}

// visiting enters on a goroutine of its own and returns when it waits or is in.
func visiting(g *Gate, load Amount, done <-chan struct{}) *bool {
	in := new(bool)
	go func() { *in = g.Enter(load, done, nil) }()
	synctest.Wait()
	return in
}

// The one at the head keeps those behind it out, though they would fit; when it
// gives up they get in.
func TestGateHeadGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := Gate{limit: Amount{Messages: 4, Bytes: 100}}
		require.True(t, g.TryEnter(Amount{Messages: 3}))
		done := make(chan struct{})
		big := visiting(&g, Amount{Messages: 2}, done)
		small := visiting(&g, Amount{Messages: 1}, nil)
		require.False(t, *big)
		require.False(t, *small)
		require.False(t, g.TryEnter(Amount{Messages: 1}), "nor does one get past the queue")
		close(done)
		synctest.Wait()
		require.False(t, *big)
		require.True(t, *small)
		require.Equal(t, 4, g.inside.Messages)
	})
}

// Room that is given back goes to as many as fit, in order.
func TestGateAdmitsAllThatFit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := Gate{limit: Amount{Messages: 4, Bytes: 100}}
		all := Amount{Messages: 4, Bytes: 1}
		require.True(t, g.TryEnter(all))
		var in []*bool
		for _, bytes := range []int{40, 40, 40, 1} {
			in = append(in, visiting(&g, Amount{Messages: 1, Bytes: bytes}, nil))
		}
		g.Leave(all)
		synctest.Wait()
		require.True(t, *in[0])
		require.True(t, *in[1])
		require.False(t, *in[2], "bytes")
		require.False(t, *in[3], "it would fit, but is not the next")
		g.Leave(Amount{Messages: 1, Bytes: 40})
		synctest.Wait()
		require.True(t, *in[2])
		require.True(t, *in[3])
		require.Equal(t, Amount{Messages: 3, Bytes: 81}, g.inside)
	})
}

// One that was let in just when its time was over is in: its room is counted, and
// it has to leave like any other.
func TestGateLetInAtTheLastMoment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for range 100 { // each time it may see either first
			g := Gate{limit: Amount{Messages: 1, Bytes: 1}}
			one := Amount{Messages: 1}
			require.True(t, g.TryEnter(one))
			done := make(chan struct{})
			in := visiting(&g, one, done)
			g.mu.Lock()
			close(done)
			g.inside = Amount{}
			g.admit()
			g.mu.Unlock()
			synctest.Wait()
			require.True(t, *in)
			require.Equal(t, one, g.inside)
			require.Zero(t, g.queue)
		}
	})
}
