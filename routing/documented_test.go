package routing

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

// When topics that nobody uses are forgotten, as the page on production says.
func TestDocumentedIdle(t *testing.T) {
	require.Equal(t, "10m0s", idleAfter.String())
	text, err := os.ReadFile("../docs/production.md")
	require.NoError(t, err)
	require.Contains(t, string(text), "A topic that nobody has used for ten minutes is forgotten")
}
