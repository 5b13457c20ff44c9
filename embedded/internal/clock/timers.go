// Package clock is the time of a cluster: it goes with that of the process, and a test
// can move it on.
package clock

import (
	"sync"
	"time"
)

// Timers is a clock that can be moved on: it tells the time and runs functions later,
// each in the goroutine of its timer or, when Advance makes it due, in that of Advance.
// The zero Timers goes with the process. It is safe for concurrent use.
type Timers struct {
	running sync.WaitGroup

	mu      sync.Mutex // guards the fields below
	ahead   time.Duration
	goal    time.Time // that calls of Advance are on their way to, or were
	pending map[*Alarm]struct{}
	closed  bool
}

// Alarm is one function to run later.
type Alarm struct {
	owner *Timers
	run   func()
	due   time.Time   // by the owner's clock
	timer *time.Timer // set under owner.mu, reset under it only
}

// Now is the time of the process and what Advance has added to it.
func (t *Timers) Now() time.Time {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.nowLocked()
}

func (t *Timers) nowLocked() time.Time { return time.Now().Add(t.ahead) }

// After runs f once d is over, unless the alarm is cancelled or t closed before.
func (t *Timers) After(d time.Duration, f func()) *Alarm {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.afterLocked(d, f)
}

// At is After for a time of t.
func (t *Timers) At(due time.Time, f func()) *Alarm {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.afterLocked(due.Sub(t.nowLocked()), f)
}

func (t *Timers) afterLocked(d time.Duration, f func()) *Alarm {
	a := &Alarm{owner: t, run: f, due: t.nowLocked().Add(d)}
	if t.closed {
		return a
	}
	if t.pending == nil {
		t.pending = make(map[*Alarm]struct{})
	}
	t.pending[a] = struct{}{}
	t.running.Add(1)
	a.timer = time.AfterFunc(d, func() {
		defer t.running.Done()
		if t.take(a) {
			f()
		}
	})
	return a
}

// take removes a and reports whether it was still pending.
func (t *Timers) take(a *Alarm) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	_, ok := t.pending[a]
	delete(t.pending, a)
	return ok
}

// Cancel keeps the function from running if it has not begun. It does not wait.
func (a *Alarm) Cancel() {
	if a.owner.take(a) {
		a.stop()
	}
}

func (a *Alarm) stop() {
	if a.timer.Stop() {
		a.owner.running.Done()
	}
}

// Advance moves the clock on by d. What becomes due on the way runs in the order
// of its time, with the clock at that time, and has run when Advance returns; so
// has what these functions put off to a time on the way.
func (t *Timers) Advance(d time.Duration) {
	end := t.aim(d)
	for {
		a := t.step(end)
		if a == nil {
			return
		}
		a.run()
		t.running.Done()
	}
}

// aim returns where a call of Advance is to end. Each adds to those under way.
func (t *Timers) aim(d time.Duration) time.Time {
	t.mu.Lock()
	defer t.mu.Unlock()
	end := t.nowLocked()
	if t.goal.After(end) {
		end = t.goal
	}
	t.goal = end.Add(d)
	return t.goal
}

// step moves the clock to the next alarm before end, which it takes, or to end if
// there is none. The caller runs the alarm and tells running.
func (t *Timers) step(end time.Time) *Alarm {
	t.mu.Lock()
	defer t.mu.Unlock()
	var next *Alarm
	for a := range t.pending {
		if !a.due.After(end) && (next == nil || a.due.Before(next.due)) {
			next = a
		}
	}
	to := end
	if next != nil {
		to = next.due
	}
	if jump := to.Sub(t.nowLocked()); jump > 0 {
		t.ahead += jump
	}
	if next != nil {
		delete(t.pending, next)
		if !next.timer.Stop() {
			// Its timer has fired, and will find that there is nothing to do.
			t.running.Add(1)
		}
		return next
	}
	for a := range t.pending {
		// One whose timer has fired is about to run.
		if a.timer.Stop() {
			a.timer.Reset(a.due.Sub(t.nowLocked()))
		}
	}
	return nil
}

// Close cancels what has not begun and waits for what has. What is put off afterwards
// never runs.
func (t *Timers) Close() {
	t.mu.Lock()
	t.closed = true
	pending := t.pending
	t.pending = nil
	t.mu.Unlock()
	for a := range pending {
		a.stop()
	}
	t.running.Wait()
}

// Pending is the number of functions that are to run.
func (t *Timers) Pending() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.pending)
}
