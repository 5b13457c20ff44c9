package transport_test

import (
	"context"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/transport"
)

// A consumer's calls are parked by the broker most of the time: on a quiet topic nothing
// else is heard for as long as a poll lasts.

// longPolls starts four polls, each with that time, which the peer has read.
func longPolls(t *testing.T, c *transport.Client, p func() *peer, limit time.Duration) (polls []pending, requests []request) {
	t.Helper()
	for range 4 {
		polls = append(polls, invoke(timeout(t, limit), c, addr, "poll"))
		requests = append(requests, p().Expect("poll"))
	}
	return polls, requests
}

// accepted returns the peer of the first connection, again and again.
func accepted(n *network) func() *peer {
	var p *peer
	return func() *peer {
		if p == nil {
			p = n.Accept()
		}
		return p
	}
}

// Polls that are answered in their time keep their connection, though calls beside them
// are canceled, or run out of a time below StallTimeout.
func TestLongPollsKeepTheConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t)
		var lost atomic.Int32
		c := newClient(t, transport.Config{Dial: n.Dial, Events: transport.Events{Disconnected: func(string, error) { lost.Add(1) }}})
		p := accepted(n)
		for range 40 { // of 20 s
			polls, requests := longPolls(t, c, p, 25*time.Second)
			pass(7 * time.Second)
			inVain(t, c, p(), 1900*time.Millisecond)
			ctx, cancel := context.WithCancel(t.Context())
			canceled := invoke(ctx, c, addr, "canceled")
			p().Expect("canceled")
			pass(11 * time.Second)
			cancel()
			canceled.Fails(t)
			pass(100 * time.Millisecond)
			for i, poll := range polls {
				requests[i].Answer("nothing")
				poll.Wants(t, "nothing")
			}
		}
		require.Len(t, n.Dialed(), 1)
		require.Zero(t, lost.Load())
		require.Equal(t, []string{addr}, c.Connected())
	})
}

// A poll may take seven eighths of IdleTimeout if nothing else is heard. A longer one ends
// with the connection: it is no sign of life.
func TestLongestPoll(t *testing.T) {
	for name, tc := range map[string]struct {
		park  time.Duration
		fails bool
	}{
		"seven eighths": {park: 105*time.Second - 1},
		"too long":      {park: 121 * time.Second, fails: true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := newNetwork(t)
				c := newClient(t, transport.Config{Dial: n.Dial})
				p := accepted(n)
				first := invoke(t.Context(), c, addr, "first")
				p().Expect("first").Answer("")
				first.Wants(t, "")
				pass(10 * time.Second) // the deadline of the read has been there for a while
				poll := invoke(t.Context(), c, addr, "other")
				p().Expect("other").Answer("")
				poll.Wants(t, "")
				poll = invoke(t.Context(), c, addr, "poll")
				r := p().Expect("poll")
				pass(tc.park)
				if !tc.fails {
					r.Answer("nothing")
					poll.Wants(t, "nothing")
					return
				}
				op := poll.Fails(t)
				require.ErrorIs(t, op, os.ErrDeadlineExceeded)
				require.True(t, op.Sent)
				require.Empty(t, c.Connected())
			})
		})
	}
}

// A poll that runs out of its own time counts like any other call: for as long as nothing
// was heard. One beside which something was heard just before condemns nobody.
func TestOverdueLongPoll(t *testing.T) {
	for name, answered := range map[string]bool{"silence": false, "another one was answered": true} {
		t.Run(name, func(t *testing.T) {
			dead := stalls(t, func(t *testing.T, c *transport.Client, p *peer) {
				overdue := invoke(timeout(t, 25*time.Second), c, addr, "poll")
				p.Expect("poll")
				pass(9 * time.Second)
				other := invoke(timeout(t, 25*time.Second), c, addr, "other poll")
				r := p.Expect("other poll")
				pass(15 * time.Second)
				if answered {
					r.Answer("")
					other.Wants(t, "")
				}
				require.ErrorIs(t, overdue.Fails(t), context.DeadlineExceeded)
				synctest.Wait()
			})
			require.Equal(t, !answered, dead)
		})
	}
}

// An answer may be as large as a frame can be, and need not hold up polls that are parked
// beside it. It comes at 1 MiB a second here, and others run out of time meanwhile.
func TestLargestAnswerBesideLongPolls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t)
		c := newClient(t, transport.Config{Dial: n.Dial})
		p := accepted(n)
		polls, requests := longPolls(t, c, p, 25*time.Second)
		large := invoke(timeout(t, 25*time.Second), c, addr, "large")
		r := p().Expect("large")
		body := strings.Repeat("x", headers.MaxFrameSize-len(answerFrame(t, r.Opaque, "")))
		frame := answerFrame(t, r.Opaque, body)
		hasty := invoke(timeout(t, 3*time.Second), c, addr, "hasty")
		p().Expect("hasty")
		for len(frame) > 0 {
			size := min(len(frame), 1<<20)
			p().Send(frame[:size])
			frame = frame[size:]
			pass(time.Second)
		}
		got := <-large
		require.NoError(t, got.err)
		if got.body != body { // too much to print
			t.Fatalf("got %d bytes of %d", len(got.body), len(body))
		}
		require.ErrorIs(t, hasty.Fails(t), context.DeadlineExceeded)
		for i, poll := range polls {
			requests[i].Answer("nothing")
			poll.Wants(t, "nothing")
		}
		require.Len(t, n.Dialed(), 1)
	})
}
