package contest

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/watermill-rocketmq/watermill-rocketmq/benchmarks/growth"
)

// Verdict is a target held against the results.
type Verdict struct {
	// Load and Against say what is compared, Metric in what.
	Load    string `json:"load"`
	Against string `json:"against"`
	Metric  string `json:"metric"`
	// Measured is the ratio of medians, or the value itself where Against is
	// empty; Min and Max are the spread of the ratios of single rounds.
	Measured float64 `json:"measured"`
	Min      float64 `json:"min"`
	Max      float64 `json:"max"`
	Bound    float64 `json:"bound"`
	// AtMost says that less is better.
	AtMost bool `json:"atMost"`
	// Known is false when the run had no such case.
	Known bool `json:"known"`
	Met   bool `json:"met"`
}

// target is one of the ratios that were aimed at.
type target struct {
	candidate string // Ours if empty
	load      string
	caseID    string
	metric    string
	of        Metric
	bound     float64
	atMost    bool
	against   []string // candidates, of whom the fastest counts; none for a plain value
	againstAs string   // their name together
}

func (t *target) judge(rs Results) Verdict {
	v := Verdict{Load: t.load, Against: t.name(), Metric: t.metric, Bound: t.bound, AtMost: t.atMost}
	ours := rs.Find(t.caseID, Closed, cmp.Or(t.candidate, Ours))
	if ours == nil || len(ours.Rounds) == 0 {
		return v
	}
	stat := ours.Stat(t.of)
	if len(t.against) > 0 {
		peer := rs.fastest(t.caseID, t.against)
		if peer == nil {
			return v
		}
		stat = Ratio(ours, peer, t.of)
	}
	v.Known, v.Measured, v.Min, v.Max = true, stat.Median, stat.Min, stat.Max
	v.Met = v.Holds()
	return v
}

func (t *target) name() string {
	if t.againstAs != "" {
		return t.againstAs
	}
	var names []string
	for _, id := range t.against {
		c, _ := CandidateByID(id)
		names = append(names, c.Name)
	}
	return strings.Join(names, ", ")
}

// Holds reports whether what was measured is within the bound.
func (v *Verdict) Holds() bool {
	if v.AtMost {
		return v.Measured <= v.Bound
	}
	return v.Measured >= v.Bound
}

// fastest returns the result with the best rate among the candidates, nil if none
// was measured.
func (rs Results) fastest(caseID string, candidates []string) *Result {
	var best *Result
	for _, id := range candidates {
		r := rs.Find(caseID, Closed, id)
		if r == nil || len(r.Rounds) == 0 {
			continue
		}
		if best == nil || r.Stat(Rate).Median > best.Stat(Rate).Median {
			best = r
		}
	}
	return best
}

// FastestRaw returns the raw frames' result with the best rate, nil if none was
// measured.
func (rs Results) FastestRaw(caseID string) *Result { return rs.fastest(caseID, rawDepths) }

// Ratio of the medians, with the spread of the ratios in single rounds.
func Ratio(ours, peer *Result, m Metric) Stat {
	var each []float64
	for i := range min(len(ours.Rounds), len(peer.Rounds)) {
		each = append(each, m(&ours.Rounds[i])/m(&peer.Rounds[i]))
	}
	s := NewStat(each)
	s.Median = ours.Stat(m).Median / peer.Stat(m).Median
	return s
}

// Judge holds the targets against a report.
func Judge(report *Report) []Verdict {
	var verdicts []Verdict
	for _, t := range targets() {
		verdicts = append(verdicts, t.judge(report.Results))
	}
	routines := Verdict{Load: "one idle connection", Metric: "goroutines", Bound: 2, AtMost: true}
	memory := Verdict{Load: "one idle connection", Metric: "heap and stacks, KiB", Bound: 64, AtMost: true}
	if cost := report.Idle; cost != nil {
		for v, value := range map[*Verdict]float64{&routines: cost.Goroutines, &memory: (cost.Heap + cost.Stacks) / 1024} {
			v.Known, v.Measured, v.Min, v.Max = true, value, value, value
			v.Met = v.Holds()
		}
	}
	return append(verdicts, judgeTopics(report.Growth), routines, memory)
}

// judgeTopics compares many topics with one: the ratio of the median rates, with the
// spread of the ratios in single rounds.
func judgeTopics(points []growth.Point) Verdict {
	const many = 1000
	v := Verdict{
		Load: "1000 topics, 64 goroutines, 1KiB, embedded broker", Against: "1 topic, the same", Metric: "msg/s", Bound: 0.7,
	}
	at := func(n int) *growth.Point {
		for i := range points {
			if p := &points[i]; p.Axis == growth.Topics && p.N == n && p.Rate > 0 {
				return p
			}
		}
		return nil
	}
	one, all := at(1), at(many)
	if one == nil || all == nil {
		return v
	}
	v.Known, v.Measured = true, all.Rate/one.Rate
	ratios := []float64{v.Measured} // older data has no single rounds
	if len(one.Rates) > 0 && len(one.Rates) == len(all.Rates) {
		ratios = nil
		for i := range one.Rates {
			ratios = append(ratios, all.Rates[i]/one.Rates[i])
		}
	}
	spread := NewStat(ratios)
	v.Min, v.Max = spread.Min, spread.Max
	v.Met = v.Holds()
	return v
}

