package loglimit

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

// How often a failure is logged that comes again, as the guarantees say.
func TestDocumentedInterval(t *testing.T) {
	require.Equal(t, "30s", interval.String())
	text, err := os.ReadFile("../../docs/guarantees.md")
	require.NoError(t, err)
	require.Contains(t, string(text), "A failure that repeats is logged once in 30 s, with its count.")
}
