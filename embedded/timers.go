package embedded

import (
	"sync"
	"time"
)

// timers is the cluster's clock: it tells the time and runs functions later, each
// in the goroutine of its timer or, when advance makes it due, in that of advance.
// The cluster owns one; close cancels what has not begun and waits for what has.
type timers struct {
	running sync.WaitGroup

	mu      sync.Mutex // guards the fields below
	ahead   time.Duration
	goal    time.Time // that calls of advance are on their way to, or were
	pending map[*alarm]struct{}
	closed  bool
}

// alarm is one function to run later.
type alarm struct {
	owner *timers
	run   func()
	due   time.Time   // by the cluster's clock
	timer *time.Timer // set under owner.mu, reset under it only
}

// now is the time of the cluster: that of the process and what advance has added.
func (t *timers) now() time.Time {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.nowLocked()
}

func (t *timers) nowLocked() time.Time { return time.Now().Add(t.ahead) }

// after runs f once d is over, unless the alarm is cancelled or t closed before.
func (t *timers) after(d time.Duration, f func()) *alarm {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.afterLocked(d, f)
}

// at is after for a time of the cluster's clock.
func (t *timers) at(due time.Time, f func()) *alarm {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.afterLocked(due.Sub(t.nowLocked()), f)
}

func (t *timers) afterLocked(d time.Duration, f func()) *alarm {
	a := &alarm{owner: t, run: f, due: t.nowLocked().Add(d)}
	if t.closed {
		return a
	}
	if t.pending == nil {
		t.pending = make(map[*alarm]struct{})
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
func (t *timers) take(a *alarm) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	_, ok := t.pending[a]
	delete(t.pending, a)
	return ok
}

// cancel keeps the function from running if it has not begun. It does not wait.
func (a *alarm) cancel() {
	if a.owner.take(a) {
		a.stop()
	}
}

func (a *alarm) stop() {
	if a.timer.Stop() {
		a.owner.running.Done()
	}
}

// advance moves the clock on by d. What becomes due on the way runs in the order
// of its time, with the clock at that time, and has run when advance returns; so
// has what these functions put off to a time on the way.
func (t *timers) advance(d time.Duration) {
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

// aim returns where a call of advance is to end. Each adds to those under way.
func (t *timers) aim(d time.Duration) time.Time {
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
func (t *timers) step(end time.Time) *alarm {
	t.mu.Lock()
	defer t.mu.Unlock()
	var next *alarm
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

func (t *timers) close() {
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
