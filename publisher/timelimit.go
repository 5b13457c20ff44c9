package publisher

import (
	"context"
	"sync"
	"time"
)

// timeLimit is a context that ends at a deadline and can be used again when it
// has not: a context of the standard library costs five allocations for every
// attempt. Its parent is a context that cannot end.
type timeLimit struct {
	done  chan struct{}
	timer *time.Timer
	at    time.Time
}

var _ context.Context = (*timeLimit)(nil)

// Deadline returns when the context ends.
func (l *timeLimit) Deadline() (time.Time, bool) { return l.at, true }

// Done is closed at the deadline.
func (l *timeLimit) Done() <-chan struct{} { return l.done }

// Err is context.DeadlineExceeded from the deadline on.
func (l *timeLimit) Err() error {
	select {
	case <-l.done:
		return context.DeadlineExceeded
	default:
		return nil
	}
}

// Value returns nil.
func (l *timeLimit) Value(any) any { return nil }

// timeLimits keeps the contexts that have not ended. The zero value is ready.
type timeLimits struct{ pool sync.Pool }

// limited is a context with a time limit, to be stopped when it is done with.
type limited struct {
	context.Context
	own    *timeLimit // nil for one of the standard library
	cancel context.CancelFunc
}

// limit returns a context that ends with parent and at the deadline.
func (ls *timeLimits) limit(parent context.Context, at time.Time) limited {
	if parent.Done() != nil {
		ctx, cancel := context.WithDeadline(parent, at)
		return limited{Context: ctx, cancel: cancel}
	}
	l, ok := ls.pool.Get().(*timeLimit)
	if ok {
		l.at = at
		l.timer.Reset(time.Until(at))
	} else {
		l = &timeLimit{done: make(chan struct{}), at: at}
		l.timer = time.AfterFunc(time.Until(at), func() { close(l.done) })
	}
	return limited{Context: l, own: l}
}

// stop gives the context back. It must not be used any more.
func (ls *timeLimits) stop(l limited) {
	switch {
	case l.own == nil:
		l.cancel()
	case l.own.timer.Stop():
		ls.pool.Put(l.own)
	}
}
