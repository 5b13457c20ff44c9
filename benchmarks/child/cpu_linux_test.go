package child

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCPU(t *testing.T) {
	before, err := CPU(os.Getpid())
	require.NoError(t, err)
	after := before
	for work := 0; after < before+5*tick; work++ { // it ends when the time counts
		after, err = CPU(os.Getpid())
		require.NoError(t, err)
	}
	_, err = CPU(1 << 30)
	require.ErrorIs(t, err, os.ErrNotExist)
}
