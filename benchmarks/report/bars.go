package report

import (
	_ "embed"
	"fmt"
	"io"
	"text/template"

	"github.com/watermill-rocketmq/watermill-rocketmq/benchmarks/contest"
)

// Geometry of the chart of bars, in pixels.
const (
	panelWidth  = 560
	panelGap    = 30
	labelWidth  = 225
	valueWidth  = 110
	barHeight   = 15
	barStep     = 21
	panelHeader = 30
	chartHeader = 66
	margin      = 20
)

//go:embed bars.svg.tmpl
var barsSource string

var barsTemplate = template.Must(template.New("bars").Parse(barsSource))

// barChart is what bars.svg.tmpl draws.
type barChart struct {
	Width, Height float64
	Caption       string
	Panels        []barPanel
}

type barPanel struct {
	X, Y  float64
	Title string
	Bars  []bar
}

// bar is the median rate of a candidate, with a line from the least to the
// greatest of the rounds.
type bar struct {
	Y, Width, From, To float64
	Name, Value, Class string
}

// barShapes are the cases that the chart shows, if they were run.
var barShapes = []string{
	"64x1/128B", "64x1/1KiB", "1024x1/128B", "1024x1/1KiB", "1x32/128B", "1x32/1KiB",
	"16x32/128B", "16x32/1KiB", "async/512/128B", "async/512/1KiB", "1x1/1KiB", "64x1/8KiB-text",
}

func writeBars(w io.Writer, r *contest.Report) error {
	if err := barsTemplate.Execute(w, newBarChart(r)); err != nil {
		return fmt.Errorf("report: chart: %w", err)
	}
	return nil
}

// newBarChart lays the panels out in two columns, each under the shorter one. The
// real broker's cases are shown, or those of the null broker if it had none.
func newBarChart(r *contest.Report) barChart {
	c := barChart{
		Width:   2*panelWidth + panelGap + 2*margin,
		Caption: caption(r),
	}
	target := contest.Real
	if len(tablesOf(r.Results, target)) == 0 {
		target = contest.Null
	}
	bottom := [2]float64{chartHeader, chartHeader}
	for _, id := range barShapes {
		for _, k := range contest.Cases() {
			if k.Target != target || k.Shape() != id {
				continue
			}
			column := 0
			if bottom[1] < bottom[0] {
				column = 1
			}
			p := newBarPanel(r.Results, &k)
			if len(p.Bars) == 0 {
				continue
			}
			p.X, p.Y = margin+float64(column)*(panelWidth+panelGap), bottom[column]
			bottom[column] += panelHeader + barStep*float64(len(p.Bars)) + 14
			c.Panels = append(c.Panels, p)
		}
	}
	c.Height = max(bottom[0], bottom[1]) + margin
	return c
}

func newBarPanel(results contest.Results, k *contest.Case) barPanel {
	p := barPanel{Title: title(k, contest.Closed)}
	var greatest float64
	rs := results.Of(k.ID(), contest.Closed)
	for _, r := range rs {
		greatest = max(greatest, r.Stat(contest.Rate).Max)
	}
	x := newAxis(greatest, panelWidth-labelWidth-valueWidth)
	x.max = max(greatest, 1) // the bars have their values beside them
	for _, r := range rs {
		if len(r.Rounds) == 0 {
			continue
		}
		s := r.Stat(contest.Rate)
		candidate, _ := contest.CandidateByID(r.Candidate)
		class := "peer"
		if candidate.IsOurs() {
			class = "ours"
		} else if candidate.Limit {
			class = "limit"
		}
		p.Bars = append(p.Bars, bar{
			Y: panelHeader + barStep*float64(len(p.Bars)), Width: x.at(s.Median), From: x.at(s.Min), To: x.at(s.Max),
			Name: candidate.Name, Value: short(s.Median), Class: class,
		})
	}
	return p
}

// caption names what the figures depend on.
func caption(r *contest.Report) string {
	m := &r.Machine
	return fmt.Sprintf("%s, %d cores, %s; %s; RocketMQ %s; %s", m.CPU, m.Cores, gibibytes(m.Memory), m.Go, m.RocketMQ, r.Date.Format("2006-01-02"))
}
