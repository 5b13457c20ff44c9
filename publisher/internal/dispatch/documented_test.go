package dispatch

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

// How many requests the guarantees say are under way. If this fails, change the numbers here
// and there.
func TestDocumentedRequests(t *testing.T) {
	require.Equal(t, "50ms", hurryAfter.String())
	require.Equal(t, []int{2, 64}, []int{maxShared, maxSolo})
	text, err := os.ReadFile("../../../docs/guarantees.md")
	require.NoError(t, err)
	require.Contains(t, string(text), "one request to store under way, and a second one when the first takes longer than 50 ms.")
	require.Contains(t, string(text), "may have 64 requests under way.")
}
