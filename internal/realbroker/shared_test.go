package realbroker

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Tests that ask at once get the same cluster, and it is gone after Close.
func TestShared(t *testing.T) {
	t.Parallel()
	Require(t)
	var shared Shared
	var got [3]*Cluster
	require.NoError(t, inParallel(len(got), func(i int) error {
		got[i] = shared.Cluster(t, "4.9.7")
		return nil
	}))
	assert.Same(t, got[0], got[1])
	assert.Same(t, got[0], got[2])
	require.NoError(t, shared.Close())
	assert.NoDirExists(t, got[0].dir)
	require.NoError(t, shared.Close())
}
