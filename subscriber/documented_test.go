package subscriber

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
	require.Equal(t, "100ms", c.Redelivery.MinPause.String())
	require.Equal(t, "10m0s", c.Redelivery.MaxPause.String())
	require.Equal(t, "5s", c.Redelivery.MaxLocalPause.String())
	require.Equal(t, 16, c.MaxDeliveries)
	require.Equal(t, InFlight{Messages: 256, Bytes: 64 << 20}, c.MaxInFlight)
	require.Equal(t, "1h0m0s", c.MaxProcessing.String())
	require.Equal(t, "1m0s", c.Lease.String())
	require.Equal(t, "1s", c.CommitInterval.String())
	require.Equal(t, "10s", c.CloseTimeout.String())
	require.Equal(t, "3s", c.RequestTimeout.String())
	require.Equal(t, "100ms", ackLinger.String())
	require.Equal(t, From{}, Earliest())
	for document, texts := range map[string][]string{
		"../README.md": {
			"again after 100 ms", "up to 10 minutes", "After 16 deliveries", "`MaxProcessing`, 1 h", "`MaxInFlight`: 256 messages, 64 MiB",
			"`CloseTimeout`, 10 s.",
		},
		"../docs/guarantees.md": {
			"from 100 ms to 10 min (`Redelivery`)", "Up to 5 s (`Redelivery.MaxLocalPause`)", "`MaxProcessing` (1 h)", "`MaxDeliveries` (16)",
			"`MaxInFlight` (256 messages, 64 MiB)", "`Lease`, 60 s", "`CommitInterval` (1 s)", "`CloseTimeout` (10 s) for handlers",
			"With POP its acks of the last 100 ms may be lost",
		},
		"../docs/production.md": {"`subscriber.Config.MaxProcessing` (1 h)"},
		"../docs/migrating.md": {
			"up to `MaxInFlight`, 256,", "After 16 deliveries", "| `CommitInterval`, 1 s (pull) |", "| `Lease`, 60 s (POP) |", "| `MaxProcessing`, 1 h |",
			"`RequestTimeout` of a Subscriber, 3 s |", "| `MaxDeliveries`: 16, also with `Ordered`,", "| `CloseTimeout`, 10 s |",
			"**A new group begins at the earliest message.**", "`subscriber.Config.Redelivery`, from 100 ms on |",
		},
		"../docs/watermill.md": {"`MaxDeliveries`, 16 by default"},
	} {
		text, err := os.ReadFile(document)
		require.NoError(t, err)
		for _, want := range texts {
			require.Contains(t, string(text), want, document)
		}
	}
}
