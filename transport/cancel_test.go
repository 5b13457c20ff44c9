package transport_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/transport"
)

func TestCanceledBeforeWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t)
		c := newClient(t, transport.Config{Dial: n.Dial})
		first := invoke(t.Context(), c, addr, "first")
		p := n.Accept()
		synctest.Wait() // the first is being written: the peer does not read yet

		ctx, cancel := context.WithCancel(t.Context())
		second := invoke(ctx, c, addr, "second")
		oneway := invokeOneway(ctx, c, addr, "oneway")
		synctest.Wait()
		third := invoke(t.Context(), c, addr, "third")
		synctest.Wait()
		cancel()
		for _, call := range []pending{second, oneway} {
			op := call.Fails(t)
			require.ErrorIs(t, op, context.Canceled)
			require.False(t, op.Sent)
		}

		p.Expect("first").Answer("1")
		p.Expect("third").Answer("3")
		first.Wants(t, "1")
		third.Wants(t, "3")
	})
}

func TestCanceledAfterWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t)
		c := newClient(t, transport.Config{Dial: n.Dial})
		call := invoke(timeout(t, time.Second), c, addr, "ping")
		r := n.Accept().Expect("ping")
		op := call.Fails(t)
		require.ErrorIs(t, op, context.DeadlineExceeded)
		require.Equal(t, "wait", op.Op)
		require.True(t, op.Sent)

		// The late answer is for nobody, and nobody else gets it.
		next := invoke(t.Context(), c, addr, "again")
		s := r.peer.Expect("again")
		r.Answer("late")
		next.Waits(t)
		s.Answer("pong")
		next.Wants(t, "pong")
		require.Len(t, n.Dialed(), 1)
	})
}

func TestCanceledWhileBeingWritten(t *testing.T) {
	for name, start := range kinds {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := newNetwork(t)
				c := newClient(t, transport.Config{Dial: n.Dial})
				ctx, cancel := context.WithCancel(t.Context())
				call := start(ctx, c, addr, "ping")
				p := n.Accept()
				synctest.Wait()
				cancel()
				require.True(t, call.Fails(t).Sent, "it can no longer be taken back")
				p.Expect("ping")

				next := invoke(t.Context(), c, addr, "next")
				p.Expect("next").Answer("pong")
				next.Wants(t, "pong")
			})
		})
	}
}

func TestEndedContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t)
		c := newClient(t, transport.Config{Dial: n.Dial})
		cause := errors.New("shutting down")
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(cause)
		op := invoke(ctx, c, addr, "ping").Fails(t)
		require.ErrorIs(t, op, cause)
		require.ErrorIs(t, op, context.Canceled)
		require.False(t, op.Sent)
		require.Empty(t, n.Dialed())
		require.EqualError(t, op, "transport: wait broker:10911: context canceled: shutting down (request not sent)")
	})
}

// TestCancelRacesAnswer has calls end by their context and by their answer at
// the same moment: each returns once, with its own answer or with the error.
func TestCancelRacesAnswer(t *testing.T) {
	n := newNetwork(t)
	c := newClient(t, transport.Config{Dial: n.Dial})
	ctx, cancel := context.WithCancel(t.Context())
	first := invoke(ctx, c, addr, "0")
	p := n.Accept()
	p.Expect("0").Answer("0")
	first.Wants(t, "0")
	for i := range 300 {
		cancel()
		ctx, cancel = context.WithCancel(t.Context())
		body := string(rune('a' + i%26))
		call := invoke(ctx, c, addr, body)
		r := p.Expect(body)
		go cancel()
		r.Answer(body)
		if got := <-call; got.err != nil {
			require.ErrorIs(t, got.err, context.Canceled)
		} else {
			require.Equal(t, body, got.body)
		}
	}
	cancel()
}
