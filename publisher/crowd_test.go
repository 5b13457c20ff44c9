package publisher

import (
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
)

func TestCrowdIsUpWithItsLastCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &crowd{up: make(chan struct{}, 1)}
		calls := []*call{{done: make(chan struct{}, 1)}, {done: make(chan struct{}, 1)}}
		c.gather(calls)
		up := false
		go func() {
			c.wait()
			up = true
		}()
		wake(calls)
		calls[0].await()
		synctest.Wait()
		require.False(t, up, "one is still asleep")
		calls[1].await()
		synctest.Wait()
		require.True(t, up)
		require.Nil(t, calls[0].crowd, "it is no member of the next one")
	})
}

func TestNobodyWaitsForAsynchronousCalls(t *testing.T) {
	c := &crowd{up: make(chan struct{}, 1)}
	asynchronous := &call{async: asyncCall{delivery: &delivery{}}}
	c.gather([]*call{asynchronous})
	require.Nil(t, asynchronous.crowd)
	c.wait()
	c.gather(nil)
	c.wait()
}
