//go:build unix

package realbroker

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The Java client sends through the proxy, the messages are on the broker, and the
// proxy ends with the cluster.
func TestProxy(t *testing.T) {
	Require(t)
	c := Start(t, Config{Version: Versions()[0], Proxy: true})
	c.CreateTopic(t, "orders", 2)
	through := WitnessFor(t, Versions()[0], []string{c.Proxy()})
	require.Len(t, through.JavaProduce(t, "orders", 5), 5)
	require.Len(t, c.Read(t, "orders", 5), 5)
	p := c.proxy
	require.NoError(t, c.Close())
	assert.False(t, p.reachable())
}

func TestConfigProxy(t *testing.T) {
	cfg := Config{Version: "4.9.7", Proxy: true}
	cfg.setDefaults()
	require.ErrorContains(t, cfg.validate(), "Config.Proxy")
	require.NoError(t, FetchProxy(t.Context(), "4.9.7"))
	require.Empty(t, new(Cluster).Proxy())
}
