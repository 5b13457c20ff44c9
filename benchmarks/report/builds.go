package report

import (
	"fmt"

	"github.com/watermill-rocketmq/watermill-rocketmq/benchmarks/contest"
)

// Builds compares this build with the other one, a case in a line; none without
// another build.
func Builds(r *contest.Report) []string {
	times := func(f float64) string { return figures(f) + "x" }
	var lines []string
	for _, b := range contest.CompareBuilds(r.Results) {
		lines = append(lines, fmt.Sprintf("this build by the other: %s %s: msg/s %s, p50 %s, p99 %s, CPU per message %s, allocations %s",
			b.Case, b.Load, spread(b.Rate, times), spread(b.P50, times), spread(b.P99, times), spread(b.CPU, times), spread(b.Allocs, times)))
	}
	return lines
}
