package transport_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/transport"
)

// stalls says whether the script leaves the connection taken for dead. The
// peer answers what the script answers and reads the rest in silence.
func stalls(t *testing.T, script func(t *testing.T, c *transport.Client, p *peer)) bool {
	t.Helper()
	var dead bool
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t)
		c := newClient(t, transport.Config{Dial: n.Dial, StallTimeout: 2 * time.Second})
		hello := invoke(t.Context(), c, addr, "hello")
		p := n.Accept()
		p.Expect("hello").Answer("")
		hello.Wants(t, "")
		script(t, c, p)
		synctest.Wait()
		dead = len(c.Connected()) == 0
	})
	return dead
}

// inVain makes a call that the peer reads and does not answer for so long.
func inVain(t *testing.T, c *transport.Client, p *peer, d time.Duration) {
	t.Helper()
	call := invoke(timeout(t, d), c, addr, "ping")
	p.Expect("ping")
	op := call.Fails(t)
	require.ErrorIs(t, op, context.DeadlineExceeded)
	require.True(t, op.Sent)
	synctest.Wait()
}

func TestStall(t *testing.T) {
	type script = func(t *testing.T, c *transport.Client, p *peer)
	for _, tt := range []struct {
		name string
		dead bool
		do   script
	}{
		{"one call that waited for long", true, func(t *testing.T, c *transport.Client, p *peer) {
			inVain(t, c, p, 2*time.Second)
		}},
		{"one short call", false, func(t *testing.T, c *transport.Client, p *peer) {
			inVain(t, c, p, 1900*time.Millisecond)
		}},
		{"short calls one after the other", true, func(t *testing.T, c *transport.Client, p *peer) {
			inVain(t, c, p, time.Second)
			inVain(t, c, p, time.Second)
		}},
		{"short calls after a long pause", false, func(t *testing.T, c *transport.Client, p *peer) {
			inVain(t, c, p, time.Second)
			pass(100 * time.Second)
			inVain(t, c, p, 10*time.Millisecond)
		}},
		{"short call beside a long poll", false, func(t *testing.T, c *transport.Client, p *peer) {
			poll := invoke(t.Context(), c, addr, "poll")
			r := p.Expect("poll")
			pass(15 * time.Second)
			inVain(t, c, p, 10*time.Millisecond)
			r.Answer("")
			poll.Wants(t, "")
		}},
		{"short calls side by side", false, func(t *testing.T, c *transport.Client, p *peer) {
			var calls []pending
			for range 10 {
				calls = append(calls, invoke(timeout(t, time.Second), c, addr, "ping"))
				p.Expect("ping")
			}
			for _, call := range calls {
				call.Fails(t)
			}
		}},
		{"long call beside an answered one", false, func(t *testing.T, c *transport.Client, p *peer) {
			call := invoke(timeout(t, 3*time.Second), c, addr, "ping")
			p.Expect("ping")
			pass(1500 * time.Millisecond)
			other := invoke(t.Context(), c, addr, "other")
			p.Expect("other").Answer("")
			other.Wants(t, "")
			call.Fails(t)
		}},
		{"long call while the peer sends oneway requests", false, func(t *testing.T, c *transport.Client, p *peer) {
			call := invoke(timeout(t, 3*time.Second), c, addr, "ping")
			p.Expect("ping")
			pass(1500 * time.Millisecond)
			p.Send(requestFrame(t, 7, true))
			call.Fails(t)
		}},
		{"long call while a large answer trickles in", false, func(t *testing.T, c *transport.Client, p *peer) {
			call := invoke(timeout(t, 3*time.Second), c, addr, "ping")
			answer := answerFrame(t, p.Expect("ping").Opaque, "a large one")
			pass(1500 * time.Millisecond)
			p.Send(answer[:len(answer)/2])
			call.Fails(t)
		}},
		{"canceled calls", false, func(t *testing.T, c *transport.Client, p *peer) {
			ctx, cancel := context.WithCancel(t.Context())
			call := invoke(ctx, c, addr, "ping")
			p.Expect("ping")
			pass(10 * time.Second)
			cancel()
			require.ErrorIs(t, call.Fails(t), context.Canceled)
		}},
		{"nobody waits after a oneway request", false, func(t *testing.T, c *transport.Client, p *peer) {
			// Something comes from the peer while the oneway request is queued.
			call := invokeOneway(t.Context(), c, addr, "bye")
			synctest.Wait()
			p.Send(requestFrame(t, 7, true))
			p.Expect("bye")
			call.Wants(t, "")
			pass(50 * time.Second)
			inVain(t, c, p, 10*time.Millisecond)
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			require.Equal(t, tt.dead, stalls(t, tt.do))
		})
	}
}

// TestStallEndsOtherCalls checks what those see that share the connection, and
// that the next call gets a new one.
func TestStallEndsOtherCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t)
		c := newClient(t, transport.Config{Dial: n.Dial})
		patient := invoke(t.Context(), c, addr, "patient")
		p := n.Accept()
		p.Expect("patient")
		inVain(t, c, p, 3*time.Second)
		op := patient.Fails(t)
		require.ErrorIs(t, op, transport.ErrStalled)
		require.True(t, op.Sent)
		p.ExpectEnd()

		next := invoke(t.Context(), c, addr, "next")
		n.Accept().Expect("next").Answer("pong")
		next.Wants(t, "pong")
	})
}
