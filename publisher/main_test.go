package publisher_test

import (
	"context"
	"fmt"
	"os"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/internal/realbroker"
)

// shared holds the real clusters that most tests share, since each takes
// seconds to start. Started when first asked for, stopped by TestMain.
var shared = struct {
	sync.Mutex
	clusters map[string]*realbroker.Cluster
}{clusters: make(map[string]*realbroker.Cluster)}

func sharedCluster(t testing.TB, version string) *realbroker.Cluster {
	t.Helper()
	realbroker.Require(t)
	shared.Lock()
	defer shared.Unlock()
	if c := shared.clusters[version]; c != nil {
		return c
	}
	c, err := realbroker.Launch(context.Background(), realbroker.Config{Version: version}, nil)
	require.NoError(t, err)
	shared.clusters[version] = c
	return c
}

func TestMain(m *testing.M) {
	code := m.Run()
	for version, c := range shared.clusters {
		if err := c.Close(); err != nil {
			fmt.Fprintf(os.Stderr, "stopping RocketMQ %s: %v\n", version, err)
			code = 1
		}
	}
	os.Exit(code)
}
