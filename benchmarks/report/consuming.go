package report

import (
	_ "embed"
	"fmt"
	"io"
	"strings"
	"text/template"
	"time"

	"github.com/watermill-rocketmq/watermill-rocketmq/benchmarks/consumption"
	"github.com/watermill-rocketmq/watermill-rocketmq/benchmarks/contest"
)

//go:embed consuming.md.tmpl
var consumingSource string

var consumingTemplate = template.Must(template.New("consuming").Parse(consumingSource))

// consuming is what consuming.md.tmpl shows.
type consuming struct {
	Alone                       bool // there is nothing about publishing
	Date, Took, Memory          string
	Machine                     contest.Machine
	Real                        bool
	Rounds                      int
	Messages, Few, Rate, Length string
	BrokerIdle                  string
	Check                       consumed
	Verdicts                    []verdict
	Tables                      []consumingTable
	Latencies                   []latencyRow
	Idle                        []idleRow
}

type consumingTable struct {
	Title string
	Rows  []consumingRow
}

type consumingRow struct{ Name, Rate, CPU, BrokerCPU, Allocs, Start string }

type latencyRow struct{ Name, P50, P90, P99, FromCall string }

type idleRow struct {
	Name, Goroutines, Heap, Stacks, FirstGoroutines, FirstHeap, FirstStacks string
}

func writeConsuming(w io.Writer, r *consumption.Report, alone bool) error {
	if err := consumingTemplate.Execute(w, newConsuming(r, alone)); err != nil {
		return fmt.Errorf("report: consuming: %w", err)
	}
	return nil
}

func newConsuming(r *consumption.Report, alone bool) *consuming {
	p := &consuming{
		Alone: alone, Date: r.Date.Format("2 January 2006"), Took: minutes(r.Took), Memory: gibibytes(r.Machine.Memory), Machine: r.Machine,
		Real: r.Real, Rounds: r.Rounds, Messages: thousands(float64(r.Messages)), Few: thousands(float64(r.Few)),
		Rate: thousands(r.Rate), Length: fmt.Sprintf("%g s", r.Length.Seconds()), BrokerIdle: brokerIdle(r),
		Check: checkConsumed(r), Verdicts: verdictsOf(r.Verdicts),
	}
	for _, body := range []contest.Body{contest.Body128, contest.Body1K} {
		t := consumingTable{Title: bodyName(body)}
		for _, c := range consumption.Candidates {
			for i := range r.Results {
				if result := &r.Results[i]; result.Body == body && result.Candidate == c.ID {
					t.Rows = append(t.Rows, newConsumingRow(&c, result))
				}
			}
		}
		if len(t.Rows) > 0 {
			p.Tables = append(p.Tables, t)
		}
	}
	for i := range r.Latencies {
		p.Latencies = append(p.Latencies, newLatencyRow(&r.Latencies[i]))
	}
	for i := range r.Idle {
		c := &r.Idle[i]
		p.Idle = append(p.Idle, idleRow{
			candidateName(c.Candidate), figures(c.Next.Goroutines), figures(c.Next.Heap / 1024), figures(c.Next.Stacks / 1024),
			figures(c.First.Goroutines), figures(c.First.Heap / 1024), figures(c.First.Stacks / 1024),
		})
	}
	return p
}

func newConsumingRow(c *consumption.Candidate, r *consumption.Result) consumingRow {
	row := consumingRow{Name: c.Name + failures(r.Failures) + duplicates(r), Rate: "–", CPU: "–", BrokerCPU: "–", Allocs: "–", Start: "–"}
	if len(r.Rounds) == 0 {
		return row
	}
	millis := func(us float64) string { return thousands(us / 1e3) }
	row.Rate = spread(r.Stat(consumption.Rate), thousands)
	row.CPU = spread(r.Stat(consumption.CPU), figures)
	row.BrokerCPU = spread(r.Stat(consumption.BrokerCPU), orNone)
	row.Allocs = spread(r.Stat(consumption.Allocs), orNone)
	row.Start = spread(r.Stat(consumption.Start), millis)
	return row
}

// duplicates says what a candidate was given twice, or has not acknowledged.
func duplicates(r *consumption.Result) string {
	var twice, unproved int64
	for _, round := range r.Rounds {
		twice += round.Duplicates
		unproved += max(round.Unproved, 0)
	}
	var notes []string
	if twice > 0 {
		notes = append(notes, thousands(float64(twice))+" seen again")
	}
	if unproved > 0 {
		notes = append(notes, thousands(float64(unproved))+" not acknowledged for the broker")
	}
	if len(notes) == 0 {
		return ""
	}
	return " (" + strings.Join(notes, ", ") + ")"
}

// failures says what measurements have failed.
func failures(errs []string) string {
	if len(errs) == 0 {
		return ""
	}
	return fmt.Sprintf(" (failed %d times: %s)", len(errs), excerpt(errs[0]))
}

func newLatencyRow(l *consumption.Latency) latencyRow {
	row := latencyRow{Name: candidateName(l.Candidate) + failures(l.Failures), P50: "–", P90: "–", P99: "–", FromCall: "–"}
	if len(l.Rounds) == 0 {
		return row
	}
	millis := func(us float64) string { return figures(us / 1e3) }
	row.P50 = spread(l.Stat(consumption.P50), millis)
	row.P90 = spread(l.Stat(consumption.P90), millis)
	row.P99 = spread(l.Stat(consumption.P99), millis)
	row.FromCall = spread(l.Stat(consumption.FromCall), millis)
	return row
}

func candidateName(id string) string {
	c, _ := consumption.CandidateByID(id)
	return c.Name
}

// brokerIdle is what the broker used while nothing was asked of it, over all rounds.
func brokerIdle(r *consumption.Report) string {
	var all []float64
	for _, result := range r.Results {
		for _, round := range result.Rounds {
			all = append(all, round.BrokerIdle)
		}
	}
	return spread(contest.NewStat(all), figures)
}

// consumed is the check of all measurements.
type consumed struct {
	Measurements                   int
	Messages, Duplicates, Unproved string
	Proved                         bool
}

func checkConsumed(r *consumption.Report) consumed {
	var c consumed
	var messages, twice, unproved int64
	for _, result := range r.Results {
		for _, round := range result.Rounds {
			c.Measurements++
			c.Proved = c.Proved || round.Unproved >= 0
			messages += round.Messages
			twice += round.Duplicates
			unproved += max(round.Unproved, 0)
		}
	}
	c.Messages, c.Duplicates, c.Unproved = thousands(float64(messages)), thousands(float64(twice)), thousands(float64(unproved))
	return c
}

// SummaryOfConsuming is the outcome in a few lines.
func SummaryOfConsuming(r *consumption.Report) []string {
	lines := outcome(r.Verdicts)
	c := checkConsumed(r)
	return append(lines, fmt.Sprintf("%s messages consumed in %d measurements in %s, none missing; %s seen more than once, %s not acknowledged for the broker",
		c.Messages, c.Measurements, r.Took.Round(time.Second), c.Duplicates, c.Unproved))
}
