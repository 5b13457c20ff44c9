package transport_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/transport"
)

// GoAway answers as a server that shuts down.
func (r request) GoAway() {
	r.peer.t.Helper()
	frame, err := headers.AppendResponse(nil, headers.JSON, r.Opaque, headers.GoAway, "please go away", nil, nil)
	require.NoError(r.peer.t, err)
	r.peer.Send(frame)
}

// A connection on which the peer answers GO_AWAY carries no new call, and ends
// with the answer to the last that it has.
func TestGoAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t)
		ended := make(chan error, 10)
		c := newClient(t, transport.Config{
			Dial:   n.Dial,
			Events: transport.Events{Disconnected: func(_ string, err error) { ended <- err }},
		})
		first, second := invoke(t.Context(), c, addr, "x"), invoke(t.Context(), c, addr, "x")
		p := n.Accept()
		refused, late := p.Expect("x"), p.Expect("x")
		refused.GoAway()
		synctest.Wait()
		require.Empty(t, c.Connected())

		next := invoke(t.Context(), c, addr, "new")
		fresh := n.Accept()
		fresh.Expect("new").Answer("from the new")
		next.Wants(t, "from the new")
		require.Empty(t, ended, "the old connection still has a call")

		late.Answer("from the old")
		p.ExpectEnd()
		require.ErrorIs(t, <-ended, transport.ErrRetired)
		got := []string{(<-first).body, (<-second).body}
		require.ElementsMatch(t, []string{"", "from the old"}, got)
		require.Equal(t, []string{addr}, c.Connected())
	})
}

// GO_AWAY is about the connection that it came on. Another to the same address,
// which is there by then, stays in use.
func TestLateGoAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t)
		c := newClient(t, transport.Config{Dial: n.Dial})
		calls := make([]pending, 2)
		for i := range calls {
			calls[i] = invoke(t.Context(), c, addr, "old")
		}
		old := n.Accept()
		requests := []request{old.Expect("old"), old.Expect("old")}
		requests[0].GoAway()
		synctest.Wait()

		next := invoke(t.Context(), c, addr, "new")
		fresh := n.Accept()
		fresh.Expect("new").Answer("")
		next.Wants(t, "")

		requests[1].GoAway() // late
		old.ExpectEnd()
		for _, call := range calls {
			call.Wants(t, "")
		}
		again := invoke(t.Context(), c, addr, "again")
		fresh.Expect("again").Answer("")
		again.Wants(t, "")
		require.Equal(t, []string{addr, addr}, n.Dialed())
	})
}

// GO_AWAY counts though nobody waits for the answer any more.
func TestGoAwayToNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t)
		c := newClient(t, transport.Config{Dial: n.Dial})
		call := invoke(timeout(t, time.Second), c, addr, "left")
		p := n.Accept()
		r := p.Expect("left")
		call.Fails(t)
		r.GoAway()
		p.ExpectEnd()
		require.Empty(t, c.Connected())
	})
}
