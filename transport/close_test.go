package transport_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/transport"
)

func TestClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t)
		c := newClient(t, transport.Config{Dial: dialDead(n)})
		written := invoke(t.Context(), c, addr, "written")
		p := n.Accept()
		p.Expect("written")
		dialing := invoke(t.Context(), c, deadAddr, "dialing")
		synctest.Wait()

		start := time.Now()
		require.NoError(t, c.Close())
		op := written.Fails(t)
		require.ErrorIs(t, op, transport.ErrClosed)
		require.True(t, op.Sent)
		op = dialing.Fails(t)
		require.ErrorIs(t, op, transport.ErrClosed)
		require.Equal(t, "dial", op.Op)
		require.False(t, op.Sent)
		p.ExpectEnd()
		require.Empty(t, c.Connected())

		require.NoError(t, c.Close())
		require.ErrorIs(t, invoke(t.Context(), c, addr, "late").Fails(t), transport.ErrClosed)
		require.Equal(t, start, time.Now())
	})
}

func TestCloseByMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t)
		c := newClient(t, transport.Config{Dial: n.Dial})
		for range 20 {
			invoke(t.Context(), c, addr, "ping")
			go func() { _ = c.Close() }()
		}
	}) // synctest fails if a goroutine is left
}

func TestRetire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t)
		ended := make(chan error, 10)
		c := newClient(t, transport.Config{
			Dial:   n.Dial,
			Events: transport.Events{Disconnected: func(_ string, err error) { ended <- err }},
		})
		c.Retire(addr) // nothing there
		old := invoke(t.Context(), c, addr, "old")
		p := n.Accept()
		r := p.Expect("old")
		c.Retire(addr)
		require.Empty(t, c.Connected())

		next := invoke(t.Context(), c, addr, "new")
		n.Accept().Expect("new").Answer("from the new")
		next.Wants(t, "from the new")

		r.Answer("from the old")
		old.Wants(t, "from the old")
		p.ExpectEnd()
		require.ErrorIs(t, <-ended, transport.ErrRetired)
		require.Equal(t, []string{addr}, c.Connected())

		c.Retire(addr) // one without calls ends at once
		require.ErrorIs(t, <-ended, transport.ErrRetired)
	})
}

// An address that is retired while it is dialed keeps no connection either.
func TestRetireWhileDialing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t)
		dial, gate := gated(n.Dial)
		c := newClient(t, transport.Config{Dial: dial})
		call := invoke(t.Context(), c, addr, "ping")
		synctest.Wait()
		c.Retire(addr)
		op := call.Fails(t)
		require.ErrorIs(t, op, transport.ErrRetired)
		require.Equal(t, "dial", op.Op)
		require.False(t, op.Sent)

		next := invoke(t.Context(), c, addr, "next") // dials anew
		close(gate)
		n.Accept().Expect("next").Answer("pong")
		next.Wants(t, "pong")
		require.Len(t, n.Dialed(), 1)
		require.Equal(t, []string{addr}, c.Connected())
	})
}

// The same while Connected is told of the connection, which ends then.
func TestRetireWhileConnectedRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t)
		ended := make(chan error, 1)
		var c *transport.Client
		c = newClient(t, transport.Config{Dial: n.Dial, Events: transport.Events{
			Connected:    func(addr string) { c.Retire(addr) },
			Disconnected: func(_ string, err error) { ended <- err },
		}})
		require.ErrorIs(t, invoke(t.Context(), c, addr, "ping").Fails(t), transport.ErrRetired)
		require.ErrorIs(t, <-ended, transport.ErrRetired)
		n.Accept().ExpectEnd()
		require.Empty(t, c.Connected())
	})
}

// TestRetiredEndsWithItsLastCall has that call end in each way but an answer.
func TestRetiredEndsWithItsLastCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t)
		c := newClient(t, transport.Config{Dial: n.Dial})
		call := invoke(timeout(t, time.Second), c, addr, "withdrawn")
		p := n.Accept()
		p.Expect("withdrawn")
		c.Retire(addr)
		call.Fails(t)
		p.ExpectEnd()

		call = invokeOneway(t.Context(), c, addr, "oneway")
		p = n.Accept()
		synctest.Wait()
		c.Retire(addr)
		p.Expect("oneway")
		call.Wants(t, "")
		p.ExpectEnd()
	})
}

// TestCloseEndsRetired has Close meet a retired connection that still waits for
// an answer.
func TestCloseEndsRetired(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t)
		c := newClient(t, transport.Config{Dial: n.Dial})
		call := invoke(t.Context(), c, addr, "ping")
		n.Accept().Expect("ping")
		c.Retire(addr)
		start := time.Now()
		require.NoError(t, c.Close())
		require.ErrorIs(t, call.Fails(t), transport.ErrClosed)
		require.Equal(t, start, time.Now())
	})
}
