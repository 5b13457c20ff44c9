package pop

import (
	"context"
	"math"
	"time"
)

// backoff is a pause that doubles. The zero value of next starts with min.
type backoff struct {
	min, max time.Duration
	next     time.Duration
	hurried  bool // the last pause ended since the broker had been connected to
}

// idleBackoff is between empty pops that follow a notification: others were faster, or the
// messages do not pass the filter.
func idleBackoff() backoff { return backoff{min: time.Millisecond, max: 50 * time.Millisecond} }

// failureBackoff is between requests that fail.
func failureBackoff() backoff { return backoff{min: 50 * time.Millisecond, max: 3 * time.Second} }

// grow returns the pause, and doubles the next one.
func (b *backoff) grow() time.Duration {
	d := max(b.next, b.min)
	b.next = min(2*d, b.max)
	return d
}

func (b *backoff) reset() { b.next, b.hurried = 0, false }

// wait is the pause after a failure, of so long at most, or until one of the signs comes that
// were taken before the request. Of two pauses in a row a connection ends only one: it may be
// the one that the request has opened, and something may cut it each time. It reports false
// if ctx has ended.
func (b *backoff) wait(ctx context.Context, most time.Duration, s signs) bool {
	timer := time.NewTimer(min(b.grow(), most))
	defer timer.Stop()
	back := s.back
	if b.hurried {
		back = nil
	}
	b.hurried = false
	select {
	case <-timer.C:
	case <-s.news:
	case <-back:
		b.hurried = true
	case <-ctx.Done():
		return false
	}
	return true
}

// anyPause is no bound for a pause.
const anyPause time.Duration = math.MaxInt64

// sleep waits until d has passed, something has come from wake, or ctx has ended. It
// reports false for the last.
func sleep(ctx context.Context, d time.Duration, wake <-chan struct{}) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-wake:
	case <-ctx.Done():
		return false
	}
	return true
}
