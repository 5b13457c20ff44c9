package transport_test

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/transport"
)

// lonely makes the connection one whose callers read their own answers: the
// reader stands back when nobody waits for an answer any more.
func lonely(t *testing.T, c *transport.Client, l *listener) *peer {
	t.Helper()
	first := invoke(t.Context(), c, l.addr(), "first")
	p := newPeer(t, l.accept())
	p.Expect("first").Answer("1")
	first.Wants(t, "1")
	return p
}

// A caller that reads its own answer leaves the connection when its context ends,
// and what it has read of a frame until then is not lost.
func TestOwnReadIsInterrupted(t *testing.T) {
	l := listen(t)
	c := newClient(t, transport.Config{})
	p := lonely(t, c, l)
	for i := range 20 {
		ctx, cancel := context.WithCancelCause(t.Context())
		gone := invoke(ctx, c, l.addr(), "gone")
		r := p.Expect("gone")
		frame := answerFrame(t, r.Opaque, "late")
		p.Send(frame[:i])
		cancel(errors.New("no patience"))
		require.ErrorContains(t, gone.Fails(t), "no patience")

		next := invoke(t.Context(), c, l.addr(), "next")
		r = p.Expect("next")
		p.Send(frame[i:])
		r.Answer("here")
		next.Wants(t, "here")
	}
}

// Callers that come while one reads get their answers, whoever is answered first.
func TestOwnReadServesOthers(t *testing.T) {
	l := listen(t)
	c := newClient(t, transport.Config{})
	p := lonely(t, c, l)
	for range 20 {
		one := invoke(t.Context(), c, l.addr(), "one")
		first := p.Expect("one")
		two := invoke(t.Context(), c, l.addr(), "two")
		second := p.Expect("two")
		second.Answer("2")
		two.Wants(t, "2")
		first.Answer("1")
		one.Wants(t, "1")

		one = invoke(t.Context(), c, l.addr(), "one")
		first = p.Expect("one")
		two = invoke(t.Context(), c, l.addr(), "two")
		second = p.Expect("two")
		first.Answer("1")
		one.Wants(t, "1")
		second.Answer("2")
		two.Wants(t, "2")
	}
}

// What the peer asks for is answered while a caller reads, and when nobody does.
func TestOwnReadRefusesRequests(t *testing.T) {
	l := listen(t)
	c := newClient(t, transport.Config{})
	p := lonely(t, c, l)
	p.Send(requestFrame(t, 7, false))
	require.EqualValues(t, headers.RequestNotSupported, p.Next().Code)

	call := invoke(t.Context(), c, l.addr(), "ping")
	r := p.Expect("ping")
	p.Send(requestFrame(t, 8, false))
	require.EqualValues(t, headers.RequestNotSupported, p.Next().Code)
	r.Answer("pong")
	call.Wants(t, "pong")
}

// The end of the connection is noticed by the caller that reads, and when nobody
// does.
func TestOwnReadSeesTheEnd(t *testing.T) {
	for _, waits := range []bool{false, true} {
		t.Run(fmt.Sprintf("a caller waits: %t", waits), func(t *testing.T) {
			l := listen(t)
			ended := make(chan error, 1)
			c := newClient(t, transport.Config{Events: transport.Events{Disconnected: func(_ string, err error) { ended <- err }}})
			p := lonely(t, c, l)
			if !waits {
				p.Cut()
				require.ErrorContains(t, <-ended, "closed by the peer")
				return
			}
			call := invoke(t.Context(), c, l.addr(), "ping")
			p.Expect("ping")
			p.Cut()
			op := call.Fails(t)
			require.True(t, op.Sent)
			require.ErrorContains(t, op, "closed by the peer")
			require.ErrorContains(t, <-ended, "closed by the peer")
		})
	}
}

func TestOwnReadEndsWithClose(t *testing.T) {
	l := listen(t)
	c := newClient(t, transport.Config{})
	p := lonely(t, c, l)
	call := invoke(t.Context(), c, l.addr(), "ping")
	p.Expect("ping")
	require.NoError(t, c.Close())
	require.ErrorIs(t, call.Fails(t), transport.ErrClosed)
}

// Callers come alone and in crowds, and some leave early: every answer finds its
// call.
func TestOwnReadUnderLoad(t *testing.T) {
	addr := serveEcho(t)
	c := newClient(t, transport.Config{Serialization: headers.Binary})
	var wg sync.WaitGroup
	for caller := range 4 {
		wg.Go(func() {
			for i := range 2000 {
				ctx, cancel := context.WithCancel(context.Background())
				if i%50 == caller {
					go cancel()
				}
				want := fmt.Sprintf("%d/%d", caller, i)
				answer, err := c.Invoke(ctx, addr, headers.Heartbeat{}, []byte(want))
				cancel()
				if err == nil && string(answer.Body) != want {
					t.Errorf("got %q, want %q", answer.Body, want)
				}
				if err != nil && !errors.Is(err, context.Canceled) {
					t.Errorf("%s: %v", want, err)
				}
			}
		})
		if caller == 0 {
			wg.Wait() // the first has the connection to itself
		}
	}
	wg.Wait()
}

// A RequestHandler that panics on the goroutine of a caller who recovers leaves the
// connection to the reader.
func TestOwnReadPanics(t *testing.T) {
	l := listen(t)
	c := newClient(t, transport.Config{Requests: map[headers.RequestCode]transport.RequestHandler{
		headers.CodeHeartbeat: func(*transport.PeerRequest) {
			if strings.Contains(string(debug.Stack()), "readOwn") { // else it is the reader who reads
				panic("user code")
			}
		},
	}})
	p := lonely(t, c, l)
	for panicked := false; !panicked; {
		over := make(chan bool)
		go func() {
			defer func() { over <- recover() != nil }()
			_, _ = c.Invoke(t.Context(), l.addr(), headers.Heartbeat{}, []byte("mine"))
		}()
		r := p.Expect("mine")
		p.Send(ask(t, headers.JSON, 7, true, headers.CodeHeartbeat))
		r.Answer("here")
		panicked = <-over
	}
	next := invoke(t.Context(), c, l.addr(), "next")
	p.Expect("next").Answer("2")
	next.Wants(t, "2")
	require.NoError(t, c.Close())
}
