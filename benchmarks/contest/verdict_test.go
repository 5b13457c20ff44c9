package contest

import (
	"cmp"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/benchmarks/growth"
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
		require.Contains(t, c.Candidates, cmp.Or(k.candidate, Ours), k.caseID)
		for _, id := range k.against {
			require.Contains(t, c.Candidates, id, k.caseID)
		}
	}
}

// The goals of the asynchronous case are for PublishAsync, on the real broker.
func TestAsyncVerdicts(t *testing.T) {
	results := Results{
		{Case: "real/async/512/128B", Load: Closed, Candidate: OursAsync, Rounds: rounds(130)},
		{Case: "real/async/512/128B", Load: Closed, Candidate: JavaAutoBatchAsync, Rounds: rounds(100)},
		{Case: "real/async/512/128B", Load: Closed, Candidate: JavaAsync, Rounds: rounds(500)},
	}
	for i, r := range results {
		r.Rounds[0].CPUPerMessage = time.Duration(i+1) * time.Microsecond
	}
	var found []Verdict
	for _, v := range Judge(&Report{Results: results}) {
		if v.Known {
			found = append(found, v)
		}
	}
	require.Len(t, found, 2)
	require.Equal(t, "PublishAsync, 512 in flight, 128B", found[0].Load)
	require.InDelta(t, 1.3, found[0].Measured, 1e-9)
	require.True(t, found[0].Met)
	require.Equal(t, "client CPU per message", found[1].Metric)
	require.InDelta(t, 0.5, found[1].Measured, 1e-9)
	require.True(t, found[1].Met)
}

// On the null broker the client's CPU is a multiple of what raw frames take; where raw
// has several depths, of the fastest.
func TestCPUAgainstRawFrames(t *testing.T) {
	results := Results{
		{Case: "null/16x32/1KiB", Load: Closed, Candidate: Ours, Rounds: rounds(10)},
		{Case: "null/16x32/1KiB", Load: Closed, Candidate: Raw1, Rounds: rounds(5)},
		{Case: "null/16x32/1KiB", Load: Closed, Candidate: Raw16, Rounds: rounds(20)},
	}
	for i, r := range results {
		r.Rounds[0].CPUPerMessage = []time.Duration{900, 2000, 300}[i]
	}
	var found []Verdict
	for _, v := range Judge(&Report{Results: results}) {
		if v.Known {
			found = append(found, v)
		}
	}
	require.Len(t, found, 1)
	require.Equal(t, "16 goroutines, 32 per Publish, 1KiB, null broker", found[0].Load)
	require.InDelta(t, 3, found[0].Measured, 1e-9)
	require.InDelta(t, 2, found[0].Bound, 1e-9)
	require.True(t, found[0].AtMost)
	require.False(t, found[0].Met)
}

func TestManyTopicsAreJudged(t *testing.T) {
	points := []growth.Point{
		{Axis: growth.Goroutines, N: 1, Rate: 1},
		{Axis: growth.Topics, N: 1, Rate: 100, Rates: []float64{90, 100, 120}},
		{Axis: growth.Topics, N: 1000, Rate: 75, Rates: []float64{81, 75, 60}},
	}
	require.Equal(t, Verdict{
		Load: "1000 topics, 64 goroutines, 1KiB, embedded broker", Against: "1 topic, the same", Metric: "msg/s",
		Measured: 0.75, Min: 0.5, Max: 0.9, Bound: 0.7, Known: true, Met: true,
	}, judgeTopics(points))
	points[2].Rates = nil
	v := judgeTopics(points)
	require.Equal(t, []float64{0.75, 0.75, 0.75}, []float64{v.Measured, v.Min, v.Max})
	require.False(t, judgeTopics(points[:2]).Known)
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
