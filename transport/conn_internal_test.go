package transport

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"maps"
	"math"
	"net"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

// pipeDialer returns a Dialer that makes pipes and a channel with their ends.
func pipeDialer() (Dialer, chan net.Conn) {
	ends := make(chan net.Conn, 10)
	return func(context.Context, string, string) (net.Conn, error) {
		ours, theirs := net.Pipe()
		ends <- theirs
		return ours, nil
	}, ends
}

// received reads a request and returns its number.
func received(t *testing.T, nc io.Reader) int32 {
	t.Helper()
	cmd, err := (&frameReader{in: bufio.NewReader(nc), most: headers.MaxFrameSize}).next()
	require.NoError(t, err)
	return cmd.Opaque
}

func answer(t *testing.T, nc io.Writer, opaque int32, body string) {
	t.Helper()
	frame, err := headers.AppendResponse(nil, headers.Binary, opaque, headers.Success, "", nil, []byte(body))
	require.NoError(t, err)
	_, err = nc.Write(frame)
	require.NoError(t, err)
}

// TestOpaqueWrapsAround sends the numbers through the negative ones to a number
// that a call has been holding all the way round.
func TestOpaqueWrapsAround(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dial, ends := pipeDialer()
		c, err := New(Config{Dial: dial, Serialization: headers.Binary})
		require.NoError(t, err)
		defer c.Close()
		invoke := func() chan string {
			got := make(chan string, 1)
			go func() {
				cmd, err := c.Invoke(t.Context(), "a:1", headers.Heartbeat{}, nil)
				if err != nil {
					t.Error(err)
				}
				got <- string(cmd.Body)
			}()
			return got
		}

		held := invoke()
		nc := <-ends
		require.Equal(t, int32(1), received(t, nc))
		alsoHeld := invoke()
		require.Equal(t, int32(2), received(t, nc))
		cn, err := c.all.connect(t.Context(), "a:1", c.user)
		require.NoError(t, err)

		cn.opaque.Store(math.MaxInt32 - 1)
		for _, opaque := range []int32{math.MaxInt32, math.MinInt32, math.MinInt32 + 1} {
			got := invoke()
			require.Equal(t, opaque, received(t, nc))
			answer(t, nc, opaque, "pong")
			require.Equal(t, "pong", <-got)
		}

		cn.opaque.Store(-1)
		zero := invoke()
		require.Equal(t, int32(0), received(t, nc))
		third := invoke()
		require.Equal(t, int32(3), received(t, nc), "1 and 2 are in use")
		for opaque, got := range map[int32]chan string{0: zero, 1: held, 2: alsoHeld, 3: third} {
			answer(t, nc, opaque, string(rune('0'+opaque)))
			require.Equal(t, string(rune('0'+opaque)), <-got)
		}
	})
}

// TestConnectionEndsBeforeUse has the connection end after a call found it and
// before it was handed the request, which the call must not be made to pay for.
func TestConnectionEndsBeforeUse(t *testing.T) {
	ends := map[string]func(*conn){
		"broken":  func(cn *conn) { cn.fail("read", io.EOF) },
		"retired": func(cn *conn) { cn.retire() },
	}
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				dial, peers := pipeDialer()
				c, err := New(Config{Dial: dial})
				require.NoError(t, err)
				defer c.Close()
				cn, err := c.all.connect(t.Context(), "a:1", c.user)
				require.NoError(t, err)
				<-peers
				end(cn)
				synctest.Wait()
				c.all.lines["a:1"] = cn.line // as the call saw it

				done := make(chan error, 1)
				go func() {
					_, err := c.Invoke(t.Context(), "a:1", headers.Heartbeat{}, nil)
					done <- err
				}()
				nc := <-peers
				answer(t, nc, received(t, nc), "")
				require.NoError(t, <-done)
			})
		})
	}
}

// TestConnectionsKeepEnding gives a call connections that end before they are
// used, one after the other: it must not dial for ever.
func TestConnectionsKeepEnding(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var dials atomic.Int32
		var c *Client
		c, err := New(Config{
			Dial: func(context.Context, string, string) (net.Conn, error) {
				dials.Add(1)
				ours, _ := net.Pipe()
				return ours, nil
			},
			Events: Events{Connected: func(string) {
				c.all.mu.Lock()
				conns := slices.Collect(maps.Keys(c.all.conns))
				c.all.mu.Unlock()
				for _, cn := range conns {
					cn.fail("read", io.EOF)
				}
			}},
		})
		require.NoError(t, err)
		defer c.Close()
		_, err = c.Invoke(t.Context(), "a:1", headers.Heartbeat{}, nil)
		require.ErrorIs(t, err, errGone)
		require.ErrorIs(t, err, io.EOF)
		var op *OpError
		require.ErrorAs(t, err, &op)
		require.False(t, op.Sent)
		require.Equal(t, int32(2), dials.Load())
	})
}

// shortConn breaks io.Writer's promise.
type shortConn struct{ net.Conn }

func (c shortConn) Write(b []byte) (int, error) { return c.Conn.Write(b[:len(b)-1]) }

func TestShortWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dial, ends := pipeDialer()
		c, err := New(Config{Dial: func(ctx context.Context, network, addr string) (net.Conn, error) {
			nc, err := dial(ctx, network, addr)
			return shortConn{nc}, err
		}})
		require.NoError(t, err)
		defer c.Close()
		go func() { _, _ = io.Copy(io.Discard, <-ends) }()
		err = c.InvokeOneway(t.Context(), "a:1", headers.Heartbeat{}, nil)
		require.ErrorIs(t, err, io.ErrShortWrite)
		var op *OpError
		require.True(t, errors.As(err, &op) && !op.Sent)
	})
}

// A frame takes memory as it comes: its length may promise anything.
func TestFrameGrowsWithWhatComes(t *testing.T) {
	for _, come := range []int{0, 1, 1 << 10, 100 << 10, 5 << 20} {
		stream := io.MultiReader(bytes.NewReader([]byte{0, 0xff, 0xff, 0xfc}), bytes.NewReader(make([]byte, come)))
		r := frameReader{in: bufio.NewReader(stream), most: headers.MaxFrameSize}
		_, err := r.next()
		require.ErrorIs(t, err, io.ErrUnexpectedEOF)
		require.Equal(t, come, r.have)
		require.LessOrEqual(t, cap(r.frame), max(64<<10, 2*come))
	}
}

// TestNothingIsKept checks that calls leave nothing behind in the connection,
// however they end.
func TestNothingIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dial, ends := pipeDialer()
		c, err := New(Config{Dial: dial})
		require.NoError(t, err)
		defer c.Close()
		ctx, cancel := context.WithCancel(t.Context())
		for range 10 {
			go func() { _, _ = c.Invoke(ctx, "a:1", headers.Heartbeat{}, nil) }()
			go func() { _ = c.InvokeOneway(t.Context(), "a:1", headers.Heartbeat{}, nil) }()
		}
		nc := <-ends
		synctest.Wait()
		cancel()
		synctest.Wait()
		go func() { _, _ = io.Copy(io.Discard, nc) }()
		synctest.Wait()
		cn, err := c.all.connect(t.Context(), "a:1", c.user)
		require.NoError(t, err)
		require.Empty(t, cn.pending)
		require.Empty(t, cn.queue)
		require.Empty(t, cn.writing)
		for _, o := range cn.writing[:cap(cn.writing)] {
			require.Equal(t, outgoing{}, o)
		}
		require.NoError(t, c.Close())
		require.Empty(t, c.all.lines)
		require.Empty(t, c.all.conns)
	})
}
