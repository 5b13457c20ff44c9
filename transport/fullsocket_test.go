package transport_test

import (
	"context"
	"crypto/tls"
	"net"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/transport"
)

// guesser accepts one connection, of which it reads nothing, and answers the request
// with the number in opaque over and over. A client that believes it takes the socket
// for empty, until it is full.
func guesser(t *testing.T, l *listener, secure *tls.Config) (opaque *atomic.Int32) {
	t.Helper()
	opaque = new(atomic.Int32)
	done := make(chan struct{})
	t.Cleanup(func() { // after the client's end, which is the end of the connection
		_ = l.l.Close()
		<-done
	})
	go func() {
		defer close(done)
		nc, err := l.l.Accept()
		if err != nil {
			return
		}
		defer nc.Close()
		_ = nc.(*net.TCPConn).SetReadBuffer(4 << 10)
		if secure != nil {
			nc = tls.Server(nc, secure)
		}
		for {
			frame, err := headers.AppendResponse(nil, headers.Binary, opaque.Load(), headers.Success, "", nil, nil)
			if err != nil {
				return
			}
			if _, err := nc.Write(frame); err != nil {
				return
			}
		}
	}()
	return opaque
}

// smallSockets counts the dials and gives connections that hold little.
func smallSockets(dials *atomic.Int32) transport.Dialer {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		dials.Add(1)
		nc, err := (&net.Dialer{}).DialContext(ctx, network, addr)
		if err == nil {
			err = nc.(*net.TCPConn).SetWriteBuffer(8 << 10)
		}
		return nc, err
	}
}

// fill calls until a call fails, which is the one that finds the socket full.
func fill(t *testing.T, c *transport.Client, addr string, opaque *atomic.Int32, patience time.Duration) *transport.OpError {
	t.Helper()
	require.NoError(t, c.Connect(t.Context(), addr))
	for i := range int32(1000) { // more than any socket holds
		opaque.Store(i + 1)
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		call := invoke(ctx, c, addr, string(make([]byte, 60<<10)))
		r := <-call
		cancel()
		if r.err != nil {
			call <- r
			return call.Fails(t)
		}
	}
	t.Fatal("the socket is never full")
	return nil
}

// A caller that is alone, and so writes by itself, leaves when its time is up, though
// the socket is full against all expectation. The answer that has come is to a request
// that has not gone out.
func TestTCPLoneCallerMeetsAFullSocket(t *testing.T) {
	l := listen(t)
	var dials atomic.Int32
	opaque := guesser(t, l, nil)
	c := newClient(t, transport.Config{Dial: smallSockets(&dials), DialTimeout: time.Minute, WriteTimeout: time.Hour})
	op := fill(t, c, l.addr(), opaque, 2*time.Second)
	require.Equal(t, "wait", op.Op)
	require.ErrorIs(t, op, context.DeadlineExceeded)
	require.EqualValues(t, 1, dials.Load())
}

// A caller with more time than a write has what the write has.
func TestTCPLoneCallerHasTheWriteTimeout(t *testing.T) {
	l := listen(t)
	var dials atomic.Int32
	opaque := guesser(t, l, nil)
	c := newClient(t, transport.Config{Dial: smallSockets(&dials), DialTimeout: time.Minute, WriteTimeout: 500 * time.Millisecond})
	op := fill(t, c, l.addr(), opaque, time.Minute)
	require.Equal(t, "write", op.Op)
	require.ErrorIs(t, op, os.ErrDeadlineExceeded)
	require.False(t, op.Sent)
	require.EqualValues(t, 1, dials.Load())
}

// In TLS the rest of a write cannot be left to another: the connection ends with the
// caller's time.
func TestTLSLoneCallerMeetsAFullSocket(t *testing.T) {
	l := listen(t)
	ours := newAuthority(t)
	var dials atomic.Int32
	opaque := guesser(t, l, &tls.Config{Certificates: []tls.Certificate{ours.issue("127.0.0.1")}})
	c := newClient(t, transport.Config{
		Dial: smallSockets(&dials), DialTimeout: time.Minute, TLS: &tls.Config{RootCAs: ours.Pool()}, WriteTimeout: time.Hour,
	})
	op := fill(t, c, l.addr(), opaque, 10*time.Second)
	require.False(t, op.Sent)
	require.Equal(t, "write", op.Op)
	require.ErrorIs(t, op, os.ErrDeadlineExceeded)
	require.EqualValues(t, 1, dials.Load())
}

// The end of the connection, or of the client, ends a write that waits for the peer.
func TestTCPCloseMeetsAFullSocket(t *testing.T) {
	l := listen(t)
	var dials atomic.Int32
	opaque := guesser(t, l, nil)
	c := newClient(t, transport.Config{Dial: smallSockets(&dials), DialTimeout: time.Minute, WriteTimeout: time.Hour})
	op := fill(t, c, l.addr(), opaque, 5*time.Second)
	require.Equal(t, "wait", op.Op)
	queued := invoke(t.Context(), c, l.addr(), "queued")
	require.NoError(t, c.Close())
	op = queued.Fails(t)
	require.ErrorIs(t, op, transport.ErrClosed)
	require.False(t, op.Sent)
}
