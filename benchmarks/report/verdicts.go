package report

import (
	"fmt"

	"github.com/watermill-rocketmq/watermill-rocketmq/benchmarks/contest"
)

// verdict is a line of the table of targets.
type verdict struct {
	Load, Against, Metric, Bound, Measured, Outcome string
}

func verdictsOf(vs []contest.Verdict) []verdict {
	var lines []verdict
	for _, v := range vs {
		lines = append(lines, newVerdict(v))
	}
	return lines
}

func newVerdict(v contest.Verdict) verdict {
	unit, bound, against := "x", "at least ", v.Against
	if against == "" {
		unit, against = "", "–"
	}
	if v.AtMost {
		bound = "at most "
	}
	line := verdict{
		Load: v.Load, Against: against, Metric: v.Metric, Bound: bound + figures(v.Bound) + unit,
		Measured: "–", Outcome: "not measured",
	}
	if !v.Known {
		return line
	}
	times := func(f float64) string { return figures(f) + unit }
	line.Measured = spread(contest.Stat{Median: v.Measured, Min: v.Min, Max: v.Max}, times)
	line.Outcome = "**missed**"
	if v.Met {
		line.Outcome = "met"
	}
	return line
}

// Summary is the outcome of publishing in a few lines.
func Summary(r *contest.Report) []string {
	lines := outcome(r.Verdicts)
	c := check(r.Results)
	return append(lines, fmt.Sprintf("%s messages acknowledged in %d measurements, all of them stored; %s failed, %s stored without an acknowledgement",
		c.Acknowledged, c.Measurements, c.Failed, c.Surplus))
}

// outcome is what was missed, and how many targets were.
func outcome(verdicts []contest.Verdict) []string {
	var lines []string
	met, missed := 0, 0
	for _, v := range verdicts {
		switch {
		case !v.Known:
		case v.Met:
			met++
		default:
			missed++
			l := newVerdict(v)
			what := l.Load + ", " + l.Metric
			if v.Against != "" {
				what += " against " + v.Against
			}
			lines = append(lines, fmt.Sprintf("missed: %s: %s, wanted %s", what, l.Measured, l.Bound))
		}
	}
	return append(lines, fmt.Sprintf("targets: %d met, %d missed, %d not measured", met, missed, len(verdicts)-met-missed))
}

// tally is the check of acknowledged against stored, over all measurements.
type tally struct {
	Measurements                  int
	Acknowledged, Failed, Surplus string
}

func check(rs contest.Results) tally {
	var t tally
	var acknowledged, failed, surplus int64
	for _, r := range rs {
		for _, round := range r.Rounds {
			t.Measurements++
			acknowledged += round.Acknowledged
			failed += round.Failed
			surplus += round.Stored - round.Acknowledged
		}
	}
	t.Acknowledged, t.Failed, t.Surplus = thousands(float64(acknowledged)), thousands(float64(failed)), thousands(float64(surplus))
	return t
}
