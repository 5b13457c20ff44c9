package contest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/benchmarks/idle"
)

func rounds(rates ...float64) (rs []Round) {
	for _, r := range rates {
		rs = append(rs, Round{Rate: r, P99: time.Duration(r) * time.Microsecond, Mallocs: r})
	}
	return rs
}

func TestStat(t *testing.T) {
	require.Equal(t, Stat{}, NewStat(nil))
	require.Equal(t, Stat{Median: 2, Min: 1, Max: 9}, NewStat([]float64{9, 1, 2}))
	require.Equal(t, Stat{Median: 3, Min: 1, Max: 9}, NewStat([]float64{9, 1, 2, 4}))
}

func TestVerdictIsTheRatioOfMedians(t *testing.T) {
	results := Results{
		{Case: "real/64x1/1KiB", Load: Closed, Candidate: Ours, Rounds: rounds(100, 80, 90)},
		{Case: "real/64x1/1KiB", Load: Closed, Candidate: JavaSync, Rounds: rounds(20, 40, 30)},
		{Case: "real/64x1/1KiB", Load: OpenOwn, Candidate: Ours, Rounds: rounds(1)},
	}
	k := target{caseID: "real/64x1/1KiB", metric: "msg/s", of: Rate, bound: 3, against: []string{JavaSync}}
	v := k.judge(results)
	require.True(t, v.Known)
	require.True(t, v.Met)
	require.InDelta(t, 3, v.Measured, 1e-9)
	require.InDelta(t, 2, v.Min, 1e-9)
	require.InDelta(t, 5, v.Max, 1e-9)
	k.bound = 3.01
	v = k.judge(results)
	require.False(t, v.Met)
	k.atMost = true
	v = k.judge(results)
	require.True(t, v.Met)
	k.against = []string{ClientGo}
	v = k.judge(results)
	require.False(t, v.Known)
	require.False(t, v.Met)
}

func TestVerdictAgainstTheBestDepth(t *testing.T) {
	results := Results{
		{Case: "c", Load: Closed, Candidate: Ours, Rounds: rounds(100)},
		{Case: "c", Load: Closed, Candidate: Raw1, Rounds: rounds(20)},
		{Case: "c", Load: Closed, Candidate: Raw16, Rounds: rounds(80)},
		{Case: "c", Load: Closed, Candidate: Raw64},
	}
	k := target{caseID: "c", of: Rate, bound: 1.2, against: []string{Raw1, Raw16, Raw64, Raw512}, againstAs: "best"}
	v := k.judge(results)
	require.InDelta(t, 1.25, v.Measured, 1e-9)
	require.Equal(t, "best", v.Against)
	require.True(t, v.Met)
}

func TestVerdictOnAValue(t *testing.T) {
	results := Results{{Case: "c", Load: Closed, Candidate: Ours, Rounds: rounds(2, 4, 3)}}
	k := target{caseID: "c", of: Allocs, bound: 3, atMost: true}
	v := k.judge(results)
	require.True(t, v.Met)
	require.Empty(t, v.Against)
	require.InDelta(t, 3, v.Measured, 1e-9)
}

// A target whose case or candidate is not part of the default run could be missed
// silently.
func TestEveryTargetIsMeasuredByDefault(t *testing.T) {
	cases := map[string]Case{}
	for _, c := range Cases() {
		cases[c.ID()] = c
	}
	require.NotEmpty(t, targets())
	for _, k := range targets() {
		c, ok := cases[k.caseID]
		require.True(t, ok, k.caseID)
		require.False(t, c.Extra, k.caseID)
		require.Contains(t, c.Candidates, Ours)
		for _, id := range k.against {
			require.Contains(t, c.Candidates, id, k.caseID)
		}
	}
}

func TestIdleConnectionIsJudged(t *testing.T) {
	verdicts := Judge(&Report{Idle: &idle.Cost{Goroutines: 2, Heap: 60 << 10, Stacks: 8 << 10}})
	last := verdicts[len(verdicts)-2:]
	require.True(t, last[0].Met)
	require.False(t, last[1].Met, "68 KiB")
	require.True(t, last[1].Known)
	last = Judge(&Report{})[len(verdicts)-2:]
	require.False(t, last[0].Known)
}
