package embedded_test

import (
	"net"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
)

// A broker listens on its VIP port for as long as it runs, wherever it is.
func TestVIPPort(t *testing.T) {
	for name, opts := range map[string][]embedded.Option{
		"TCP":       {embedded.WithVIPPort(), embedded.WithBrokers(3)},
		"in memory": {embedded.WithVIPPort(), embedded.WithBrokers(3), embedded.InMemory()},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := embedded.Start(opts...)
			require.NoError(t, err)
			defer c.Close()
			dial := func(b *embedded.Broker) error {
				main, err := netip.ParseAddrPort(b.Addr())
				require.NoError(t, err)
				var nc net.Conn
				nc, err = c.Dial(t.Context(), "tcp", netip.AddrPortFrom(main.Addr(), main.Port()-2).String())
				if err == nil {
					require.NoError(t, nc.Close())
				}
				return err
			}
			for _, b := range c.Brokers() {
				require.NoError(t, dial(b))
				b.Kill()
				require.Error(t, dial(b))
				require.NoError(t, b.Start())
				require.NoError(t, dial(b))
				require.NoError(t, b.Move())
				require.NoError(t, dial(b))
			}
		})
	}
	c, err := embedded.Start(embedded.InMemory())
	require.NoError(t, err)
	defer c.Close()
	_, err = c.Dial(t.Context(), "tcp", "127.0.0.1:10909")
	require.Error(t, err, "only where it is asked for")
}
