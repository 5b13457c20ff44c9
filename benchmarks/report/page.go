package report

import (
	"bytes"
	_ "embed"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"text/template"

	"github.com/watermill-rocketmq/watermill-rocketmq/benchmarks/contest"
	"github.com/watermill-rocketmq/watermill-rocketmq/benchmarks/growth"
)

//go:embed page.md.tmpl
var pageSource string

var pageTemplate = template.Must(template.New("page").Parse(pageSource))

// page is what page.md.tmpl shows.
type page struct {
	Stem, Date, Took, Memory string
	Machine                  contest.Machine
	Rounds                   int
	Seconds                  string
	StorePeak, StoreLimit    string
	WarmMessages             string // empty without a real broker
	WarmTime                 string
	WarmFirst, WarmLast      string
	Check                    tally
	Verdicts                 []verdict
	Sections                 []section
	Idle                     *idleCost
	Growth                   []growthRow
	Consuming                bool // the other half follows
	GrowthRounds             int  // of the points that have several, 0 if none has
}

type section struct {
	Title  string
	Tables []table
}

type idleCost struct{ Goroutines, HeapKiB, StacksKiB float64 }

type growthRow struct {
	Axis                            growth.Axis
	N, Rate, P50, P99, CPU, Mallocs string
}

// Write writes the page to path, and its charts into files beside it whose names
// begin with the page's.
func Write(path string, r *Run) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	stem := strings.TrimSuffix(path, filepath.Ext(path))
	if err := writeFile(path, func(w io.Writer) error { return writeHalves(w, filepath.Base(stem), r) }); err != nil {
		return err
	}
	if r.Report == nil {
		return nil
	}
	if err := writeFile(stem+".svg", func(w io.Writer) error { return writeBars(w, r.Report) }); err != nil {
		return err
	}
	if len(r.Growth) == 0 {
		return nil
	}
	return writeFile(stem+"-growth.svg", func(w io.Writer) error { return writeLines(w, r.Report) })
}

// writeHalves writes publishing and then consuming, those that were run.
func writeHalves(w io.Writer, stem string, r *Run) error {
	if r.Report != nil {
		if err := writePage(w, stem, r); err != nil {
			return err
		}
	}
	if r.Consuming == nil {
		return nil
	}
	return writeConsuming(w, r.Consuming, r.Report == nil)
}

// writeFile writes a file whole or not at all.
func writeFile(path string, write func(w io.Writer) error) error {
	var b bytes.Buffer
	if err := write(&b); err != nil {
		return err
	}
	if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	return nil
}

func writePage(w io.Writer, stem string, r *Run) error {
	p := newPage(stem, r.Report)
	p.Consuming = r.Consuming != nil
	if err := pageTemplate.Execute(w, p); err != nil {
		return fmt.Errorf("report: page: %w", err)
	}
	return nil
}

func newPage(stem string, r *contest.Report) *page {
	p := &page{
		Stem: stem, Date: r.Date.Format("2 January 2006"), Took: minutes(r.Took), Memory: gibibytes(r.Machine.Memory), Machine: r.Machine,
		Rounds: r.Rounds, Seconds: figures(r.Length.Seconds()),
		StorePeak: gibibytes(r.StorePeak), StoreLimit: gibibytes(r.StoreLimit),
		Check: check(r.Results), Verdicts: verdictsOf(r.Verdicts),
	}
	p.warm(r)
	for _, s := range []struct {
		title  string
		target contest.Target
	}{{"Real broker", contest.Real}, {"Null broker: the client alone", contest.Null}} {
		if tables := tablesOf(r.Results, s.target); len(tables) > 0 {
			p.Sections = append(p.Sections, section{s.title, tables})
		}
	}
	if c := r.Idle; c != nil {
		p.Idle = &idleCost{c.Goroutines, c.Heap / 1024, c.Stacks / 1024}
	}
	for _, point := range r.Growth {
		p.GrowthRounds = max(p.GrowthRounds, len(point.Rates))
		p.Growth = append(p.Growth, growthRow{
			Axis: point.Axis, N: thousands(float64(point.N)), Rate: thousands(point.Rate),
			P50: thousands(float64(point.P50.Microseconds())), P99: thousands(float64(point.P99.Microseconds())),
			CPU: figures(float64(point.CPU.Nanoseconds()) / 1e3), Mallocs: figures(point.Mallocs),
		})
	}
	return p
}

// warm says how the broker was warmed: the rates of single sends show it.
func (p *page) warm(r *contest.Report) {
	if r.WarmMessages == 0 {
		return
	}
	p.WarmMessages, p.WarmTime = thousands(float64(r.WarmMessages)), minutes(r.WarmTime)
	var singles []float64
	for _, point := range r.Warm {
		if point.PerCall == 1 {
			singles = append(singles, point.Rate)
		}
	}
	if len(singles) > 0 {
		p.WarmFirst, p.WarmLast = thousands(singles[0]), thousands(singles[len(singles)-1])
	}
}
