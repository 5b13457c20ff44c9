package preflight

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestParseUptime(t *testing.T) {
	up, ok := parseUptime("[ 12 days, 3 hours, 4 minutes, 5 seconds ]")
	require.True(t, ok)
	require.Equal(t, 12*24*time.Hour+3*time.Hour+4*time.Minute+5*time.Second, up)
	for _, text := range []string{
		"", "[ 1 days ]", "[ 1,234 days, 0 hours, 0 minutes, 0 seconds ]", "[ -1 days, 0 hours, 0 minutes, 0 seconds ]",
		"[ 0 days, 24 hours, 0 minutes, 0 seconds ]", "[ 99999999 days, 0 hours, 0 minutes, 0 seconds ]",
	} {
		_, ok := parseUptime(text)
		require.False(t, ok, text)
	}
}
