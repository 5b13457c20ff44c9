package publisher

import (
	"time"
)

// hurryAfter is how long messages wait for a request that is under way until they
// are sent beside it, few as they may be.
const hurryAfter = 50 * time.Millisecond

// watch has the calls that wait in an outbox, and ends them when their time is
// over. One timer does it for all of them, and is moved now and then only, so that
// a call costs a place in a list and no timer. When nobody waits it fires once more.
//
// All fields are guarded by the outbox's mutex.
type watch struct {
	first, last *call // in the order in which their times began
	timer       *time.Timer
	fires       time.Time // when the timer does; zero if it is not running
}

// add begins to watch a call that begins to wait now.
func (w *watch) add(o *outbox, c *call, now time.Time) {
	c.outbox, c.watching, c.since = o, true, now
	before := w.last
	for before != nil && c.began.Before(before.began) {
		before = before.before
	}
	c.before, c.after = before, w.first
	if before != nil {
		c.after, before.after = before.after, c
	} else {
		w.first = c
	}
	if c.after != nil {
		c.after.before = c
	} else {
		w.last = c
	}
	w.set(o, now)
}

// remove ends the watch of a call.
func (w *watch) remove(c *call) {
	if c.before != nil {
		c.before.after = c.after
	} else {
		w.first = c.after
	}
	if c.after != nil {
		c.after.before = c.before
	} else {
		w.last = c.before
	}
	c.before, c.after, c.watching = nil, nil, false
}

// set sees to it that the timer fires when there is something to do, at the latest.
func (w *watch) set(o *outbox, now time.Time) {
	if w.first == nil {
		return
	}
	at := w.first.began.Add(o.p.cfg.SendTimeout)
	if soon := now.Add(o.p.hurryAfter); len(o.free.waiting) > 0 && soon.Before(at) {
		at = soon
	}
	if !w.fires.IsZero() && !at.Before(w.fires) {
		return
	}
	w.fires = at
	length := at.Sub(o.p.now())
	if w.timer == nil {
		w.timer = time.AfterFunc(length, o.look)
	} else {
		w.timer.Reset(length)
	}
}

// look ends the calls whose time is over, and starts what has waited too long.
func (o *outbox) look() {
	now := o.p.now()
	limit := o.p.cfg.SendTimeout
	o.mu.Lock()
	var woken []*call
	for c := o.first; c != nil && now.Sub(c.began) >= limit; c = o.first {
		woken = o.endLocked(c, 0, len(c.entries), ErrSendTimeout, woken)
	}
	o.tidy()
	starts := o.hurry(now)
	o.fires = time.Time{}
	o.watch.set(o, now)
	o.mu.Unlock()
	wake(woken)
	o.run(starts)
}

// hurry starts a request for those that have waited too long behind others, though
// they are few. A call whose own messages take long has to wait for them.
func (o *outbox) hurry(now time.Time) []start {
	l := &o.free
	if len(l.waiting) == 0 || l.active >= l.limit() || l.lingering || !l.strangersFirst() {
		return nil
	}
	if now.Sub(l.waiting[0].call.since) < o.p.hurryAfter {
		return nil
	}
	l.start()
	return []start{{l, l.cut()}}
}

// cutOff ends all calls, and the timer.
func (o *outbox) cutOff() {
	o.mu.Lock()
	var woken []*call
	for c := o.first; c != nil; c = o.first {
		woken = o.endLocked(c, 0, len(c.entries), ErrClosed, woken)
	}
	o.tidy()
	o.watch.stop()
	o.mu.Unlock()
	wake(woken)
}

// stop ends the timer.
func (w *watch) stop() {
	if w.timer != nil {
		w.timer.Stop()
	}
	w.fires = time.Time{}
}

// retire ends the timer of an outbox that is forgotten. A call that has it still
// sets it again.
func (o *outbox) retire() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.first == nil {
		o.watch.stop()
	}
}