// rawDepths are the raw candidates of a case with several, of which the best counts.
var rawDepths = []string{Raw1, Raw16, Raw64, Raw512}

// rawDepthsName stands for them in the table.
const rawDepthsName = "raw batches, best depth"

// targets are the rows of the table; one that names no body counts for both of
// the small ones.
func targets() []target {
	var ts []target
	add := func(c Case, t target) {
		t.caseID, t.load = c.ID(), describe(&c)
		ts = append(ts, t)
	}
	waiting := func(on Target, callers, perCall int, body Body) Case {
		return Case{Target: on, Callers: callers, PerCall: perCall, Body: body}
	}
	small := map[Body]int{Body128: 0, Body1K: 1}
	for _, body := range []Body{Body128, Body1K} {
		of := func(bounds ...float64) float64 { return bounds[min(small[body], len(bounds)-1)] }
		faster := func(callers, perCall int, peer string, bounds ...float64) {
			add(waiting(Real, callers, perCall, body), target{metric: "msg/s", of: Rate, bound: of(bounds...), against: []string{peer}})
		}
		sooner := func(callers int, peer string) {
			add(waiting(Real, callers, 1, body), target{metric: "p99", of: P99, bound: 0.5, atMost: true, against: []string{peer}})
		}
		faster(64, 1, ClientGo, 10, 7)
		faster(64, 1, JavaSync, 4.5)
		sooner(64, JavaSync)
		faster(64, 1, Raw64, 3.5)
		faster(64, 1, JavaAutoBatchSync, 2)
		sooner(64, JavaAutoBatchSync)
		faster(1024, 1, JavaAsync, 8, 3.5)
		faster(1024, 1, JavaAutoBatchAsync, 1.2)
		faster(1, 32, Adapter, 30)
		faster(1, 32, Raw1, 0.9)
		add(waiting(Real, 16, 32, body), target{
			metric: "msg/s", of: Rate, bound: of(1.2, 1), against: rawDepths, againstAs: rawDepthsName,
		})
		add(waiting(Real, 1, 1, body), target{metric: "p50", of: P50, bound: 1.05, atMost: true, against: []string{Raw1}})
		add(waiting(Real, 1, 1, body), target{metric: cpuName, of: CPU, bound: 0.45, atMost: true, against: []string{ClientGo}})
		async := Case{Target: Real, InFlight: 512, Body: body}
		autoBatch := []string{JavaAutoBatchAsync}
		add(async, target{candidate: OursAsync, metric: "msg/s", of: Rate, bound: 1.2, against: autoBatch})
		add(async, target{candidate: OursAsync, metric: cpuName, of: CPU, bound: 0.5, atMost: true, against: autoBatch})
	}
	add(waiting(Real, 64, 1, BodyText), target{metric: "msg/s", of: Rate, bound: 2, against: []string{JavaSync}})
	cheap := func(callers, perCall int, body Body, bound float64, raw ...string) {
		t := target{metric: cpuName, of: CPU, bound: bound, atMost: true, against: raw}
		if len(raw) > 1 {
			t.againstAs = rawDepthsName
		}
		add(waiting(Null, callers, perCall, body), t)
	}
	cheap(64, 1, Body128, 3.5, Raw64)
	cheap(64, 1, Body1K, 3, Raw64)
	cheap(1024, 1, Body128, 5, Raw512)
	cheap(1024, 1, Body1K, 4, Raw512)
	cheap(1, 32, Body1K, 1.8, Raw1)
	cheap(16, 32, Body1K, 2, rawDepths...)
	cheap(1, 1, Body1K, 1.6, Raw1)
	few := func(callers int, bound float64) {
		add(waiting(Null, callers, 1, Body1K), target{metric: "allocations per message", of: Allocs, bound: bound, atMost: true})
	}
	few(1, 3)
	few(64, 1)
	few(1024, 1)
	return ts
}

// cpuName is the metric CPU in the table.
const cpuName = "client CPU per message"

// describe says in words what a case is.
func describe(c *Case) string {
	callers := fmt.Sprintf("%d goroutines", c.Callers)
	switch {
	case c.InFlight > 0:
		callers = fmt.Sprintf("PublishAsync, %d in flight", c.InFlight)
	case c.Callers == 1:
		callers = "1 goroutine"
	}
	per := ""
	if c.PerCall > 1 {
		per = fmt.Sprintf(", %d per Publish", c.PerCall)
	}
	on := ""
	if c.Target == Null {
		on = ", null broker"
	}
	return fmt.Sprintf("%s%s, %s%s", callers, per, strings.ReplaceAll(string(c.Body), "-", " "), on)
}
