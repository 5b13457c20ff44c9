package report

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/benchmarks/contest"
	"github.com/watermill-rocketmq/watermill-rocketmq/benchmarks/growth"
	"github.com/watermill-rocketmq/watermill-rocketmq/benchmarks/idle"
)

// example is a report with a result for every candidate of every case.
func example() *contest.Report {
	r := &contest.Report{
		Machine: contest.Machine{CPU: "A <quick> & \"odd\" CPU", Cores: 2, Memory: 8 << 30, Go: "go1", RocketMQ: "5.5.0"},
		Date:    time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Rounds: 2, Length: 2 * time.Second, Took: 20 * time.Minute,
		Warm:         []contest.WarmPoint{{PerCall: 1, Rate: 1000}, {PerCall: 32, Rate: 9000}, {PerCall: 1, Rate: 2000}},
		WarmMessages: 1_000_000, WarmTime: time.Minute,
		Idle: &idle.Cost{Goroutines: 2, Heap: 19 << 10, Stacks: 6 << 10},
	}
	for _, c := range contest.Cases() {
		for i, id := range c.Candidates {
			rate := 1000 * float64(len(c.Candidates)-i)
			round := contest.Round{Rate: rate, P50: time.Millisecond, P99: time.Second, CPUPerMessage: time.Microsecond, Mallocs: -1, Acknowledged: 10, Stored: 10}
			other := round
			other.Rate *= 1.5
			r.Results = append(r.Results, contest.Result{
				Case: c.ID(), Load: contest.Closed, Candidate: id, Rounds: []contest.Round{round, other},
			})
		}
	}
	for _, a := range growth.Axes {
		for n := 1; n < 2000; n *= 10 {
			r.Growth = append(r.Growth, growth.Point{Axis: a, N: n, Rate: float64(1000 * n), Rates: []float64{1, 2}, CPU: time.Microsecond})
		}
	}
	r.Verdicts = contest.Judge(r)
	return r
}

func TestChartsAreWellFormed(t *testing.T) {
	for name, write := range map[string]func(io.Writer, *contest.Report) error{"bars": writeBars, "lines": writeLines} {
		for _, r := range []*contest.Report{example(), {}} {
			var b bytes.Buffer
			require.NoError(t, write(&b, r), name)
			require.NotContains(t, b.String(), "NaN")
			require.NotContains(t, b.String(), "Inf")
			d := xml.NewDecoder(&b)
			for {
				_, err := d.Token()
				if errors.Is(err, io.EOF) {
					break
				}
				require.NoError(t, err, name)
			}
		}
	}
}

func TestChartShowsTheData(t *testing.T) {
	c := newBarChart(example())
	require.Len(t, c.Panels, len(barShapes))
	for _, p := range c.Panels {
		require.NotEmpty(t, p.Bars)
		require.Equal(t, "ours", p.Bars[0].Class)
		for _, b := range p.Bars {
			require.Less(t, b.From, b.Width)
			require.Less(t, b.Width, b.To)
			require.LessOrEqual(t, b.To, float64(panelWidth-labelWidth-valueWidth))
		}
		require.Less(t, p.Y, c.Height)
	}
}

func TestPage(t *testing.T) {
	path := filepath.Join(t.TempDir(), "docs", "speed.md")
	require.NoError(t, Write(path, &Run{Report: example()}))
	page, err := os.ReadFile(path)
	require.NoError(t, err)
	for _, want := range []string{
		"speed.svg", "speed-growth.svg", "## Targets", "**missed**", "| met |", "1,000,000 messages in 60 seconds",
		"went from 1,000 to 2,000 messages/s", "### 16 callers, 32 messages per call, 128 B", "## How cost grows",
		"were measured in 2 rounds", "### Asynchronous, 512 in flight, 1 KiB", "| this publisher, PublishAsync | ", "| rocketmq-client-go, SendAsync | ",
		"| PublishAsync, 512 in flight, 128B | Java, autoBatch, async, 512 in flight | msg/s | at least 1.20x | ",
		"| CPU µs/msg | CPU, raw = 1 | allocations/msg |",
		"| 64 goroutines, 128B, null broker | raw, 64 outstanding | client CPU per message | at most 3.50x | ",
		"| 1000 topics, 64 goroutines, 1KiB, embedded broker | 1 topic, the same | msg/s | at least 0.700x | 1,000x | met |",
	} {
		require.Contains(t, string(page), want)
	}
	require.NotContains(t, string(page), "<no value>")
	for _, chart := range []string{"speed.svg", "speed-growth.svg"} {
		require.FileExists(t, filepath.Join(filepath.Dir(path), chart))
	}
}

