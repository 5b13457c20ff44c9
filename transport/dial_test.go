package transport_test

import (
	"context"
	"errors"
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/transport"
)

// deadAddr is an address where a dial hangs until its context ends.
const deadAddr = "dead:10911"

// dialDead is n.Dial with deadAddr in it.
func dialDead(n *network) transport.Dialer {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		if addr == deadAddr {
			<-ctx.Done()
			return nil, ctx.Err()
		}
		return n.Dial(ctx, network, addr)
	}
}

func TestDeadAddressHoldsUpNobodyElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t)
		c := newClient(t, transport.Config{Dial: dialDead(n)})
		dead := invoke(t.Context(), c, deadAddr, "dead")
		synctest.Wait()
		start := time.Now()
		alive := invoke(t.Context(), c, addr, "ping")
		n.Accept().Expect("ping").Answer("pong")
		alive.Wants(t, "pong")
		require.Equal(t, start, time.Now())
		require.Equal(t, []string{addr}, c.Connected())

		op := dead.Fails(t)
		require.Equal(t, 3*time.Second, time.Since(start))
		require.Equal(t, "dial", op.Op)
		require.False(t, op.Sent)
		require.ErrorIs(t, op, os.ErrDeadlineExceeded)
		require.NotErrorIs(t, op, context.DeadlineExceeded, "it is not the caller's deadline that passed")
		require.ErrorContains(t, op, "no connection within 3s")
	})
}

func TestConcurrentCallsShareOneDial(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t)
		dial, gate := gated(n.Dial)
		c := newClient(t, transport.Config{Dial: dial})
		ctx, cancel := context.WithCancel(t.Context())
		first := invoke(ctx, c, addr, "first")
		synctest.Wait()
		var calls []pending
		for range 20 {
			calls = append(calls, invoke(t.Context(), c, addr, "ping"))
		}
		synctest.Wait()
		require.Empty(t, c.Connected())

		// The one that began the dial leaves; the others keep it.
		cancel()
		op := first.Fails(t)
		require.ErrorIs(t, op, context.Canceled)
		require.Equal(t, "dial", op.Op)
		require.False(t, op.Sent)

		close(gate)
		p := n.Accept()
		for range calls {
			p.Expect("ping").Answer("pong")
		}
		for _, call := range calls {
			call.Wants(t, "pong")
		}
		require.Len(t, n.Dialed(), 1)
	})
}

// gated returns dial behind a gate that opens when it is closed.
func gated(dial transport.Dialer) (transport.Dialer, chan struct{}) {
	gate := make(chan struct{})
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		select {
		case <-gate:
			return dial(ctx, network, addr)
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}, gate
}

func TestFailedDial(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t)
		refused := errors.New("refused")
		dials := 0 // one dial at a time
		c := newClient(t, transport.Config{Dial: func(ctx context.Context, network, addr string) (net.Conn, error) {
			if dials++; dials == 1 {
				return nil, refused
			}
			return n.Dial(ctx, network, addr)
		}})
		op := invoke(t.Context(), c, addr, "ping").Fails(t)
		require.ErrorIs(t, op, refused)
		require.Equal(t, "dial", op.Op)
		require.False(t, op.Sent)
		require.EqualError(t, op, "transport: dial broker:10911: refused (request not sent)")
		require.Empty(t, c.Connected())

		again := invoke(t.Context(), c, addr, "ping")
		n.Accept().Expect("ping").Answer("pong")
		again.Wants(t, "pong")
	})
}

func TestDialThatReturnsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClient(t, transport.Config{Dial: func(context.Context, string, string) (net.Conn, error) { return nil, nil }})
		require.ErrorContains(t, invoke(t.Context(), c, addr, "ping").Fails(t), "neither a connection nor an error")
	})
}

// TestDialThatIgnoresItsContext checks that neither calls nor Close hang on it,
// and that a connection it brings too late is closed.
func TestDialThatIgnoresItsContext(t *testing.T) {
	stubborn := func(n *network) (transport.Dialer, chan struct{}) {
		dial, gate := gated(n.Dial)
		return func(_ context.Context, network, addr string) (net.Conn, error) {
			return dial(context.Background(), network, addr)
		}, gate
	}
	t.Run("dial timeout", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			n := newNetwork(t)
			dial, gate := stubborn(n)
			c := newClient(t, transport.Config{Dial: dial})
			start := time.Now()
			op := invoke(t.Context(), c, addr, "ping").Fails(t)
			require.ErrorContains(t, op, "does not heed its context")
			require.Equal(t, 4*time.Second, time.Since(start))
			close(gate)
			n.Accept().ExpectEnd()
		})
	})
	t.Run("close", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			n := newNetwork(t)
			dial, gate := stubborn(n)
			c := newClient(t, transport.Config{Dial: dial})
			call := invoke(t.Context(), c, addr, "ping")
			synctest.Wait()
			start := time.Now()
			require.NoError(t, c.Close())
			require.Equal(t, time.Second, time.Since(start))
			require.ErrorIs(t, call.Fails(t), transport.ErrClosed)
			close(gate)
			n.Accept().ExpectEnd()
		})
	})
}

// TestDialThatIsJustLate has a dial bring its connection after its context has
// ended: it is there, so it is used.
func TestDialThatIsJustLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t)
		c := newClient(t, transport.Config{Dial: func(ctx context.Context, network, addr string) (net.Conn, error) {
			<-ctx.Done()
			return n.Dial(ctx, network, addr)
		}})
		call := invoke(t.Context(), c, addr, "ping")
		n.Accept().Expect("ping").Answer("pong")
		call.Wants(t, "pong")
	})
}

func TestConfigFaults(t *testing.T) {
	_, err := transport.New(transport.Config{DialTimeout: -1, IdleTimeout: -1, MaxFrameSize: -1, Serialization: 7})
	require.ErrorContains(t, err, "DialTimeout")
	require.ErrorContains(t, err, "IdleTimeout")
	require.ErrorContains(t, err, "MaxFrameSize")
	require.ErrorContains(t, err, "Serialization")
	require.NotContains(t, err.Error(), "WriteTimeout")
}

func TestConnect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t)
		c := newClient(t, transport.Config{Dial: n.Dial})
		require.NoError(t, c.Connect(t.Context(), addr))
		require.Equal(t, []string{addr}, c.Connected())
		require.NoError(t, c.Connect(t.Context(), addr), "what is there is used")
		call := invoke(t.Context(), c, addr, "ping")
		n.Accept().Expect("ping").Answer("pong")
		call.Wants(t, "pong")

		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		var op *transport.OpError
		require.ErrorAs(t, c.Connect(ctx, addr), &op)
		require.ErrorIs(t, op, context.Canceled)
		require.False(t, op.Sent)
	})
}
