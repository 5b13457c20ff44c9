package routing

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A failure that lies ahead, since the clock was set back, is an old one.
func TestFailedWithin(t *testing.T) {
	var s nameServer
	require.False(t, s.failedWithin(time.Minute))
	s.failedAt.Store(time.Now().UnixNano())
	require.True(t, s.failedWithin(time.Minute))
	s.failedAt.Store(time.Now().Add(-2 * time.Minute).UnixNano())
	require.False(t, s.failedWithin(time.Minute))
	s.failedAt.Store(time.Now().Add(time.Hour).UnixNano())
	require.False(t, s.failedWithin(time.Minute))
}
