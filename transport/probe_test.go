package transport_test

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/internal/testcert"
	"github.com/watermill-rocketmq/watermill-rocketmq/transport"
)

// A connection that is dialed for its own sake is none of the client's.
func TestClientDial(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t)
		c := newClient(t, transport.Config{Dial: n.Dial, Events: transport.Events{
			Connected: func(string) { t.Error("Connected") }, Disconnected: func(string, error) { t.Error("Disconnected") },
		}})
		nc, err := c.Dial(t.Context(), addr)
		require.NoError(t, err)
		require.Empty(t, c.Connected())
		require.NoError(t, nc.Close())
	})
}

// With TLS the handshake is made as for other connections.
func TestClientDialTLS(t *testing.T) {
	certificate, pool, err := testcert.SelfSigned()
	require.NoError(t, err)
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{certificate}})
	require.NoError(t, err)
	defer listener.Close()
	go func() {
		for {
			nc, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer nc.Close()
				_ = nc.(*tls.Conn).Handshake()
				_, _ = nc.Read(make([]byte, 1)) // until the client closes
			}()
		}
	}()
	c := newClient(t, transport.Config{TLS: &tls.Config{RootCAs: pool}})
	nc, err := c.Dial(t.Context(), listener.Addr().String())
	require.NoError(t, err)
	defer nc.Close()
	require.Len(t, nc.(*tls.Conn).ConnectionState().PeerCertificates, 1)

	strict := newClient(t, transport.Config{TLS: &tls.Config{}})
	_, err = strict.Dial(t.Context(), listener.Addr().String())
	var op *transport.OpError
	require.ErrorAs(t, err, &op)
	require.Equal(t, "dial", op.Op)
	var untrusted *tls.CertificateVerificationError
	require.ErrorAs(t, err, &untrusted)
}

// However it ends without a connection, it says why.
func TestClientDialFails(t *testing.T) {
	refused := errors.New("refused")
	gone := errors.New("user is gone")
	hang := func(ctx context.Context, _, _ string) (net.Conn, error) { <-ctx.Done(); return nil, ctx.Err() }
	deaf := func(context.Context, string, string) (net.Conn, error) { time.Sleep(time.Hour); return nil, refused }
	for name, tc := range map[string]struct {
		dial transport.Dialer
		end  func(c *transport.Client, cancel context.CancelCauseFunc)
		took time.Duration
		want error
	}{
		"refused":             {func(context.Context, string, string) (net.Conn, error) { return nil, refused }, nil, 0, refused},
		"no time":             {hang, nil, 3 * time.Second, os.ErrDeadlineExceeded},
		"no time, deaf":       {deaf, nil, 4 * time.Second, os.ErrDeadlineExceeded},
		"caller leaves":       {hang, func(_ *transport.Client, cancel context.CancelCauseFunc) { cancel(gone) }, time.Second, gone},
		"caller leaves, deaf": {deaf, func(_ *transport.Client, cancel context.CancelCauseFunc) { cancel(gone) }, 2 * time.Second, gone},
		"closed":              {hang, func(c *transport.Client, _ context.CancelCauseFunc) { _ = c.Close() }, time.Second, transport.ErrClosed},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newClient(t, transport.Config{Dial: tc.dial})
				ctx, cancel := context.WithCancelCause(t.Context())
				defer cancel(nil)
				if tc.end != nil {
					time.AfterFunc(time.Second, func() { tc.end(c, cancel) })
				}
				start := time.Now()
				nc, err := c.Dial(ctx, addr)
				require.Nil(t, nc)
				require.Equal(t, tc.took, time.Since(start))
				require.ErrorIs(t, err, tc.want)
				require.IsType(t, (*transport.OpError)(nil), err)
				require.Equal(t, tc.want == gone, errors.Is(err, context.Canceled))
				time.Sleep(time.Hour) // until the deaf one has ended, too
			})
		})
	}
}
