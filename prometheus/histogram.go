package promrocketmq

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Buckets of the classic histograms. The native ones have their own.
var (
	requestSeconds    = [...]float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30}
	processingSeconds = [...]float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300, 1800}
	messageCounts     = [...]float64{1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024}
	byteCounts        = [...]float64{256, 1 << 10, 4 << 10, 16 << 10, 64 << 10, 256 << 10, 1 << 20, 4 << 20}
)

// newHistogram makes a histogram that is classic and native at once: a server takes what it
// is configured to. A native one has buckets that are at most a tenth wider than the one
// before, and fewer of them if its values are spread far.
func newHistogram(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
	return prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: name, Help: help, Buckets: buckets,
		NativeHistogramBucketFactor:     1.1,
		NativeHistogramMaxBucketNumber:  160,
		NativeHistogramMinResetDuration: time.Hour,
	}, labels)
}

func newCounter(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
}
