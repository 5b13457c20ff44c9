package transport

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

// When connections that nobody needs end, as the page on production says.
func TestDocumentedIdle(t *testing.T) {
	var c Config
	c.setDefaults()
	require.Equal(t, "2m0s", c.IdleTimeout.String())
	text, err := os.ReadFile("../docs/production.md")
	require.NoError(t, err)
	require.Contains(t, string(text), "connections that nobody needs end two minutes later")
}
