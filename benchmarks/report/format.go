package report

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/watermill-rocketmq/watermill-rocketmq/benchmarks/contest"
)

// thousands writes a count with commas.
func thousands(v float64) string {
	digits := strconv.FormatInt(int64(math.Round(v)), 10)
	var b strings.Builder
	for i, d := range digits {
		if i > 0 && (len(digits)-i)%3 == 0 && digits[i-1] != '-' {
			b.WriteByte(',')
		}
		b.WriteRune(d)
	}
	return b.String()
}

// figures writes v with three significant digits, and never with an exponent.
func figures(v float64) string {
	switch a := math.Abs(v); {
	case a >= 100:
		return thousands(v)
	case a >= 10:
		return strconv.FormatFloat(v, 'f', 1, 64)
	case a >= 0.995 || a == 0:
		return strconv.FormatFloat(v, 'f', 2, 64)
	}
	return strconv.FormatFloat(v, 'f', 3, 64)
}

// short writes a rate for a chart: 12.3k, 456k, 1.23M.
func short(v float64) string {
	switch {
	case v >= 999_500:
		return figures(v/1e6) + "M"
	case v >= 1000:
		return figures(v/1e3) + "k"
	}
	return figures(v)
}

// tickLabel writes a number of an axis, without zeroes that say nothing.
func tickLabel(v float64) string {
	if v >= 1000 {
		return strconv.FormatFloat(v/1000, 'f', -1, 64) + "k"
	}
	return strconv.FormatFloat(v, 'f', -1, 64)
}

// spread writes median and range.
func spread(s contest.Stat, format func(float64) string) string {
	if s.Min == s.Max {
		return format(s.Median)
	}
	return fmt.Sprintf("%s (%s–%s)", format(s.Median), format(s.Min), format(s.Max))
}

// orNone is figures, or a dash for -1, which stands for unknown.
func orNone(v float64) string {
	if v < 0 {
		return "–"
	}
	return figures(v)
}

// gibibytes writes a size of memory or disk.
func gibibytes(n int64) string { return fmt.Sprintf("%.1f GiB", float64(n)/(1<<30)) }

// minutes writes a duration of a run.
func minutes(d time.Duration) string {
	if d < 2*time.Minute {
		return fmt.Sprintf("%d seconds", int(d.Seconds()))
	}
	return fmt.Sprintf("%d minutes", int(d.Round(time.Minute).Minutes()))
}
