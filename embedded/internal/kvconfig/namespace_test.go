package kvconfig

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// A namespace goes with its last value.
func TestNamespacesGo(t *testing.T) {
	var table Table
	require.True(t, table.Put("space", "key", "value"))
	require.True(t, table.Put("space", "other", "value"))
	table.Delete("space", "key")
	require.Len(t, table.values, 1)
	table.Delete("space", "other")
	table.Delete("space", "other")
	require.Empty(t, table.values)
	require.Zero(t, table.count)
}
