package publisher

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

// The defaults that the documents for users name are those that a Config gets. If this fails,
// change the number here and in the documents.
func TestDocumentedDefaults(t *testing.T) {
	var c Config
	c.setDefaults()
	require.Equal(t, "3s", c.SendTimeout.String())
	require.Equal(t, "10s", c.CloseTimeout.String())
	require.Equal(t, WaitingConfig{Messages: 65_536, Bytes: 64 << 20}, c.Waiting)
	require.Equal(t, "72h0m0s", c.Delay.Max.String())
	require.Equal(t, 4096, c.Compression.Threshold)
	require.Equal(t, "watermill_producer", c.ProducerGroup)
	require.Equal(t, "2s", c.AttemptTimeout.String())
	require.Equal(t, 4<<20, c.MaxMessageSize)
	require.Equal(t, Zlib, c.Compression.Codec)
	require.False(t, c.Avoidance.Disabled)
	require.Equal(t, "3s", c.Cluster.DialTimeout.String())
	require.Equal(t, "30s", c.Cluster.HeartbeatInterval.String())
	require.Equal(t, "30s", c.Cluster.RouteRefreshInterval.String())
	for document, texts := range map[string][]string{
		"../README.md":          {"how long `Publish` tries: 3 s."},
		"../docs/guarantees.md": {"`SendTimeout` (3 s)", "`CloseTimeout` (10 s) for those", "`Waiting` (65,536 messages, 64 MiB)"},
		"../docs/features.md":   {"`Delay.Max`, 3 days,"},
		"../docs/migrating.md": {
			"| `AttemptTimeout`, 2 s;", "| `AttemptTimeout`, 2 s |", "| `MaxMessageSize`, 4 MiB |", "| `Compression`, zlib from 4,096 bytes on |",
			"| `Avoidance`, on |", "| `SendTimeout`, 3 s |", "`publisher.Config.SendTimeout`, 3 s for all of them", "| `Cluster.DialTimeout`, 3 s |",
			"| `Cluster.HeartbeatInterval`, 30 s |", "| `Cluster.RouteRefreshInterval`, 30 s |",
		},
		"../docs/production.md": {"`publisher.Config.SendTimeout` is 3 s", "Bodies of 4 KiB and more are compressed with zlib", "`watermill_producer`"},
	} {
		text, err := os.ReadFile(document)
		require.NoError(t, err)
		for _, want := range texts {
			require.Contains(t, string(text), want, document)
		}
	}
}
