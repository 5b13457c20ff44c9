package dashboardtest

import (
	"encoding/json"
	"math"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/stretchr/testify/require"
)

// dashboard is what the test reads of dashboard.json.
type dashboard struct {
	Templating struct {
		List []struct{ Name, Type, Definition string }
	}
	Panels []struct {
		ID                       int
		Type, Title, Description string
		GridPos                  struct{ X, Y, W, H int }
		Targets                  []struct{ Expr, LegendFormat string }
	}
}

func readDashboard(t testing.TB) (d dashboard) {
	t.Helper()
	text, err := os.ReadFile("../dashboard.json")
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &d))
	require.NotEmpty(t, d.Panels)
	return d
}

// window is what Grafana has for $__rate_interval: four scrapes or more.
const window = 4 * scrapeInterval

// TestDashboard: each query returns numbers other than 0 from a pipeline in which all that
// the dashboard shows happens, for a server that keeps classic histograms and for one that
// keeps native ones.
func TestDashboard(t *testing.T) {
	d := readDashboard(t)
	stores := map[string]*store{
		"classic": newStore(expfmt.NewFormat(expfmt.TypeTextPlain)),
		"native":  newStore(expfmt.NewFormat(expfmt.TypeProtoDelim)),
	}
	end := runPipeline(t, func(t testing.TB, registry prometheus.Gatherer) {
		for _, s := range stores {
			s.scrape(t, registry)
		}
	})
	engine := promql.NewEngine(promql.EngineOpts{MaxSamples: 1e6, Timeout: time.Minute, Parser: parser.NewParser(parser.Options{})})
	t.Cleanup(func() { require.NoError(t, engine.Close()) })
	for name, s := range stores {
		t.Run(name, func(t *testing.T) {
			for _, panel := range d.Panels {
				for _, target := range panel.Targets {
					result := s.query(t, engine, substituted(target.Expr, ".*"), end)
					requireData(t, result, target.Expr)
					requireLegend(t, result, target.LegendFormat, target.Expr)
				}
			}
			for _, alert := range alerts(t) {
				result := s.query(t, engine, alert, end)
				require.NotEmpty(t, result, alert)
				require.False(t, slices.ContainsFunc(result, func(s promql.Sample) bool { return s.Metric.Get("topic") == oneway }),
					"%s: nothing is wrong with what is published one-way", alert)
			}
			for _, v := range d.Templating.List {
				if v.Type == "query" {
					requireValues(t, s, engine, v.Definition, end)
				}
			}
		})
	}
}

var rules = regexp.MustCompile("(?s)\n```promql\n(.*?)\n```\n")

// alerts returns the rules in docs/observability.md, which all have a reason in the pipeline.
func alerts(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile("../../docs/observability.md")
	require.NoError(t, err)
	m := rules.FindStringSubmatch(string(text))
	require.NotNil(t, m)
	return strings.Split(m[1], "\n")
}

// substituted puts the values of variables into a query.
func substituted(expr, all string) string {
	expr = strings.ReplaceAll(expr, "$__rate_interval", window.String())
	return variable.ReplaceAllString(expr, all)
}

var (
	variable = regexp.MustCompile(`\$(job|topic|group)\b`)
	legend   = regexp.MustCompile(`\{\{(\w+)\}\}`)
)

// requireData requires numbers, of which one at least is more than 0.
func requireData(t *testing.T, result promql.Vector, expr string) {
	t.Helper()
	require.NotEmpty(t, result, expr)
	require.True(t, slices.ContainsFunc(result, func(s promql.Sample) bool {
		return s.H == nil && s.F > 0 && !math.IsInf(s.F, 0)
	}), "%s\n%s", expr, result)
}

// requireLegend requires that the labels in a legend are those that the result has.
func requireLegend(t *testing.T, result promql.Vector, format, expr string) {
	t.Helper()
	for _, s := range result {
		want := 0
		for _, m := range legend.FindAllStringSubmatch(format, -1) {
			require.True(t, s.Metric.Has(m[1]), "%s has no label %s: %s", expr, m[1], s.Metric)
			want++
		}
		require.Equal(t, want, s.Metric.Len(), "%s: the legend %s lacks labels of %s", expr, format, s.Metric)
	}
}

var labelValues = regexp.MustCompile(`^label_values\((.+), (\w+)\)$`)

// requireValues requires that a variable has values to choose from.
func requireValues(t *testing.T, s *store, engine *promql.Engine, definition string, at time.Time) {
	t.Helper()
	m := labelValues.FindStringSubmatch(definition)
	require.NotNil(t, m, definition)
	result := s.query(t, engine, "count by ("+m[2]+") ("+substituted(m[1], ".*")+")", at)
	require.True(t, slices.ContainsFunc(result, func(s promql.Sample) bool { return s.Metric.Get(m[2]) != "" }), "%s\n%s", definition, result)
}

// TestPanels: panels do not overlap, and each says what it shows.
func TestPanels(t *testing.T) {
	taken, ids := make(map[[2]int]string), make(map[int]bool)
	for _, p := range readDashboard(t).Panels {
		require.False(t, ids[p.ID], "id %d is there twice", p.ID)
		ids[p.ID] = true
		if p.Type != "row" {
			require.NotEmpty(t, p.Description, p.Title)
			require.NotEmpty(t, p.Targets, p.Title)
		}
		for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
			for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
				require.Less(t, x, 24, p.Title)
				require.Empty(t, taken[[2]int{x, y}], p.Title)
				taken[[2]int{x, y}] = p.Title
			}
		}
	}
}

// TestAllMetricsAreShown: the dashboard has each metric.
func TestAllMetricsAreShown(t *testing.T) {
	var queries strings.Builder
	for _, p := range readDashboard(t).Panels {
		for _, target := range p.Targets {
			queries.WriteString(target.Expr)
		}
	}
	for _, name := range metricNames(t) {
		require.Contains(t, queries.String(), name)
	}
}
