package transport_test

import (
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/transport"
)

// One-way requests of the peer are handed on in their order, with the address
// that they came from, whatever their number; those that want an answer are
// refused as before.
func TestRequestsAreHandedOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t)
		got := make(chan headers.Command, 10)
		c := newClient(t, transport.Config{Dial: n.Dial, Requests: func(from string, request headers.Command) {
			require.Equal(t, addr, from)
			got <- request
		}})
		call := invoke(t.Context(), c, addr, "ping")
		p := n.Accept()
		r := p.Expect("ping")
		p.Send(requestFrame(t, r.Opaque, true))
		p.Send(requestFrame(t, 7, true))
		p.Send(requestFrame(t, 8, false))
		require.Equal(t, int32(headers.RequestNotSupported), p.Next().Code)
		require.Equal(t, r.Opaque, (<-got).Opaque)
		require.Equal(t, int32(7), (<-got).Opaque)
		require.Empty(t, got)
		call.Waits(t)
		r.Answer("pong")
		call.Wants(t, "pong")
	})
}
