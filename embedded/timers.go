package embedded

import (
	"sync"
	"time"
)

// timers runs functions later, each in the goroutine of its timer. The cluster
// owns one; close cancels what has not begun and waits for what has.
type timers struct {
	running sync.WaitGroup

	mu      sync.Mutex // guards the fields below
	pending map[*alarm]struct{}
	closed  bool
}

// alarm is one function to run later.
type alarm struct {
	owner *timers
	timer *time.Timer // set under owner.mu, not changed after
}

// after runs f once d is over, unless the alarm is cancelled or t closed before.
func (t *timers) after(d time.Duration, f func()) *alarm {
	t.mu.Lock()
	defer t.mu.Unlock()
	a := &alarm{owner: t}
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
