package transport_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/transport"
)

func TestPeerVersionIsThatOfTheLatestAnswer(t *testing.T) {
	n := newNetwork(t)
	c := newClient(t, transport.Config{Dial: n.Dial})
	require.Zero(t, c.PeerVersion(addr), "no connection")

	answered := make(chan error, 1)
	ask := func() {
		_, err := c.Invoke(context.Background(), addr, headers.Heartbeat{}, []byte("?"))
		answered <- err
	}
	go ask()
	p := n.Accept()
	for _, version := range []headers.Version{headers.Version4_9_7, headers.Version5_5_0} {
		r := p.Expect("?")
		frame, err := headers.AppendAnswer(nil, headers.JSON, version, r.Opaque, headers.Success, "", nil, nil)
		require.NoError(t, err)
		p.Send(frame)
		require.NoError(t, <-answered)
		require.Equal(t, version, c.PeerVersion(addr))
		go ask()
	}
	p.Expect("?")
	p.Cut()
	require.Error(t, <-answered)
	require.Zero(t, c.PeerVersion(addr), "the connection has ended")
}
