package dispatch

import (
	"slices"
	"time"
)

const (
	// latencySamples is how many of a lane's latest requests count. Of two that
	// overlap only one does: all requests that a pause of the broker holds up are
	// one sample, and three such samples are needed to be believed.
	latencySamples = 5
	// maxLatencyMargin is the most that is added to the latency, see latency.late.
	maxLatencyMargin = 250 * time.Millisecond
)

// latency is how long a lane's requests have lately taken. The zero value knows of
// none.
type latency struct {
	took  [latencySamples]time.Duration
	n     int // samples ever
	until Moment
	// median is that of the samples, 0 while there are too few, and margin how much
	// more an answer may well take.
	median, margin time.Duration
}

// answered takes note of a request that was answered.
func (l *latency) answered(began, now Moment) {
	if l.n > 0 && began < l.until {
		return
	}
	l.took[l.n%latencySamples] = now - began
	l.n++
	l.until = now
	if l.n <= latencySamples/2 {
		return
	}
	sorted := l.took // a copy
	known := sorted[:min(l.n, latencySamples)]
	slices.Sort(known)
	l.median = known[len(known)/2]
	l.margin = min(l.median/8+known[len(known)-1]-l.median, maxLatencyMargin)
}

// unanswered takes note of a request whose answer nobody has waited for. It shows no
// more than that an answer takes longer.
func (l *latency) unanswered(began, now Moment) {
	if now-began > l.median {
		l.answered(began, now)
	}
}

// late reports whether the answer to a request that begins now would come too late
// for a message that has waited since began and has time until the end. Latency varies: a
// message that has used up a fifth of its time by waiting has to leave a margin. One that
// has not waited is not late for the margin's sake, or messages with little time
// would never be sent.
func (l *latency) late(began, end, now Moment) bool {
	if l.median == 0 {
		return false
	}
	left := end - now
	return left < l.median || left < l.median+l.margin && now-began > left/4
}
