package transport_test

import (
	"context"
	"net"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/transport"
)

// slowConn takes a while to close, as TLS does that says goodbye first.
type slowConn struct {
	net.Conn
	closed *atomic.Bool
}

func (c slowConn) Close() error {
	<-time.After(5 * time.Second)
	defer c.closed.Store(true)
	return c.Conn.Close()
}

// Close waits until the sockets are closed, also that of a connection that was
// given up before, by a call that did not wait for it.
func TestCloseWaitsForSockets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t)
		var closed atomic.Bool
		c := newClient(t, transport.Config{
			StallTimeout: time.Second,
			Dial: func(ctx context.Context, network, addr string) (net.Conn, error) {
				nc, err := n.Dial(ctx, network, addr)
				return slowConn{nc, &closed}, err
			},
		})
		call := invoke(timeout(t, time.Second), c, addr, "silence")
		p := n.Accept()
		p.Expect("silence")
		start := time.Now()
		call.Fails(t)
		require.Equal(t, time.Second, time.Since(start), "the call does not wait for the socket")
		p.Cut() // so that neither reader nor writer are left to be waited for
		synctest.Wait()
		require.NoError(t, c.Close())
		require.True(t, closed.Load())
	})
}
