package pull

import (
	"context"
	"time"
)

// Pauses after failures.
const (
	minPause = 50 * time.Millisecond
	maxPause = 5 * time.Second
)

// backoff is the pause after the next failure in a row.
type backoff struct{ pause time.Duration }

// wait waits for the pause, which doubles, or until ctx ends. It reports false then.
func (b *backoff) wait(ctx context.Context) bool {
	b.pause = min(max(minPause, 2*b.pause), maxPause)
	return sleep(ctx, b.pause)
}

// failing reports whether something has failed since the last reset.
func (b *backoff) failing() bool { return b.pause > 0 }

func (b *backoff) reset() { b.pause = 0 }

// sleep waits that long, or until ctx ends. It reports false then.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}
