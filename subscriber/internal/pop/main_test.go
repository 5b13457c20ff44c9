package pop_test

import (
	"context"
	"fmt"
	"os"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/internal/realbroker"
)

// shared holds the real clusters that most tests share, since each takes seconds to start.
// Started when first asked for, stopped by TestMain.
var shared = struct {
	sync.Mutex
	clusters map[string]*realbroker.Cluster
}{clusters: make(map[string]*realbroker.Cluster)}

// kvMode is the name of a cluster of 5.5.0 that keeps check points in RocksDB.
const kvMode = "5.5.0 KV"

func sharedCluster(t testing.TB, name string) *realbroker.Cluster {
	t.Helper()
	realbroker.Require(t)
	shared.Lock()
	defer shared.Unlock()
	if c := shared.clusters[name]; c != nil {
		return c
	}
	cfg := realbroker.Config{Version: name}
	if name == kvMode {
		cfg.Version = "5.5.0"
		cfg.BrokerProps = map[string]string{"popConsumerKVServiceInit": "true", "popConsumerKVServiceEnable": "true"}
	}
	c, err := realbroker.Launch(context.Background(), cfg, nil)
	require.NoError(t, err)
	shared.clusters[name] = c
	return c
}

func TestMain(m *testing.M) {
	code := m.Run()
	for name, c := range shared.clusters {
		if err := c.Close(); err != nil {
			fmt.Fprintf(os.Stderr, "stopping RocketMQ %s: %v\n", name, err)
			code = 1
		}
	}
	os.Exit(code)
}
