package latest

import (
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

// The memory is bounded, and the oldest goes first.
func TestIDs(t *testing.T) {
	const most = 100
	s := IDs{Most: most}
	require.False(t, s.Has("0"))
	for i := range most + 10 {
		s.Add(strconv.Itoa(i))
		s.Add(strconv.Itoa(i)) // once is enough
	}
	require.Len(t, s.known, most)
	require.Len(t, s.order, most)
	require.False(t, s.Has("9"))
	require.True(t, s.Has("10"))
	require.True(t, s.Has(strconv.Itoa(most+9)))
	s.Add("")
	require.False(t, s.Has(""))
}
