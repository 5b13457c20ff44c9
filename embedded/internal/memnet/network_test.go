package memnet

import (
	"context"
	"errors"
	"net"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestDialReachesWhoListens(t *testing.T) {
	var n Network
	var server net.Conn
	require.NoError(t, n.Listen("a:1", func(c net.Conn) bool { server = c; return true }))
	client, err := n.Dial(t.Context(), "tcp", "a:1")
	require.NoError(t, err)
	_, err = client.Write([]byte("x"))
	require.NoError(t, err)
	got := make([]byte, 1)
	_, err = server.Read(got)
	require.NoError(t, err)
	require.Equal(t, "x", string(got))
	require.Equal(t, client.LocalAddr(), server.RemoteAddr())

	other, err := n.Dial(t.Context(), "tcp", "a:1")
	require.NoError(t, err)
	require.NotEqual(t, client.LocalAddr(), other.LocalAddr())
}

func TestDialFailsAsTCPDoes(t *testing.T) {
	var n Network
	refuses := func(addr string) {
		t.Helper()
		_, err := n.Dial(t.Context(), "tcp", addr)
		require.ErrorIs(t, err, syscall.ECONNREFUSED)
		var op *net.OpError
		require.ErrorAs(t, err, &op)
		require.Equal(t, "dial", op.Op)
		require.Equal(t, addr, op.Addr.String())
	}
	refuses("a:1")
	require.NoError(t, n.Listen("a:1", func(net.Conn) bool { return true }))
	n.Unlisten("a:1")
	refuses("a:1")
	require.NoError(t, n.Listen("a:1", func(net.Conn) bool { return false }))
	refuses("a:1")

	over := errors.New("over")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(over)
	_, err := n.Dial(ctx, "tcp", "a:1")
	require.ErrorIs(t, err, over)
}

func TestListenFailsWhereOneListens(t *testing.T) {
	var n Network
	accept := func(net.Conn) bool { return true }
	require.NoError(t, n.Listen("a:1", accept))
	require.ErrorIs(t, n.Listen("a:1", accept), syscall.EADDRINUSE)
	require.NoError(t, n.Listen("a:2", accept))
}
