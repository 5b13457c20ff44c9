package embedded_test

import (
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

// Stops and starts at once end with a broker that runs or does not, that the routes
// name if and only if it runs, and that can be started.
func TestStopsAndStartsAtOnce(t *testing.T) {
	for name, opts := range map[string][]embedded.Option{
		"memory":          {embedded.InMemory()},
		"memory with VIP": {embedded.InMemory(), embedded.WithVIPPort()},
	} {
		t.Run(name, func(t *testing.T) {
			cluster := start(t, opts...)
			broker := cluster.Broker(0)
			names := dial(t, cluster, cluster.NameServers()[0])
			route := func() int32 {
				answer := names.call(routeOf("TBW102"), nil)
				return answer.Code
			}
			rounds := 2000
			if testing.Short() {
				rounds = 500
			}
			for range rounds {
				var all sync.WaitGroup
				for range 4 {
					all.Go(broker.Stop)
					all.Go(func() { _ = broker.Start() }) // fails where it runs already
				}
				all.Wait()
				if broker.Running() {
					require.EqualValues(t, headers.Success, route())
				} else {
					refusesDials(t, cluster, broker.Addr())
					require.EqualValues(t, headers.TopicNotExist, route())
				}
				broker.Stop()
				refusesDials(t, cluster, broker.Addr())
				require.NoError(t, broker.Start())
				require.EqualValues(t, headers.Success, route())
			}
		})
	}
	t.Run("name server", func(t *testing.T) {
		cluster := start(t, embedded.InMemory())
		server := cluster.NameServer(0)
		for range 500 {
			var all sync.WaitGroup
			for range 4 {
				all.Go(server.Stop)
				all.Go(func() { _ = server.Start() })
			}
			all.Wait()
			server.Stop()
			require.NoError(t, server.Start())
		}
	})
}
