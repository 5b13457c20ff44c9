package dispatch

import (
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
)

func TestRegroupIsUpWithItsLastCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &regroup{up: make(chan struct{}, 1)}
		calls := []*Call{{done: make(chan struct{}, 1)}, {done: make(chan struct{}, 1)}}
		g.gather(calls)
		up := false
		go func() {
			g.wait()
			up = true
		}()
		wake(calls)
		calls[0].await()
		synctest.Wait()
		require.False(t, up, "one is still asleep")
		calls[1].await()
		synctest.Wait()
		require.True(t, up)
		require.Nil(t, calls[0].group, "it is no member of the next one")
	})
}

func TestNobodyWaitsForAsynchronousCalls(t *testing.T) {
	g := &regroup{up: make(chan struct{}, 1)}
	asynchronous := &Call{Async: true}
	g.gather([]*Call{asynchronous})
	require.Nil(t, asynchronous.group)
	g.wait()
	g.gather(nil)
	g.wait()
}
