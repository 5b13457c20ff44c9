package contest

import (
	"slices"
	"time"
)

// Round is one measurement.
type Round struct {
	Rate          float64       `json:"rate"`
	P50           time.Duration `json:"p50"`
	P99           time.Duration `json:"p99"`
	P999          time.Duration `json:"p999"`
	CPUPerMessage time.Duration `json:"cpuPerMessage"`
	// Mallocs per message and PeakMemory in bytes are -1 where they are not known.
	Mallocs    float64 `json:"mallocs"`
	PeakMemory int64   `json:"peakMemory"`
	// Acknowledged and Stored count the warm-up in. More are stored than
	// acknowledged when an answer was lost.
	Acknowledged int64  `json:"acknowledged"`
	Stored       int64  `json:"stored"`
	Failed       int64  `json:"failed"`
	Err          string `json:"err,omitempty"`
}

// Result is what a candidate did with a case, under one load.
type Result struct {
	Case      string `json:"case"`
	Load      Load   `json:"load"`
	Candidate string `json:"candidate"`
	// Planned is the rate of an open loop.
	Planned float64 `json:"planned,omitempty"`
	Rounds  []Round `json:"rounds"`
	// Repeated are the errors of measurements that were made once more.
	Repeated []string `json:"repeated,omitempty"`
}

// Metric is one number of a Round.
type Metric func(r *Round) float64

// The metrics. Durations are in microseconds.
var (
	Rate   Metric = func(r *Round) float64 { return r.Rate }
	P50    Metric = func(r *Round) float64 { return micros(r.P50) }
	P99    Metric = func(r *Round) float64 { return micros(r.P99) }
	P999   Metric = func(r *Round) float64 { return micros(r.P999) }
	CPU    Metric = func(r *Round) float64 { return micros(r.CPUPerMessage) }
	Allocs Metric = func(r *Round) float64 { return r.Mallocs }
	Memory Metric = func(r *Round) float64 { return float64(r.PeakMemory) / (1 << 20) }
)

func micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }

// Stat is a metric over the rounds.
type Stat struct{ Median, Min, Max float64 }

// Stat returns the metric's median and spread.
func (r *Result) Stat(m Metric) Stat {
	var values []float64
	for i := range r.Rounds {
		values = append(values, m(&r.Rounds[i]))
	}
	return NewStat(values)
}

// NewStat returns median, least and greatest of the values; zeroes of none.
func NewStat(values []float64) Stat {
	if len(values) == 0 {
		return Stat{}
	}
	v := slices.Sorted(slices.Values(values))
	middle := len(v) / 2
	median := v[middle]
	if len(v)%2 == 0 {
		median = (v[middle-1] + v[middle]) / 2
	}
	return Stat{Median: median, Min: v[0], Max: v[len(v)-1]}
}

// Results of a run.
type Results []Result

// Find returns the result of a candidate, nil if there is none.
func (rs Results) Find(caseID string, l Load, candidate string) *Result {
	for i := range rs {
		if r := &rs[i]; r.Case == caseID && r.Load == l && r.Candidate == candidate {
			return r
		}
	}
	return nil
}

// Of returns the results of a case under a load, in the order of Candidates.
func (rs Results) Of(caseID string, l Load) []*Result {
	var found []*Result
	for _, c := range Candidates {
		if r := rs.Find(caseID, l, c.ID); r != nil {
			found = append(found, r)
		}
	}
	return found
}
