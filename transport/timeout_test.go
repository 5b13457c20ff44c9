package transport_test

import (
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/transport"
)

func TestIdleTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t)
		ended := make(chan error, 1)
		c := newClient(t, transport.Config{
			Dial: n.Dial, IdleTimeout: 80 * time.Second,
			Events: transport.Events{Disconnected: func(_ string, err error) { ended <- err }},
		})
		call := invoke(t.Context(), c, addr, "ping")
		p := n.Accept()
		p.Expect("ping").Answer("pong")
		call.Wants(t, "pong")
		for range 5 { // it lives as long as something comes, were it one byte
			pass(69 * time.Second)
			p.Send(requestFrame(t, 1, true)[:1])
			pass(time.Second)
			p.Send(requestFrame(t, 1, true)[1:])
		}
		require.Equal(t, []string{addr}, c.Connected())
		start := time.Now()
		p.ExpectEnd()
		require.InDelta(t, 75, time.Since(start).Seconds(), 5, "up to an eighth early")
		err := <-ended
		require.ErrorIs(t, err, os.ErrDeadlineExceeded)
		require.ErrorContains(t, err, "nothing read for 1m20s")
		require.Empty(t, c.Connected())
	})
}

// A frame that does not end keeps no connection: its bytes are a sign of life for
// IdleTimeout.
func TestIdleTimeoutOfAFrameThatDoesNotEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t)
		ended := make(chan error, 1)
		c := newClient(t, transport.Config{
			Dial: n.Dial, IdleTimeout: 80 * time.Second,
			Events: transport.Events{Disconnected: func(_ string, err error) { ended <- err }},
		})
		require.NoError(t, c.Connect(t.Context(), addr))
		p := n.Accept()
		p.Send(largestFrame)
		start := time.Now()
		for len(ended) == 0 && time.Since(start) < time.Hour {
			pass(time.Second)
			_, _ = p.nc.Write([]byte{0}) // the connection may be closed
		}
		require.InDelta(t, 85, time.Since(start).Seconds(), 6)
		require.ErrorContains(t, <-ended, "a frame does not end")
	})
}

func TestWriteTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t)
		c := newClient(t, transport.Config{Dial: n.Dial, WriteTimeout: 5 * time.Second})
		start := time.Now()
		stuck := invoke(t.Context(), c, addr, "stuck")
		p := n.Accept()
		synctest.Wait()
		queued := invoke(t.Context(), c, addr, "queued")
		op := stuck.Fails(t)
		require.Equal(t, "write", op.Op)
		require.ErrorIs(t, op, os.ErrDeadlineExceeded)
		require.False(t, op.Sent)
		require.False(t, queued.Fails(t).Sent)
		require.Equal(t, 5*time.Second, time.Since(start))
		p.ExpectEnd()
	})
}

// TestStuckWriteDoesNotHoldCallers has callers leave a connection that takes
// nothing, each when its own time is up.
func TestStuckWriteDoesNotHoldCallers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t)
		c := newClient(t, transport.Config{Dial: n.Dial, StallTimeout: time.Minute})
		start := time.Now()
		first := invoke(timeout(t, time.Second), c, addr, "first")
		synctest.Wait()
		second := invoke(timeout(t, 2*time.Second), c, addr, "second")
		require.True(t, first.Fails(t).Sent)
		require.False(t, second.Fails(t).Sent)
		require.Equal(t, 2*time.Second, time.Since(start))
		require.Equal(t, []string{addr}, c.Connected())
	})
}
