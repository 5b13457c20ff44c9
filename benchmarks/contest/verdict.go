package contest

import (
	"fmt"
	"strings"
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
	ours := rs.Find(t.caseID, Closed, Ours)
	if ours == nil || len(ours.Rounds) == 0 {
		return v
	}
	stat := ours.Stat(t.of)
	if len(t.against) > 0 {
		peer := rs.fastest(t.caseID, t.against)
		if peer == nil {
			return v
		}
		stat = ratio(ours, peer, t.of)
	}
	v.Known, v.Measured, v.Min, v.Max = true, stat.Median, stat.Min, stat.Max
	v.Met = v.holds()
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

func (v *Verdict) holds() bool {
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

// ratio of the medians, with the spread of the ratios in single rounds.
func ratio(ours, peer *Result, m Metric) Stat {
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
			v.Met = v.holds()
		}
	}
	return append(verdicts, routines, memory)
}

// targets are the rows of the table; one that names no body counts for both of
// the small ones.
func targets() []target {
	var ts []target
	add := func(callers, perCall int, body Body, t target) {
		c := Case{Target: Real, Callers: callers, PerCall: perCall, Body: body}
		if len(t.against) == 0 {
			c.Target = Null
		}
		t.caseID, t.load = c.ID(), describe(&c)
		ts = append(ts, t)
	}
	small := map[Body]int{Body128: 0, Body1K: 1}
	for _, body := range []Body{Body128, Body1K} {
		of := func(bounds ...float64) float64 { return bounds[min(small[body], len(bounds)-1)] }
		faster := func(callers, perCall int, peer string, bounds ...float64) {
			add(callers, perCall, body, target{metric: "msg/s", of: Rate, bound: of(bounds...), against: []string{peer}})
		}
		sooner := func(callers int, peer string) {
			add(callers, 1, body, target{metric: "p99", of: P99, bound: 0.5, atMost: true, against: []string{peer}})
		}
		faster(64, 1, ClientGo, 10, 7)
		faster(64, 1, JavaSync, 4.5)
		sooner(64, JavaSync)
		faster(64, 1, Raw64, 3.5)
		faster(64, 1, JavaAutoBatchSync, 2)
		sooner(64, JavaAutoBatchSync)
		faster(1024, 1, JavaAsync, 8, 3.5)
		faster(1024, 1, JavaAutoBatchAsync, 1.2, 1)
		faster(1, 32, Adapter, 30)
		faster(1, 32, Raw1, 0.9)
		add(16, 32, body, target{
			metric: "msg/s", of: Rate, bound: of(1.2, 1),
			against: []string{Raw1, Raw16, Raw64, Raw512}, againstAs: "raw batches, best depth",
		})
		add(1, 1, body, target{metric: "p50", of: P50, bound: 1.05, atMost: true, against: []string{Raw1}})
		add(1, 1, body, target{metric: "client CPU per message", of: CPU, bound: 0.45, atMost: true, against: []string{ClientGo}})
	}
	add(64, 1, BodyText, target{metric: "msg/s", of: Rate, bound: 2, against: []string{JavaSync}})
	add(1, 1, Body1K, target{metric: "allocations per message", of: Allocs, bound: 3, atMost: true})
	for _, callers := range []int{64, 1024} {
		add(callers, 1, Body1K, target{metric: "allocations per message", of: Allocs, bound: 1, atMost: true})
	}
	return ts
}

// describe says in words what a case is.
func describe(c *Case) string {
	callers := fmt.Sprintf("%d goroutines", c.Callers)
	if c.Callers == 1 {
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
