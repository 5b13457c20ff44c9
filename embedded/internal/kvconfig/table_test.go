package kvconfig_test

import (
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/kvconfig"
)

func TestTable(t *testing.T) {
	var table kvconfig.Table
	_, ok := table.Get("space", "key")
	require.False(t, ok)
	table.Delete("space", "key")
	require.True(t, table.Put("space", "key", "value"))
	require.True(t, table.Put("space", "key", "other"))
	value, ok := table.Get("space", "key")
	require.True(t, ok)
	require.Equal(t, "other", value)
	n := 1
	for table.Put("space", strconv.Itoa(n), "") {
		n++
	}
	require.Equal(t, 1<<16, n)
	table.Delete("space", "key")
	require.True(t, table.Put("another", "key", ""), "there is room again")
}
