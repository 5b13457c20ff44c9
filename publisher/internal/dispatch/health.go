package dispatch

import (
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/watermill-rocketmq/watermill-rocketmq/internal/verdict"
)

const (
	// shortAvoidance is for a broker that did not answer within a time in which
	// a sound one may not have answered either.
	shortAvoidance = 2 * time.Second
	// leastEvidence is the time within which no answer means nothing.
	leastEvidence = 50 * time.Millisecond
	// maxFailures bounds how often FailedFor is added up. With its default that
	// makes 30 s, the most that the Java client has.
	maxFailures = 3
	// forgetAfter is when a broker that nobody has tried again is forgotten.
	forgetAfter = 5 * time.Minute
)

// slowness is how long a broker is avoided whose answer took so long: the steps of
// MQFaultStrategy (latencyMax and notAvailableDuration, 5.5.0), those without
// consequence left out.
var slowness = [...]struct{ latency, avoided time.Duration }{
	{15 * time.Second, 30 * time.Second},
	{5 * time.Second, 10 * time.Second},
	{3 * time.Second, 6 * time.Second},
	{1800 * time.Millisecond, 5 * time.Second},
	{0, 2 * time.Second}, // from SlowAfter on
}

// Avoidance says which brokers get no messages for a while, because others were slow
// to be stored there or failed.
type Avoidance struct {
	Disabled bool
	// SlowAfter is the latency from which a broker counts as slow.
	SlowAfter time.Duration
	// FailedFor is how long a broker is avoided that failed.
	FailedFor time.Duration
}

// health knows which brokers have failed or been slow, for all topics of a
// publisher. It is safe for concurrent use. While all brokers are well, to ask it
// costs an atomic load.
type health struct {
	cfg Avoidance
	// probeTime is how long a request may take that tries a broker again.
	probeTime time.Duration
	ailing    atomic.Int32 // len(brokers)

	mu      sync.Mutex // guards brokers
	brokers map[string]ailment
}

// ailment is what is known of a broker that was slow or failed.
type ailment struct {
	// until is when it may be tried again or, while it is being tried, when
	// another request may try it.
	until time.Time
	// sign is what the attempt has shown that was the last to say something new.
	sign     verdict.Sign
	failures int // in a row, each after the time of the one before was over
	probed   bool
}

// isSilent tells brokers that do not answer from those that do.
func (a ailment) isSilent() bool {
	return a.sign == verdict.Unreachable || a.sign == verdict.Unanswered
}

// anyAiling reports whether there is a broker to be avoided, or to be tried again.
func (h *health) anyAiling() bool { return h.ailing.Load() > 0 }

// appendAvoided appends those of the named brokers that are to be avoided. As in
// MQFaultStrategy it is a preference of two steps: where all brokers ail those
// that answer are preferred, and where none does there is nothing to avoid.
func (h *health) appendAvoided(dst, names []string, now time.Time) []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.forget(now)
	ailing, silent := 0, 0
	for _, name := range names {
		if a, ok := h.brokers[name]; ok && now.Before(a.until) {
			ailing++
			if a.isSilent() {
				silent++
			}
		}
	}
	all := ailing == len(names)
	if all && silent == len(names) {
		return dst
	}
	for _, name := range names {
		if a, ok := h.brokers[name]; ok && now.Before(a.until) && (!all || a.isSilent()) {
			dst = append(dst, name)
		}
	}
	return dst
}

// take reports whether a request may go to a broker that was not to be avoided a
// moment ago. If the broker is to be tried again, this request does it, and
// others stay away until it has ended, or ought to have. A request that wants no answer
// tries only whether the broker can be reached: else it goes there, and leaves the trial
// to one that is answered.
func (h *health) take(name string, oneway bool, now time.Time) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	a, ok := h.brokers[name]
	if !ok {
		return true
	}
	if now.Before(a.until) {
		return !a.probed // it may be the best there is
	}
	if oneway && a.sign != verdict.Unreachable {
		return true
	}
	a.probed, a.until = true, now.Add(h.probeTime)
	h.brokers[name] = a
	return true
}

// expected reports whether an attempt shows nothing that is not known: it was answered
// soon, and no broker ails.
func (h *health) expected(s verdict.Sign, took time.Duration) bool {
	return s == verdict.Answered && took < h.cfg.SlowAfter && !h.anyAiling()
}

// learn takes note of an attempt that ended now: what it showed, and how long the
// broker took, the dial included.
func (h *health) learn(name string, s verdict.Sign, took time.Duration, now time.Time) {
	if h.cfg.Disabled || s == verdict.NoSign {
		return
	}
	if s == verdict.Answered && took < h.cfg.SlowAfter {
		if h.anyAiling() {
			h.forgive(name)
		}
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	a := h.brokers[name]
	if a.probed || !now.Before(a.until) {
		a.failures++ // else one of a crowd that all failed together
	}
	avoided := h.cfg.FailedFor * time.Duration(min(a.failures, maxFailures))
	switch {
	case s == verdict.Answered:
		a.failures = 0
		avoided = slowFor(took)
	case s == verdict.Unanswered && took < leastEvidence:
		return
	case s == verdict.Unanswered && took < h.cfg.SlowAfter:
		avoided = min(avoided, shortAvoidance)
	}
	a.sign = s
	if until := now.Add(avoided); a.probed || until.After(a.until) {
		a.until = until
	}
	a.probed = false
	if h.brokers == nil {
		h.brokers = make(map[string]ailment)
	}
	h.brokers[name] = a
	h.forget(now)
}

// written is told that a request which wants no answer went into a broker's socket. That
// says of a broker that it can be reached, and nothing more.
func (h *health) written(name string) {
	if h.cfg.Disabled || !h.anyAiling() {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if a, ok := h.brokers[name]; ok && a.sign == verdict.Unreachable {
		h.remove(name)
	}
}

// forget forgets brokers that have not been tried again for long: they are gone. The
// mutex is held.
func (h *health) forget(now time.Time) {
	maps.DeleteFunc(h.brokers, func(_ string, a ailment) bool { return now.Sub(a.until) > forgetAfter })
	h.ailing.Store(int32(len(h.brokers)))
}

// slowFor is how long a broker is avoided that took so long.
func slowFor(took time.Duration) time.Duration {
	at := slices.IndexFunc(slowness[:], func(s struct{ latency, avoided time.Duration }) bool { return took >= s.latency })
	return slowness[at].avoided
}

// forgive forgets what is known of a broker.
func (h *health) forgive(name string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.remove(name)
}

// remove is forgive with the mutex held.
func (h *health) remove(name string) {
	delete(h.brokers, name)
	h.ailing.Store(int32(len(h.brokers)))
}
