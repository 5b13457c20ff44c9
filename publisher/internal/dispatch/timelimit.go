package dispatch

import (
	"context"
	"sync"
	"time"
)

// timeLimit is a context that ends at a deadline and can be used again when it
// has not: a context of the standard library costs five allocations for every
// attempt. Its parent is a context that cannot end.
//
// Its timer is not stopped with each use, nor started: that costs more than a
// deadline that is kept. It fires when it was once set to and looks whether there
// is more time by now.
type timeLimit struct {
	done chan struct{}
	err  error // set before done is closed

	mu    sync.Mutex // guards what follows
	timer *time.Timer
	fires time.Time // when the timer does; zero if it is not running
	at    time.Time // the deadline; zero when the context is not in use
}

var _ context.Context = (*timeLimit)(nil)

// Deadline returns when the context ends.
func (l *timeLimit) Deadline() (time.Time, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.at, true
}

// Done is closed at the deadline.
func (l *timeLimit) Done() <-chan struct{} { return l.done }

// Err is context.DeadlineExceeded from the deadline on, and what end was given
// before.
func (l *timeLimit) Err() error {
	select {
	case <-l.done:
		return l.err
	default:
		return nil
	}
}

// Value returns nil.
func (l *timeLimit) Value(any) any { return nil }

// set begins a use.
func (l *timeLimit) set(at time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.setLocked(at)
}

// setLocked is set with the mutex held.
func (l *timeLimit) setLocked(at time.Time) {
	l.at = at
	if !l.fires.IsZero() && !at.Before(l.fires) {
		return
	}
	l.fires = at
	if l.timer == nil {
		l.timer = time.AfterFunc(time.Until(at), l.fire)
	} else {
		l.timer.Reset(time.Until(at))
	}
}

// fire is what the timer does.
func (l *timeLimit) fire() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.fires = time.Time{}
	if l.at.IsZero() {
		return
	}
	if left := time.Until(l.at); left > 0 {
		l.fires = l.at
		l.timer.Reset(left)
		return
	}
	l.close(context.DeadlineExceeded)
}

// close ends the context. The mutex is held.
func (l *timeLimit) close(err error) {
	l.at, l.err = time.Time{}, err
	close(l.done)
}

// end ends the context before its deadline, unless it has ended or is not in use.
// What is not canceled is out of time, so that what waits with the context takes it
// for such.
func (l *timeLimit) end(canceled bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.at.IsZero():
	case canceled:
		l.close(context.Canceled)
	default:
		l.close(context.DeadlineExceeded)
	}
}

// shorten brings the deadline forward.
func (l *timeLimit) shorten(at time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.at.IsZero() { // it has not ended
		l.setLocked(at)
	}
}

// release ends a use and reports whether there may be another.
func (l *timeLimit) release() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	again := !l.at.IsZero()
	l.at = time.Time{}
	return again
}

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
	if !ok {
		l = &timeLimit{done: make(chan struct{})}
	}
	l.set(at)
	return limited{Context: l, own: l}
}

// shorten returns the context with an earlier deadline. It takes l's place.
func (l limited) shorten(at time.Time) limited {
	if l.own != nil {
		l.own.shorten(at)
		return l
	}
	ctx, cancel := context.WithDeadline(l.Context, at)
	return limited{Context: ctx, cancel: func() { cancel(); l.cancel() }}
}

// stop gives the context back. It must not be used any more.
func (ls *timeLimits) stop(l limited) {
	switch {
	case l.own == nil:
		l.cancel()
	case l.own.release():
		ls.pool.Put(l.own)
	}
}
