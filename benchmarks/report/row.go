package report

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/watermill-rocketmq/watermill-rocketmq/benchmarks/contest"
)

// table is what the page shows of a case under one load.
type table struct {
	Title string
	Open  bool
	// ByRaw says that the rows have CPUByRaw.
	ByRaw bool
	Rows  []row
}

// row is a candidate in a table.
type row struct {
	Name, Planned, Rate, P50, P99, P999, CPU, CPUByRaw, Allocs, Memory string
}

// tablesOf makes the tables of a target, those without results left out.
func tablesOf(results contest.Results, target contest.Target) []table {
	var tables []table
	for _, c := range contest.Cases() {
		if c.Target != target {
			continue
		}
		for _, load := range []contest.Load{contest.Closed, contest.OpenSlowest, contest.OpenOwn} {
			t := table{Title: title(&c, load), Open: load != contest.Closed}
			var raw *contest.Result
			if target == contest.Null && !t.Open {
				raw = results.FastestRaw(c.ID())
			}
			t.ByRaw = raw != nil
			for _, r := range results.Of(c.ID(), load) {
				if len(r.Rounds) == 0 {
					continue
				}
				line := newRow(r)
				if t.ByRaw {
					line.CPUByRaw = spread(contest.Ratio(r, raw, contest.CPU), figures)
				}
				t.Rows = append(t.Rows, line)
			}
			if len(t.Rows) > 0 {
				tables = append(tables, t)
			}
		}
	}
	return tables
}

func title(c *contest.Case, load contest.Load) string {
	callers := fmt.Sprintf("%s callers", thousands(float64(c.Callers)))
	switch {
	case c.InFlight > 0:
		callers = fmt.Sprintf("Asynchronous, %s in flight", thousands(float64(c.InFlight)))
	case c.Callers == 1:
		callers = "1 caller"
	}
	if c.PerCall > 1 {
		callers += fmt.Sprintf(", %d messages per call", c.PerCall)
	}
	t := callers + ", " + bodyName(c.Body)
	switch load {
	case contest.OpenSlowest:
		t += ": open loop at 80 % of the slowest candidate's rate"
	case contest.OpenOwn:
		t += ": open loop at 80 % of the candidate's own rate"
	}
	return t
}

func bodyName(b contest.Body) string {
	switch b {
	case contest.Body128:
		return "128 B"
	case contest.Body1K:
		return "1 KiB"
	case contest.BodyText:
		return "8 KiB compressible"
	default:
		return "8 KiB random"
	}
}

func newRow(r *contest.Result) row {
	c, _ := contest.CandidateByID(r.Candidate)
	whole := func(v float64) string {
		if v < 0 {
			return "–"
		}
		return thousands(v)
	}
	return row{
		Name:    c.Name + note(r),
		Planned: thousands(r.Planned),
		Rate:    spread(r.Stat(contest.Rate), thousands),
		P50:     spread(r.Stat(contest.P50), thousands),
		P99:     spread(r.Stat(contest.P99), thousands),
		P999:    spread(r.Stat(contest.P999), thousands),
		CPU:     spread(r.Stat(contest.CPU), figures),
		Allocs:  spread(r.Stat(contest.Allocs), orNone),
		Memory:  spread(r.Stat(contest.Memory), whole),
	}
}

// excerpt makes an error short enough for a table.
func excerpt(err string) string {
	line, _, _ := strings.Cut(strings.ReplaceAll(err, "|", "/"), "\n")
	if r := []rune(line); len(r) > 90 {
		line = string(r[:90]) + "…"
	}
	return line
}

// note says what did not go as it should, empty if all did.
func note(r *contest.Result) string {
	var failed, surplus int64
	first := ""
	for _, round := range r.Rounds {
		failed += round.Failed
		surplus += round.Stored - round.Acknowledged
		first = cmp.Or(first, round.Err)
	}
	var notes []string
	if failed > 0 {
		notes = append(notes, fmt.Sprintf("%s failed: %s", thousands(float64(failed)), excerpt(first)))
	}
	if surplus > 0 {
		notes = append(notes, fmt.Sprintf("%s stored without an acknowledgement", thousands(float64(surplus))))
	}
	if len(r.Repeated) > 0 {
		notes = append(notes, fmt.Sprintf("%d measured once more: %s", len(r.Repeated), excerpt(r.Repeated[0])))
	}
	if len(notes) == 0 {
		return ""
	}
	return " (" + strings.Join(notes, ", ") + ")"
}
