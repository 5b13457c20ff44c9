package embedded_test

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
)

// freeAddr is an address of loopback that nobody listens on.
func freeAddr(t *testing.T) string {
	t.Helper()
	c, err := embedded.Start()
	require.NoError(t, err)
	require.NoError(t, c.Close())
	return c.Broker(0).Addr()
}

// Brokers listen where they are to, and routes say so.
func TestBrokerAddr(t *testing.T) {
	first := freeAddr(t)
	c := start(t, embedded.WithBrokers(2), embedded.WithBrokerAddr(first), embedded.WithTopic("orders", 1))
	require.Equal(t, first, c.Broker(0).Addr())
	require.Equal(t, first, c.Broker(0).AdvertisedAddr())
	require.NotEqual(t, first, c.Broker(1).Addr())
	brokers := dial(t, c, c.NameServers()[0]).route("orders").BrokerDatas
	require.Equal(t, first, brokers[0].BrokerAddrs["0"])
	require.Equal(t, c.Broker(1).Addr(), brokers[1].BrokerAddrs["0"])

	c.Broker(0).Stop()
	require.NoError(t, c.Broker(0).Start())
	require.Equal(t, first, c.Broker(0).Addr())

	_, err := embedded.Start(embedded.WithBrokerAddr(first, freeAddr(t)))
	require.ErrorContains(t, err, "2 broker addresses for 1 brokers")
	_, err = embedded.Start(embedded.WithBrokerAddr(first))
	require.ErrorContains(t, err, "address already in use")
}

// Clients are told the advertised address by routes, the cluster's information, messages and
// their ids, and the configuration has it as brokerIP1.
func TestAdvertisedAddr(t *testing.T) {
	c := start(t, embedded.WithBrokers(2), embedded.WithBrokerAddr("0.0.0.0:0", "0.0.0.0:0"),
		embedded.WithAdvertisedAddr("127.0.0.2", "127.0.0.3:10915"), embedded.WithTopic("orders", 1))
	listening, err := netip.ParseAddrPort(c.Broker(0).Addr())
	require.NoError(t, err)
	require.True(t, listening.Addr().IsUnspecified())
	first := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.2"), listening.Port()).String()
	require.Equal(t, first, c.Broker(0).AdvertisedAddr())
	require.Equal(t, "127.0.0.3:10915", c.Broker(1).AdvertisedAddr())

	names := dial(t, c, c.NameServers()[0])
	brokers := names.route("orders").BrokerDatas
	require.Equal(t, first, brokers[0].BrokerAddrs["0"])
	require.Equal(t, "127.0.0.3:10915", brokers[1].BrokerAddrs["0"])

	broker := dial(t, c, netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), listening.Port()).String())
	broker.succeed(message("orders", toQueue(0)), []byte("a"))
	stored := messagesIn(c, "orders")
	require.Len(t, stored, 1)
	require.Equal(t, first, stored[0].StoreHost)
	require.True(t, strings.HasPrefix(stored[0].OffsetMessageID, "7F000002"), stored[0].OffsetMessageID)

	// A broker that moves keeps its host, and clients are told the new port.
	require.NoError(t, c.Broker(0).Move())
	moved, err := netip.ParseAddrPort(c.Broker(0).Addr())
	require.NoError(t, err)
	require.True(t, moved.Addr().IsUnspecified())
	require.NotEqual(t, listening.Port(), moved.Port())
	require.Equal(t, netip.AddrPortFrom(netip.MustParseAddr("127.0.0.2"), moved.Port()).String(), names.route("orders").BrokerDatas[0].BrokerAddrs["0"])
}

// All addresses of the machine are none that a client can dial.
func TestAdvertisedAddrOfAllAddresses(t *testing.T) {
	c := start(t, embedded.WithBrokerAddr("0.0.0.0:0"), embedded.WithTopic("orders", 1))
	at, err := netip.ParseAddrPort(c.Broker(0).AdvertisedAddr())
	require.NoError(t, err)
	require.Equal(t, "127.0.0.1", at.Addr().String())
	require.Equal(t, at.String(), dial(t, c, c.NameServers()[0]).route("orders").BrokerDatas[0].BrokerAddrs["0"])
}

func TestAdvertisedAddrFaults(t *testing.T) {
	_, err := embedded.Start(embedded.WithAdvertisedAddr("127.0.0.2"), embedded.InMemory())
	require.ErrorContains(t, err, "in memory")
	_, err = embedded.Start(embedded.WithAdvertisedAddr("127.0.0.2:1"), embedded.WithBrokers(2))
	require.ErrorContains(t, err, "one for each")
	_, err = embedded.Start(embedded.WithAdvertisedAddr("nobody.invalid"))
	require.ErrorContains(t, err, "start broker-a: advertised address")
}
