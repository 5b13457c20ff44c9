package report

import (
	_ "embed"
	"fmt"
	"io"
	"math"
	"strings"
	"text/template"

	"github.com/watermill-rocketmq/watermill-rocketmq/benchmarks/contest"
	"github.com/watermill-rocketmq/watermill-rocketmq/benchmarks/growth"
)

// Geometry of a panel of the chart of lines, in pixels.
const (
	plotWidth  = 230
	plotHeight = 130
	plotLeft   = 52
	plotStepX  = plotWidth + plotLeft + 14
	plotStepY  = plotHeight + 62
)

//go:embed lines.svg.tmpl
var linesSource string

var linesTemplate = template.Must(template.New("lines").Parse(linesSource))

// lineChart is what lines.svg.tmpl draws.
type lineChart struct {
	Width, Height float64
	Caption       string
	Panels        []linePanel
}

type linePanel struct {
	X, Y          float64
	Title         string
	Width, Height float64
	Grid          []tick // horizontal lines
	Ticks         []tick // under the plot
	Line          string // points
	Dots          []dot
}

type tick struct {
	At    float64
	Label string
}

type dot struct{ X, Y float64 }

// lineMetrics are the rows of the chart.
var lineMetrics = []struct {
	name string
	of   func(*growth.Point) float64
}{
	{"messages per second", func(p *growth.Point) float64 { return p.Rate }},
	{"CPU µs per message", func(p *growth.Point) float64 { return float64(p.CPU.Nanoseconds()) / 1e3 }},
}

func writeLines(w io.Writer, r *contest.Report) error {
	if err := linesTemplate.Execute(w, newLineChart(r)); err != nil {
		return fmt.Errorf("report: chart: %w", err)
	}
	return nil
}

func newLineChart(r *contest.Report) lineChart {
	c := lineChart{
		Width:   2*margin + float64(len(growth.Axes))*plotStepX,
		Height:  chartHeader + float64(len(lineMetrics))*plotStepY + margin,
		Caption: caption(r),
	}
	for row, metric := range lineMetrics {
		for column, a := range growth.Axes {
			p := newLinePanel(r.Growth, a, metric.of)
			p.Title = fmt.Sprintf("%s by %s", metric.name, a)
			p.X = margin + plotLeft + float64(column)*plotStepX
			p.Y = chartHeader + 22 + float64(row)*plotStepY
			c.Panels = append(c.Panels, p)
		}
	}
	return c
}

// newLinePanel draws one axis of growth: its numbers evenly spread, since they
// grow by factors.
func newLinePanel(points []growth.Point, a growth.Axis, of func(*growth.Point) float64) linePanel {
	p := linePanel{Width: plotWidth, Height: plotHeight}
	var ps []growth.Point
	var greatest float64
	for _, point := range points {
		if point.Axis == a {
			ps = append(ps, point)
			greatest = max(greatest, of(&point))
		}
	}
	y := newAxis(greatest, plotHeight)
	for i := range 3 {
		v := y.max * float64(i) / 2
		p.Grid = append(p.Grid, tick{plotHeight - y.at(v), tickLabel(v)})
	}
	var line []string
	for i := range ps {
		d := dot{plotWidth * (float64(i) + 0.5) / math.Max(float64(len(ps)), 1), plotHeight - y.at(of(&ps[i]))}
		p.Dots = append(p.Dots, d)
		p.Ticks = append(p.Ticks, tick{d.X, tickLabel(float64(ps[i].N))})
		line = append(line, fmt.Sprintf("%.1f,%.1f", d.X, d.Y))
	}
	p.Line = strings.Join(line, " ")
	return p
}
