package contest

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCompareBuilds(t *testing.T) {
	results := Results{
		{Case: "null/64x1/1KiB", Load: Closed, Candidate: Ours, Rounds: rounds(100, 80, 90)},
		{Case: "null/64x1/1KiB", Load: Closed, Candidate: OursOther, Rounds: rounds(50, 20, 30)},
		{Case: "null/64x1/1KiB", Load: Closed, Candidate: Raw64, Rounds: rounds(500)},
		{Case: "null/async/512/1KiB", Load: Closed, Candidate: OursAsync, Rounds: rounds(7)},
		{Case: "null/async/512/1KiB", Load: Closed, Candidate: OursAsyncOther, Rounds: rounds(7)},
		{Case: "null/1x1/1KiB", Load: Closed, Candidate: Ours, Rounds: rounds(1)},
	}
	ratios := CompareBuilds(results)
	require.Len(t, ratios, 2)
	require.Equal(t, "null/64x1/1KiB", ratios[0].Case)
	require.Equal(t, Stat{Median: 3, Min: 2, Max: 4}, ratios[0].Rate)
	require.Equal(t, OursAsync, ratios[1].Candidate)
	require.Equal(t, Stat{Median: 1, Min: 1, Max: 1}, ratios[1].Allocs)
}
