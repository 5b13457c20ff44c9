package consumption

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/benchmarks/consumers"
	"github.com/watermill-rocketmq/watermill-rocketmq/benchmarks/contest"
	"github.com/watermill-rocketmq/watermill-rocketmq/benchmarks/idle"
	"github.com/watermill-rocketmq/watermill-rocketmq/benchmarks/meter"
)

// rounds have these rates, and a CPU time of as many microseconds.
func rounds(rates ...float64) (rs []Round) {
	for _, rate := range rates {
		rs = append(rs, Round{Rate: rate, CPU: rate * 1e3, Mallocs: rate / 10})
	}
	return rs
}

// known are the verdicts on what was measured.
func known(r *Report) (found []contest.Verdict) {
	for _, v := range Judge(r) {
		if v.Known {
			found = append(found, v)
		}
	}
	return found
}

func TestNothingMeasured(t *testing.T) {
	require.Empty(t, known(&Report{}))
	require.Len(t, Judge(&Report{}), 2*len(goals)+8)
}

func TestVerdictsAreRatiosOfMedians(t *testing.T) {
	found := known(&Report{Results: []Result{
		{Body: contest.Body1K, Candidate: OursPOP, Rounds: rounds(100, 80, 90)},
		{Body: contest.Body1K, Candidate: JavaPOP, Rounds: rounds(10, 8, 9)},
		{Body: contest.Body1K, Candidate: ClientGo}, // it has failed
	}})
	require.Len(t, found, 3)
	require.Equal(t, "this subscriber, POP, 1KiB", found[0].Load)
	require.Equal(t, "Java, push consumer with POP", found[0].Against)
	require.Equal(t, "msg/s", found[0].Metric)
	require.InDelta(t, 10, found[0].Measured, 1e-9)
	require.True(t, found[0].Met)
	require.Equal(t, cpuName, found[1].Metric)
	require.InDelta(t, 10, found[1].Measured, 1e-9)
	require.False(t, found[1].Met)
	require.Equal(t, allocsName, found[2].Metric)
	require.Empty(t, found[2].Against)
	require.InDelta(t, 9, found[2].Measured, 1e-9)
	require.False(t, found[2].Met)
}

// What the clocks were too coarse for is no ratio.
func TestNoRatioToNothing(t *testing.T) {
	found := known(&Report{Results: []Result{
		{Body: contest.Body128, Candidate: OursPull, Rounds: []Round{{Rate: 5, CPU: 1, Mallocs: 1}}},
		{Body: contest.Body128, Candidate: JavaPull, Rounds: []Round{{Rate: 2}}},
	}})
	require.Len(t, found, 2)
	require.Equal(t, "msg/s", found[0].Metric)
	require.True(t, found[0].Met)
	require.Equal(t, allocsName, found[1].Metric)
}

func TestLatencyIsJudged(t *testing.T) {
	found := known(&Report{Latencies: []Latency{
		{Candidate: OursPOP, Rounds: []LatencyRound{{P50: 2100 * time.Microsecond}}},
		{Candidate: ClientGo, Rounds: []LatencyRound{{P50: 4200 * time.Microsecond}}},
	}})
	require.Len(t, found, 2)
	require.InDelta(t, 0.5, found[0].Measured, 1e-9)
	require.True(t, found[0].Met)
	require.InDelta(t, 2.1, found[1].Measured, 1e-9)
	require.False(t, found[1].Met)
}

func TestIdleSubscriptionsAreJudged(t *testing.T) {
	cost := consumers.IdleCost{
		First: idle.Cost{Goroutines: 50, Heap: 1 << 20}, Next: idle.Cost{Goroutines: 4, Heap: 60 << 10, Stacks: 8 << 10},
	}
	found := known(&Report{Idle: []IdleCost{{OursPull, cost}}})
	require.Len(t, found, 2)
	require.True(t, found[0].Met)
	require.InDelta(t, 68, found[1].Measured, 1e-9)
	require.False(t, found[1].Met)
}

// A goal whose candidates do not exist could be missed silently.
func TestGoalsAreAboutCandidates(t *testing.T) {
	ids := map[string]bool{}
	for _, c := range Candidates {
		require.False(t, ids[c.ID], c.ID)
		ids[c.ID] = true
		require.NotEqual(t, c.Java == "", c.Go == "", c.ID)
	}
	for _, g := range goals {
		require.True(t, ids[g.ours], g.ours)
		require.True(t, g.against == "" || ids[g.against], g.against)
	}
}

// What the broker uses while nothing is asked of it is no cost of the messages.
func TestBrokersIdleUseIsSubtracted(t *testing.T) {
	s := &meter.Sample{Measured: 1000, Length: time.Second, CPU: 5 * time.Millisecond, BrokerCPU: 300 * time.Millisecond, Mallocs: 4000}
	r := newRound("group", s, 0.1)
	require.InDelta(t, 200, BrokerCPU(&r), 1e-9)
	require.InDelta(t, 5, CPU(&r), 1e-9)
	require.InDelta(t, 4, r.Mallocs, 1e-9)
	r = newRound("group", s, 0.5)
	require.Zero(t, r.BrokerCPU)
	s.BrokerCPU, s.Mallocs = -1, -1
	r = newRound("group", s, 0.1)
	require.InDelta(t, -1, r.Mallocs, 1e-9)
	require.InDelta(t, -1, r.BrokerCPU, 1e-9)
}

func TestLatencyCountsFromTheAcknowledgement(t *testing.T) {
	var sends []send
	var arrivals []int64
	for i := range int64(100) {
		at := i * 1_000_000
		sends = append(sends, send{at, at + 500})
		arrivals = append(arrivals, at+500+10*i) // the i-th after 10*i
	}
	arrivals[0] = sends[0].acknowledged - 200 // before the publisher knows
	r, err := newLatencyRound(sends, arrivals)
	require.NoError(t, err)
	require.Equal(t, 500*time.Nanosecond, r.P50)
	require.Equal(t, 900*time.Nanosecond, r.P90)
	require.Equal(t, 990*time.Nanosecond, r.P99)
	require.Equal(t, time.Microsecond, r.FromCall)
	require.Equal(t, 500*time.Nanosecond, r.Publish)
	_, err = newLatencyRound(sends, arrivals[1:])
	require.Error(t, err)
}
