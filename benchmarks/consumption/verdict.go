package consumption

import (
	"math"

	"github.com/watermill-rocketmq/watermill-rocketmq/benchmarks/consumers"
	"github.com/watermill-rocketmq/watermill-rocketmq/benchmarks/contest"
)

// goal is a metric that was aimed at.
type goal struct {
	ours    string
	against string // empty for a plain value
	metric  string
	of      Metric
	bound   float64
	atMost  bool
}

// goals are for each body.
var goals = []goal{
	{OursPull, ClientGo, "msg/s", Rate, 2.5, false},
	{OursPull, ClientGo, cpuName, CPU, 0.4, true},
	{OursPull, JavaPull, "msg/s", Rate, 2, false},
	{OursPull, JavaPull, cpuName, CPU, 0.4, true},
	{OursPull, RawPull, "msg/s", Rate, 0.7, false},
	{OursPOP, JavaPOP, "msg/s", Rate, 10, false},
	{OursPOP, JavaPOP, cpuName, CPU, 0.1, true},
	{OursPOP, ClientGo, "msg/s", Rate, 1, false},
	{OursPull, "", allocsName, Allocs, 8, true},
	{OursPOP, "", allocsName, Allocs, 8, true},
}

const (
	cpuName    = "client CPU per message"
	allocsName = "allocations per message"
)

// Judge holds the targets against a report.
func Judge(r *Report) []contest.Verdict {
	var verdicts []contest.Verdict
	for _, body := range bodies {
		for _, g := range goals {
			verdicts = append(verdicts, g.judge(r, body))
		}
	}
	for _, id := range []string{OursPOP, OursPull} {
		verdicts = append(verdicts, judgeLatency(r, id)...)
	}
	for _, id := range []string{OursPOP, OursPull} {
		verdicts = append(verdicts, judgeIdle(r, id)...)
	}
	return verdicts
}

func (g *goal) judge(r *Report, body contest.Body) contest.Verdict {
	v := contest.Verdict{
		Load: nameOf(g.ours) + ", " + string(body), Against: nameOf(g.against), Metric: g.metric, Bound: g.bound, AtMost: g.atMost,
	}
	ours, peer := r.Find(body, g.ours), r.Find(body, g.against)
	switch {
	case ours == nil || g.against != "" && peer == nil:
		return v
	case g.against == "":
		return settled(v, ours.Stat(g.of))
	}
	return settled(v, ratio(ours.Rounds, peer.Rounds, g.of))
}

// settled is the verdict on what was measured. Of a measurement that was too short for
// the clocks there is none.
func settled(v contest.Verdict, s contest.Stat) contest.Verdict {
	for _, f := range []float64{s.Median, s.Min, s.Max} {
		if math.IsNaN(f) || math.IsInf(f, 0) {
			return v
		}
	}
	v.Known, v.Measured, v.Min, v.Max = true, s.Median, s.Min, s.Max
	v.Met = v.Holds()
	return v
}

// ratio of the medians, with the spread of the ratios in single rounds.
func ratio[R any](ours, peer []R, number func(*R) float64) contest.Stat {
	var each []float64
	for i := range min(len(ours), len(peer)) {
		each = append(each, number(&ours[i])/number(&peer[i]))
	}
	s := contest.NewStat(each)
	s.Median = statOf(ours, number).Median / statOf(peer, number).Median
	return s
}

// judgeLatency is about the median on an idle topic.
func judgeLatency(r *Report, id string) []contest.Verdict {
	load := nameOf(id) + ", idle topic"
	against := contest.Verdict{Load: load, Against: nameOf(ClientGo), Metric: "p50", Bound: 1, AtMost: true}
	alone := contest.Verdict{Load: load, Metric: "p50, ms", Bound: 2, AtMost: true}
	ours, peer := r.FindLatency(id), r.FindLatency(ClientGo)
	if ours != nil && peer != nil {
		against = settled(against, ratio(ours.Rounds, peer.Rounds, P50))
	}
	if ours != nil {
		alone = settled(alone, statOf(ours.Rounds, func(r *LatencyRound) float64 { return P50(r) / 1e3 }))
	}
	return []contest.Verdict{against, alone}
}

// judgeIdle is about a subscription that has nothing to do.
func judgeIdle(r *Report, id string) []contest.Verdict {
	load := nameOf(id) + ", an idle subscription"
	routines := contest.Verdict{Load: load, Metric: "goroutines", Bound: 4, AtMost: true}
	memory := contest.Verdict{Load: load, Metric: "heap and stacks, KiB", Bound: 64, AtMost: true}
	for _, cost := range r.Idle {
		if cost.Candidate == id {
			routines = settled(routines, plain(cost.Next.Goroutines))
			memory = settled(memory, plain(kib(&cost.IdleCost)))
		}
	}
	return []contest.Verdict{routines, memory}
}

func plain(v float64) contest.Stat { return contest.Stat{Median: v, Min: v, Max: v} }

func kib(c *consumers.IdleCost) float64 { return (c.Next.Heap + c.Next.Stacks) / 1024 }

func nameOf(id string) string {
	c, _ := CandidateByID(id)
	return c.Name
}
