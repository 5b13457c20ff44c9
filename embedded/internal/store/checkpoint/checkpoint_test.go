package checkpoint

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCheckpoint(t *testing.T) {
	c := Checkpoint{LogTime: 1, QueueTime: 2, IndexTime: 3, MasterFlushed: 4, Confirmed: 5, QueueOffset: 6}
	path := filepath.Join(t.TempDir(), "checkpoint")
	require.NoError(t, Write(path, c))
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Len(t, data, size)
	for i := range 6 {
		require.EqualValues(t, i+1, data[8*i+7])
	}
	require.Equal(t, c, Parse(data))
	// 4.9 knows the first three only, and a file that is cut claims less.
	require.Equal(t, Checkpoint{LogTime: 1, QueueTime: 2, IndexTime: 3}, Parse(data[:24]))
	require.Equal(t, Checkpoint{LogTime: 1}, Parse(data[:15]))
	require.NoError(t, Write(path, Checkpoint{}))
	data, err = os.ReadFile(path)
	require.NoError(t, err)
	require.Zero(t, Parse(data))
	require.Error(t, Write(filepath.Join(path, "x"), c))
}
