package embedded_test

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
)

// A stopped server can start again at its address: its port is none that a system
// gives to outgoing connections, from 32768 on.
func TestPortsAreNotThoseOfOutgoingConnections(t *testing.T) {
	c := start(t, embedded.WithBrokers(4), embedded.WithNameServers(4), embedded.WithVIPPort())
	addrs := c.NameServers()
	for _, b := range c.Brokers() {
		addrs = append(addrs, b.Addr())
	}
	for _, addr := range addrs {
		at, err := netip.ParseAddrPort(addr)
		require.NoError(t, err)
		require.Less(t, at.Port(), uint16(32768))
	}
}
