package transport_test

import (
	"context"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/transport"
)

// Shares have one connection to an address for all of them. To close one ends its own
// calls, wherever they are, and nobody else's.
func TestShareClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t)
		c := newClient(t, transport.Config{Dial: n.Dial})
		one, other := c.Share(0), c.Share(0)
		defer other.Close()

		kept := invoke(t.Context(), other, addr, "kept")
		p := n.Accept()
		r := p.Expect("kept")
		sent := invoke(t.Context(), one, addr, "sent")
		p.Expect("sent")
		writing := invoke(t.Context(), one, addr, "writing") // the peer does not read it yet
		synctest.Wait()
		queued := invoke(t.Context(), one, addr, "queued")
		synctest.Wait()
		keptToo := invoke(t.Context(), other, addr, "kept too")
		synctest.Wait()

		require.NoError(t, one.Close())
		for call, mayBeSent := range map[pending]bool{sent: true, writing: true, queued: false} {
			op := call.Fails(t)
			require.ErrorIs(t, op, transport.ErrClosed)
			require.Equal(t, mayBeSent, op.Sent)
		}
		require.ErrorIs(t, invoke(t.Context(), one, addr, "late").Fails(t), transport.ErrClosed)
		require.ErrorIs(t, one.Connect(t.Context(), addr), transport.ErrClosed)
		require.NoError(t, one.Close(), "again")

		kept.Waits(t)
		p.Expect("writing").Answer("nobody wants this one")
		r.Answer("a")
		p.Expect("kept too").Answer("b")
		kept.Wants(t, "a")
		keptToo.Wants(t, "b")
		require.Equal(t, []string{addr}, n.Dialed())
	})
}

// A share that closes while it waits for a dial leaves the dial to others.
func TestShareCloseWhileDialing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t)
		up := make(chan struct{})
		c := newClient(t, transport.Config{Dial: func(ctx context.Context, network, addr string) (net.Conn, error) {
			<-up
			return n.Dial(ctx, network, addr)
		}})
		one := c.Share(0)
		left, kept := invoke(t.Context(), one, addr, "left"), invoke(t.Context(), c, addr, "kept")
		synctest.Wait()
		require.NoError(t, one.Close())
		require.ErrorIs(t, left.Fails(t), transport.ErrClosed)
		close(up)
		n.Accept().Expect("kept").Answer("")
		kept.Wants(t, "")
	})
}

// Who closes the Client ends the calls of its shares.
func TestCloseEndsShares(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t)
		c := newClient(t, transport.Config{Dial: n.Dial})
		share := c.Share(0).Share(0)
		call := invoke(t.Context(), share, addr, "ping")
		n.Accept().Expect("ping")
		require.NoError(t, c.Close())
		require.ErrorIs(t, call.Fails(t), transport.ErrClosed)
		require.ErrorIs(t, invoke(t.Context(), share, addr, "late").Fails(t), transport.ErrClosed)
		_, err := share.Dial(t.Context(), addr)
		require.ErrorIs(t, err, transport.ErrClosed)
		require.NoError(t, share.Close())
	})
}

// Each share has its own idea of how long a peer may be silent.
func TestShareStallTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t)
		c := newClient(t, transport.Config{Dial: n.Dial, StallTimeout: 2 * time.Second})
		patient, hasty := c.Share(0), c.Share(500*time.Millisecond)
		defer patient.Close()
		defer hasty.Close()
		hello := invoke(t.Context(), c, addr, "hello")
		p := n.Accept()
		p.Expect("hello").Answer("")
		hello.Wants(t, "")

		inVain(t, patient, p, time.Second)
		require.Len(t, c.Connected(), 1)
		inVain(t, hasty, p, 500*time.Millisecond)
		require.Empty(t, c.Connected())
	})
}

// Calls of many shares over real sockets, some of which are closed meanwhile: each call
// has its own answer, or ErrClosed. It is for the race detector.
func TestSharesAtOnce(t *testing.T) {
	echo := serveEcho(t)
	c := newClient(t, transport.Config{Serialization: headers.Binary})
	done := make(chan error, 8)
	for i := range cap(done) {
		share := c.Share(0)
		go func() {
			for n := range 200 {
				if i%2 == 0 && n == 100 {
					go share.Close()
				}
				_, err := share.Invoke(t.Context(), echo, headers.Heartbeat{}, []byte("x"))
				if err != nil {
					done <- err
					return
				}
			}
			done <- share.Close()
		}()
	}
	for range cap(done) {
		if err := <-done; err != nil {
			require.ErrorIs(t, err, transport.ErrClosed)
		}
	}
}
