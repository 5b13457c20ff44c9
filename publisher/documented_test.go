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
	for document, texts := range map[string][]string{
		"../README.md":          {"how long `Publish` tries: 3 s."},
		"../docs/guarantees.md": {"`SendTimeout` (3 s)", "`CloseTimeout` (10 s) for those", "`Waiting` (65,536 messages, 64 MiB)"},
		"../docs/features.md":   {"`Delay.Max`, 3 days,"},
		"../docs/production.md": {"`publisher.Config.SendTimeout` is 3 s", "Bodies of 4 KiB and more are compressed with zlib", "`watermill_producer`"},
	} {
		text, err := os.ReadFile(document)
		require.NoError(t, err)
		for _, want := range texts {
			require.Contains(t, string(text), want, document)
		}
	}
}
