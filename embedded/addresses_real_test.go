package embedded_test

import (
	"net"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/realbroker"
	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
	"github.com/watermill-rocketmq/watermill-rocketmq/transport"
)

// A real broker whose brokerIP1 is a name, and one here with that as its advertised address:
// routes have the name, and offset ids of messages its address, by which Java finds them.
func TestAdvertisedNameAsRealBrokersHaveIt(t *testing.T) {
	for _, version := range realbroker.Versions() {
		t.Run(version, func(t *testing.T) {
			real := realbroker.Start(t, realbroker.Config{Version: version, BrokerProps: map[string]string{"brokerIP1": "localhost"}})
			realRoute, realID := hosts(t, version, real.NameServers())
			require.Equal(t, "localhost", realRoute)

			v, err := headers.ParseVersion(version)
			require.NoError(t, err)
			c := start(t, embedded.WithVersion(v), embedded.WithAdvertisedAddr("localhost"))
			route, id := hosts(t, version, c.NameServers())
			require.Equal(t, realRoute, route)
			require.Equal(t, realID, id)
		})
	}
}

// hosts returns the hosts of a broker, in routes and in the offset id of a message.
func hosts(t *testing.T, version string, nameServers []string) (inRoute, inID string) {
	t.Helper()
	client, err := transport.New(transport.Config{})
	require.NoError(t, err)
	defer client.Close()
	brokers, err := routing.InspectBrokers(t.Context(), client, nameServers[0])
	require.NoError(t, err)
	require.Len(t, brokers, 1)
	addr, ok := brokers[0].Master()
	require.True(t, ok)
	inRoute, _, err = net.SplitHostPort(addr)
	require.NoError(t, err)

	w := realbroker.WitnessFor(t, version, nameServers)
	w.CreateTopic(t, "orders", 1)
	sent := w.JavaProduce(t, "orders", 1)
	require.Len(t, sent, 1)
	require.Len(t, w.View(t, "orders", sent[0].OffsetMsgID), 1)
	return inRoute, sent[0].OffsetMsgID[:8]
}
