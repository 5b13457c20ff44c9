package transport_test

import (
	"context"
	"slices"
	"strings"
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

// largestFrame is the length of a frame of 16 MiB.
var largestFrame = []byte{0, 0xff, 0xff, 0xfc}

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
		{"long call while a frame does not end", true, func(t *testing.T, c *transport.Client, p *peer) {
			p.Send(largestFrame)
			call := invoke(timeout(t, 3*time.Second), c, addr, "ping")
			p.Expect("ping")
			for range 5 {
				pass(500 * time.Millisecond)
				p.Send([]byte{0})
			}
			call.Fails(t)
		}},
		{"short calls whose answers a wrong length swallows", true, func(t *testing.T, c *transport.Client, p *peer) {
			p.Send(largestFrame)
			for range 3 {
				call := invoke(timeout(t, time.Second), c, addr, "ping")
				answer := answerFrame(t, p.Expect("ping").Opaque, "")
				pass(900 * time.Millisecond)
				_, _ = p.nc.Write(answer) // the connection may be closed
				call.Fails(t)
			}
		}},
		{"one short call while a frame does not end", false, func(t *testing.T, c *transport.Client, p *peer) {
			p.Send(largestFrame)
			for range 10 {
				pass(time.Second)
				p.Send([]byte{0})
			}
			inVain(t, c, p, 10*time.Millisecond)
		}},
		{"long call while a large frame comes slowly", false, func(t *testing.T, c *transport.Client, p *peer) {
			p.Send(largestFrame)
			call := invoke(timeout(t, 3*time.Second), c, addr, "ping")
			p.Expect("ping")
			for range 10 {
				p.Send(make([]byte, 100<<10))
				pass(500 * time.Millisecond)
			}
			call.Fails(t)
		}},
		{"short call long after a frame that came slowly", false, func(t *testing.T, c *transport.Client, p *peer) {
			poll := invoke(t.Context(), c, addr, "poll")
			answer := answerFrame(t, p.Expect("poll").Opaque, "")
			p.Send(answer[:1])
			pass(time.Second)
			inVain(t, c, p, 1500*time.Millisecond)
			p.Send(answer[1:])
			poll.Wants(t, "")
			pass(10 * time.Second)
			inVain(t, c, p, 600*time.Millisecond)
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

// A large answer may take longer than others have patience, as long as it comes.
func TestStallSparesASlowAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t)
		c := newClient(t, transport.Config{Dial: n.Dial})
		body := strings.Repeat("x", 3<<20)
		patient := invoke(t.Context(), c, addr, "patient")
		p := n.Accept()
		answer := answerFrame(t, p.Expect("patient").Opaque, body)
		hasty := invoke(timeout(t, 3*time.Second), c, addr, "hasty")
		p.Expect("hasty")
		for piece := range slices.Chunk(answer, 200<<10) {
			p.Send(piece)
			pass(time.Second)
		}
		require.ErrorIs(t, hasty.Fails(t), context.DeadlineExceeded)
		patient.Wants(t, body)
	})
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
