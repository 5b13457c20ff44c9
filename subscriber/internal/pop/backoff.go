package pop

import (
	"context"
	"time"
)

// backoff is a pause that doubles. The zero value of next starts with min.
type backoff struct {
	min, max time.Duration
	next     time.Duration
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

func (b *backoff) reset() { b.next = 0 }

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
