package transport_test

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/transport"
)

// listener listens on loopback, for what only real sockets do.
type listener struct {
	t *testing.T
	l net.Listener
}

func listen(t *testing.T) *listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	return &listener{t, l}
}

func (l *listener) addr() string { return l.l.Addr().String() }

// accept waits for a connection, which is closed with the test.
func (l *listener) accept() net.Conn {
	l.t.Helper()
	nc, err := l.l.Accept()
	require.NoError(l.t, err)
	l.t.Cleanup(func() { _ = nc.Close() })
	return nc
}

func TestTCPRefused(t *testing.T) {
	l := listen(t)
	require.NoError(t, l.l.Close())
	c := newClient(t, transport.Config{})
	op := invoke(t.Context(), c, l.addr(), "ping").Fails(t)
	require.Equal(t, "dial", op.Op)
	require.ErrorIs(t, op, syscall.ECONNREFUSED)
	require.False(t, op.Sent)
}

func TestTCPReset(t *testing.T) {
	l := listen(t)
	c := newClient(t, transport.Config{})
	calls := []pending{invoke(t.Context(), c, l.addr(), "ping"), invoke(t.Context(), c, l.addr(), "ping")}
	nc := l.accept()
	p := newPeer(t, nc)
	r := p.Expect("ping")
	p.Expect("ping")
	p.Send(answerFrame(t, r.Opaque, "pong")[:10]) // in the middle of a frame
	require.NoError(t, nc.(*net.TCPConn).SetLinger(0))
	p.Cut()
	for _, call := range calls {
		op := call.Fails(t)
		require.ErrorIs(t, op, syscall.ECONNRESET)
		require.True(t, op.Sent)
	}
	again := invoke(t.Context(), c, l.addr(), "again")
	newPeer(t, l.accept()).Expect("again").Answer("pong")
	again.Wants(t, "pong")
}

func TestTCPHalfClose(t *testing.T) {
	l := listen(t)
	c := newClient(t, transport.Config{})
	call := invoke(t.Context(), c, l.addr(), "ping")
	nc := l.accept()
	p := newPeer(t, nc)
	p.Expect("ping")
	require.NoError(t, nc.(*net.TCPConn).CloseWrite())
	op := call.Fails(t)
	require.ErrorIs(t, op, io.EOF)
	require.True(t, op.Sent)
	p.ExpectEnd()
}

// TestTCPSlowReader fills the buffers of both ends, takes a queued request back,
// and then lets the peer read on in small bites.
func TestTCPSlowReader(t *testing.T) {
	l := listen(t)
	c := newClient(t, transport.Config{WriteTimeout: time.Hour})
	large := strings.Repeat("x", 12<<20) // more than Linux buffers
	first := invoke(t.Context(), c, l.addr(), large)
	nc := l.accept()
	p := newPeer(t, nc) // its buffer takes 4 KiB at a time
	_, err := p.in.Peek(1)
	require.NoError(t, err) // the first is being written

	ctx, cancel := context.WithCancel(t.Context())
	second := invoke(ctx, c, l.addr(), "second")
	cancel()
	require.False(t, second.Fails(t).Sent)
	third := invoke(t.Context(), c, l.addr(), "third")

	p.Expect(large).Answer("1")
	first.Wants(t, "1")
	p.Expect("third").Answer("3")
	third.Wants(t, "3")
}

// TestTCPCloseEndsBlockedWrite has Close meet a write that the peer does not
// let through.
func TestTCPCloseEndsBlockedWrite(t *testing.T) {
	l := listen(t)
	c := newClient(t, transport.Config{WriteTimeout: time.Hour})
	call := invoke(t.Context(), c, l.addr(), strings.Repeat("x", 12<<20))
	_, err := newPeer(t, l.accept()).in.Peek(1)
	require.NoError(t, err)
	require.NoError(t, c.Close())
	op := call.Fails(t)
	require.ErrorIs(t, op, transport.ErrClosed)
	require.False(t, op.Sent, "the network did not take all of it")
}

// A caller whose time is up is not kept by a peer that has stopped reading, not
// even by what went before and has no answer to come, or none that is waited for.
func TestTCPFullSocketKeepsNobody(t *testing.T) {
	for name, call := range map[string]func(ctx context.Context, c *transport.Client, addr string) error{
		"oneway": func(ctx context.Context, c *transport.Client, addr string) error {
			return c.InvokeOneway(ctx, addr, headers.Heartbeat{}, make([]byte, 60<<10))
		},
		"given up": func(ctx context.Context, c *transport.Client, addr string) error {
			ctx, cancel := context.WithCancel(ctx)
			time.AfterFunc(time.Millisecond, cancel)
			_, err := c.Invoke(ctx, addr, headers.Heartbeat{}, make([]byte, 60<<10))
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			l := listen(t)
			c := newClient(t, transport.Config{WriteTimeout: time.Hour, StallTimeout: time.Hour})
			var full error
			for range 1000 { // more than any socket holds
				ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
				err := call(ctx, c, l.addr())
				cancel()
				var op *transport.OpError
				if errors.As(err, &op) && !op.Sent {
					full = err
					break
				}
			}
			require.Error(t, full, "the socket is full and the frame stays in the queue")
		})
	}
}
