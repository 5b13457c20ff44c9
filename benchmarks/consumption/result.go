package consumption

import (
	"time"

	"github.com/watermill-rocketmq/watermill-rocketmq/benchmarks/consumers"
	"github.com/watermill-rocketmq/watermill-rocketmq/benchmarks/contest"
	"github.com/watermill-rocketmq/watermill-rocketmq/benchmarks/meter"
)

// Round is one measurement of consuming.
type Round struct {
	Group string  `json:"group"`
	Rate  float64 `json:"rate"`
	// CPU of the client, and of the broker without what it uses while nothing is asked of
	// it (BrokerIdle, in cores), in nanoseconds per message.
	CPU        float64 `json:"cpu"`
	BrokerCPU  float64 `json:"brokerCpu"`
	BrokerIdle float64 `json:"brokerIdle"`
	// Mallocs per message are -1 where they are not known.
	Mallocs float64 `json:"mallocs"`
	// Start is how long the first message took.
	Start time.Duration `json:"start"`
	// Messages were consumed, Duplicates of them more than once.
	Messages   int64 `json:"messages"`
	Duplicates int64 `json:"duplicates"`
	// Unproved is how many messages the broker does not take for acknowledged, see Proof;
	// -1 if it was not asked.
	Unproved int64 `json:"unproved"`
}

// Result is what a candidate did with messages of one body.
type Result struct {
	Body      contest.Body `json:"body"`
	Candidate string       `json:"candidate"`
	Rounds    []Round      `json:"rounds"`
	// Failures are the errors of measurements. One is made once more; after two in turn
	// the candidate is left out.
	Failures []string `json:"failures,omitempty"`
}

// Metric is one number of a Round. Durations are in microseconds.
type Metric func(r *Round) float64

// The metrics.
var (
	Rate      Metric = func(r *Round) float64 { return r.Rate }
	CPU       Metric = func(r *Round) float64 { return r.CPU / 1e3 }
	BrokerCPU Metric = func(r *Round) float64 { return r.BrokerCPU / 1e3 }
	Allocs    Metric = func(r *Round) float64 { return r.Mallocs }
	Start     Metric = func(r *Round) float64 { return float64(r.Start.Microseconds()) }
)

// Stat returns the metric's median and spread.
func (r *Result) Stat(m Metric) contest.Stat { return statOf(r.Rounds, m) }

// Latency is what a candidate did with the messages of an idle topic.
type Latency struct {
	Candidate string         `json:"candidate"`
	Rounds    []LatencyRound `json:"rounds"`
	Failures  []string       `json:"failures,omitempty"`
}

// LatencyRound is one measurement of latency: from when a message was acknowledged to its
// publisher to when the consumer's function had it, which may be before, and counts as
// no time then.
type LatencyRound struct {
	P50 time.Duration `json:"p50"`
	P90 time.Duration `json:"p90"`
	P99 time.Duration `json:"p99"`
	// FromCall is the median counted from the begin of the publisher's call, and Publish
	// that of the call alone.
	FromCall time.Duration `json:"fromCall"`
	Publish  time.Duration `json:"publish"`
	Messages int64         `json:"messages"`
}

// LatencyMetric is one number of a LatencyRound, in microseconds.
type LatencyMetric func(r *LatencyRound) float64

// The metrics of latency.
var (
	P50      LatencyMetric = func(r *LatencyRound) float64 { return float64(r.P50) / 1e3 }
	P90      LatencyMetric = func(r *LatencyRound) float64 { return float64(r.P90) / 1e3 }
	P99      LatencyMetric = func(r *LatencyRound) float64 { return float64(r.P99) / 1e3 }
	FromCall LatencyMetric = func(r *LatencyRound) float64 { return float64(r.FromCall) / 1e3 }
)

// Stat returns the metric's median and spread.
func (l *Latency) Stat(m LatencyMetric) contest.Stat { return statOf(l.Rounds, m) }

// statOf is median and spread of a number of each round.
func statOf[R any](rounds []R, number func(*R) float64) contest.Stat {
	var values []float64
	for i := range rounds {
		values = append(values, number(&rounds[i]))
	}
	return contest.NewStat(values)
}

// IdleCost is what idle subscriptions of a candidate cost.
type IdleCost struct {
	Candidate string `json:"candidate"`
	consumers.IdleCost
}

// Report is all that a run found.
type Report struct {
	Machine   contest.Machine   `json:"machine"`
	Date      time.Time         `json:"date"`
	Took      time.Duration     `json:"took"`
	Real      bool              `json:"real"`
	Rounds    int               `json:"rounds"`
	Messages  int64             `json:"messages"`
	Few       int64             `json:"few"` // for slow candidates
	Rate      float64           `json:"rate"`
	Length    time.Duration     `json:"length"` // of a measurement of latency
	Results   []Result          `json:"results"`
	Latencies []Latency         `json:"latencies"`
	Idle      []IdleCost        `json:"idle,omitempty"`
	Verdicts  []contest.Verdict `json:"verdicts"`
}

// Find returns the result of a candidate, nil if there is none.
func (r *Report) Find(body contest.Body, candidate string) *Result {
	for i := range r.Results {
		if found := &r.Results[i]; found.Body == body && found.Candidate == candidate && len(found.Rounds) > 0 {
			return found
		}
	}
	return nil
}

// FindLatency returns the latency of a candidate, nil if it was not measured.
func (r *Report) FindLatency(candidate string) *Latency {
	for i := range r.Latencies {
		if found := &r.Latencies[i]; found.Candidate == candidate && len(found.Rounds) > 0 {
			return found
		}
	}
	return nil
}

// newRound makes a Round of a sample.
func newRound(group string, s *meter.Sample, brokerIdle float64) Round {
	broker := s.PerMessage(float64(s.BrokerCPU))
	if broker >= 0 {
		broker = max(broker-s.PerMessage(brokerIdle*float64(s.Length)), 0)
	}
	return Round{
		Group: group, Rate: s.Rate(), CPU: s.PerMessage(float64(s.CPU)), BrokerCPU: broker, BrokerIdle: brokerIdle,
		Mallocs: s.PerMessage(float64(s.Mallocs)), Start: s.Start, Messages: s.Seen, Duplicates: s.Duplicates, Unproved: -1,
	}
}