func TestBuildsAreCompared(t *testing.T) {
	r := example()
	require.Empty(t, Builds(r))
	for _, other := range []struct{ id, ours string }{{contest.OursOther, contest.Ours}, {contest.OursAsyncOther, contest.OursAsync}} {
		for _, result := range r.Results {
			if result.Candidate == other.ours {
				result.Candidate = other.id
				r.Results = append(r.Results, result)
			}
		}
	}
	lines := strings.Join(Builds(r), "\n")
	require.Contains(t, lines, "real/64x1/1KiB closed: msg/s 1.00x")
	require.Contains(t, lines, "null/async/512/128B closed: ")
	c := newBarChart(r)
	require.Equal(t, "ours", c.Panels[0].Bars[0].Class)
	require.Equal(t, "peer", c.Panels[0].Bars[1].Class)
	var page bytes.Buffer
	require.NoError(t, writePage(&page, "page", &Run{Report: r}))
	require.Contains(t, page.String(), "| this publisher, other build | ")
	require.Contains(t, page.String(), "| PublishAsync, other build | ")
}

// On the null broker a table has the client's CPU as a multiple of what raw frames
// take; on the real one it has not.
func TestCPUAsAMultipleOfRawFrames(t *testing.T) {
	r := example()
	for i := range r.Results {
		if r.Results[i].Candidate == contest.OursAsync {
			for j := range r.Results[i].Rounds {
				r.Results[i].Rounds[j].CPUPerMessage *= 4
			}
		}
	}
	for _, target := range []contest.Target{contest.Null, contest.Real} {
		checked := false
		for _, table := range tablesOf(r.Results, target) {
			if table.Title != "Asynchronous, 512 in flight, 1 KiB" {
				continue
			}
			checked = true
			require.Equal(t, target == contest.Null, table.ByRaw)
			if table.ByRaw {
				require.Equal(t, "4.00", table.Rows[0].CPUByRaw)
				require.Equal(t, "1.00", table.Rows[len(table.Rows)-1].CPUByRaw)
			}
		}
		require.True(t, checked)
	}
}

func TestFailuresAreShown(t *testing.T) {
	r := example()
	r.Results[0].Rounds[1].Failed = 1200
	r.Results[0].Rounds[1].Err = "busy | " + strings.Repeat("x", 200) + "\nmore"
	r.Results[0].Rounds[0].Stored += 3
	row := newRow(&r.Results[0])
	require.Contains(t, row.Name, "1,200 failed: busy / xxx")
	require.Contains(t, row.Name, "3 stored without an acknowledgement")
	require.NotContains(t, row.Name, "|")
	require.Less(t, len(row.Name), 200)
}

func TestNumbers(t *testing.T) {
	for v, want := range map[float64]string{0: "0", 999: "999", 1000: "1,000", 1234567.4: "1,234,567", -1234: "-1,234"} {
		require.Equal(t, want, thousands(v))
	}
	for v, want := range map[float64]string{0: "0.00", 0.0123: "0.012", 0.999: "1.00", 12.34: "12.3", 1234: "1,234"} {
		require.Equal(t, want, figures(v))
	}
	for v, want := range map[float64]string{12: "12.0", 1234: "1.23k", 456_789: "457k", 2_345_678: "2.35M"} {
		require.Equal(t, want, short(v))
	}
	for v, want := range map[float64]float64{0: 1, 0.7: 1, 1.1: 2, 2.2: 2.5, 3: 5, 51: 100, 100: 100} {
		require.InDelta(t, want, niceAbove(v), 1e-9)
	}
	require.Equal(t, []string{"0", "4k", "2.5"}, []string{tickLabel(0), tickLabel(4000), tickLabel(2.5)})
}

func TestSummaryNamesWhatWasMissed(t *testing.T) {
	lines := strings.Join(Summary(example()), "\n")
	require.Contains(t, lines, "missed: ")
	require.Contains(t, lines, "targets: ")
	require.Contains(t, lines, "all of them stored")
}
