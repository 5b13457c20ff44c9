package transport_test

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/transport"
)

const (
	speaksTLS = "(does the server speak TLS?)"
	wantsTLS  = "before the first answer (does the server want TLS?)"
)

// A server that wants TLS hangs up on a plain client. That happens for other
// reasons as well, so the error asks, as long as there was no answer.
func TestPlainClientOfTLSServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t)
		c := newClient(t, transport.Config{Dial: n.Dial})
		call := invoke(t.Context(), c, addr, "ping")
		p := n.Accept()
		p.Expect("ping")
		synctest.Wait() // the client reads: a pipe calls its end EOF only there
		p.Cut()
		op := call.Fails(t)
		require.ErrorContains(t, op, wantsTLS)
		require.ErrorIs(t, op, io.EOF)

		call = invoke(t.Context(), c, addr, "ping")
		p = n.Accept()
		p.Expect("ping").Answer("pong")
		call.Wants(t, "pong")
		call = invoke(t.Context(), c, addr, "ping")
		p.Expect("ping")
		synctest.Wait() // the client reads: a pipe calls its end EOF only there
		p.Cut()
		op = call.Fails(t)
		require.NotContains(t, op.Error(), "TLS")
		require.ErrorIs(t, op, io.EOF)

		call = invoke(t.Context(), c, addr, "ping")
		p = n.Accept()
		p.Expect("ping")
		p.Send([]byte{21, 3, 3, 0, 2, 2, 70}) // an alert: protocol_version
		op = call.Fails(t)
		require.ErrorContains(t, op, "the server wants TLS")
		require.ErrorIs(t, op, headers.ErrMalformed)
	})
}

// A connection that is reset, by the read or the write that finds out.
func TestPlainClientIsReset(t *testing.T) {
	l := listen(t)
	c := newClient(t, transport.Config{})
	call := invoke(t.Context(), c, l.addr(), "ping")
	nc := l.accept()
	newPeer(t, nc).Expect("ping")
	require.NoError(t, nc.(*net.TCPConn).SetLinger(0))
	require.NoError(t, nc.Close())
	op := call.Fails(t)
	require.ErrorContains(t, op, wantsTLS)
	var network *net.OpError
	require.True(t, errors.As(op, &network) || errors.Is(op, io.EOF))
}

// A server that does not speak TLS hangs up on a handshake, or answers something
// else.
func TestTLSClientOfPlainServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t)
		c := newClient(t, transport.Config{Dial: n.Dial, TLS: &tls.Config{}})
		call := invoke(t.Context(), c, addr, "ping")
		p := n.Accept()
		p.Write()
		synctest.Wait() // the client reads: a pipe calls its end EOF only there
		p.Cut()
		op := call.Fails(t)
		require.ErrorContains(t, op, speaksTLS)
		require.ErrorIs(t, op, io.EOF)

		call = invoke(t.Context(), c, addr, "ping")
		p = n.Accept()
		p.Write()
		p.Send([]byte("HTTP/1.1 400 Bad Request\r\n\r\n"))
		op = call.Fails(t)
		require.ErrorContains(t, op, speaksTLS)
		var garbage tls.RecordHeaderError
		require.ErrorAs(t, op, &garbage)
	})
}
