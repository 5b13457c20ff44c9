package report

import (
	"github.com/watermill-rocketmq/watermill-rocketmq/benchmarks/consumption"
	"github.com/watermill-rocketmq/watermill-rocketmq/benchmarks/contest"
)

// Run is what a run found, in both halves. One that was not run is nil.
type Run struct {
	// Report is of publishing.
	*contest.Report
	Consuming *consumption.Report `json:"consuming,omitempty"`
}
