package subscriber_test

import (
	"strings"
	"testing"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/stretchr/testify/require"

	rocketmq "github.com/watermill-rocketmq/watermill-rocketmq"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/realbroker"
)

// world is where a test runs: on the embedded broker, or on a real one.
type world struct {
	name     string
	cluster  rocketmq.Cluster
	real     *realbroker.Cluster // nil on the embedded broker
	embedded *embedded.Cluster   // nil on a real one
}

// embeddedWorld starts an embedded broker for the test, or for t's parent if it is shared.
func embeddedWorld(t testing.TB, opts ...embedded.Option) *world {
	t.Helper()
	c, err := embedded.Start(opts...)
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Close() })
	return &world{name: "embedded", cluster: c.Config(), embedded: c}
}

func realWorld(t testing.TB, version string) *world {
	t.Helper()
	c := sharedCluster(t, version)
	return &world{name: version, cluster: rocketmq.Cluster{NameServers: c.NameServers()}, real: c}
}

// everywhere runs a test on the embedded broker and on real ones of these versions.
func everywhere(t *testing.T, versions []string, test func(t *testing.T, w *world)) {
	t.Helper()
	t.Run("embedded", func(t *testing.T) { test(t, embeddedWorld(t)) })
	for _, v := range versions {
		t.Run(v, func(t *testing.T) { test(t, realWorld(t, v)) })
	}
}

// unique returns a name that no other test uses.
func unique(prefix string) string {
	return prefix + "-" + strings.ReplaceAll(watermill.NewUUID(), "-", "")[:12]
}
