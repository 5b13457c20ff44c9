package dispatch

import (
	"time"

	"github.com/watermill-rocketmq/watermill-rocketmq/publisher/internal/chain"
)

// expiry has the calls that wait in an accumulator, and ends them when their time is
// over. One timer does it for all of them, and is moved now and then only, so that
// a call costs a place in a list and no timer. When nobody waits it fires once more.
//
// All fields are guarded by the accumulator's mutex.
type expiry struct {
	acc   *accumulator
	calls chain.Chain[Call] // in the order in which their times began
	timer *time.Timer
	fires Moment // when the timer does; 0 if it is not running
}

// add begins to watch a call that begins to wait now.
func (x *expiry) add(c *Call, now Moment) {
	c.since = now
	before := x.calls.Last()
	for before != nil && c.Began < before.Member.Began {
		before = before.Before()
	}
	x.calls.Insert(&c.link, before)
	x.set(now)
}

// remove ends the watch of a call.
func (x *expiry) remove(c *Call) { x.calls.Remove(&c.link) }

// first returns the call whose time began first, nil if there is none.
func (x *expiry) first() *Call {
	if l := x.calls.First(); l != nil {
		return l.Member
	}
	return nil
}

// set sees to it that the timer fires when there is something to do, at the latest.
func (x *expiry) set(now Moment) {
	first := x.first()
	if first == nil {
		return
	}
	cfg := &x.acc.engine.cfg
	at := first.Began + cfg.SendTimeout
	if x.acc.free.row.len() > 0 {
		at = min(at, now+cfg.HurryAfter)
	}
	if x.fires != 0 && at >= x.fires {
		return
	}
	x.fires = at
	length := at - x.acc.engine.Now()
	if x.timer == nil {
		x.timer = time.AfterFunc(length, x.acc.expire)
	} else {
		x.timer.Reset(length)
	}
}

// expire ends the calls whose time is over, and starts what has waited too long.
func (acc *accumulator) expire() {
	now := acc.engine.Now()
	patience := acc.engine.cfg.SendTimeout
	acc.mu.Lock()
	var woken []*Call
	for c := acc.expiry.first(); c != nil && now-c.Began >= patience; c = acc.expiry.first() {
		acc.expiry.remove(c) // first: whatever becomes of it, it does not stay the first for ever
		woken = acc.endLocked(c, 0, len(c.messages), ErrSendTimeout, woken)
	}
	acc.tidy()
	starts := acc.hurry(now)
	acc.expiry.fires = 0
	acc.expiry.set(now)
	acc.mu.Unlock()
	wake(woken)
	acc.run(starts)
}

// hurry starts a request for those that have waited too long behind others, though
// they are few. A call whose own messages take long has to wait for them.
func (acc *accumulator) hurry(now Moment) []start {
	l := &acc.free
	if l.active >= l.most() || l.lingering {
		return nil
	}
	first := l.firstStranger()
	if first == nil || now-first.call.since < acc.engine.cfg.HurryAfter {
		return nil
	}
	return l.begin(nil, pick{strangers: true, inTime: true}, now)
}

// cutOff ends all calls, and the timer.
func (acc *accumulator) cutOff() {
	acc.mu.Lock()
	var woken []*Call
	for c := acc.expiry.first(); c != nil; c = acc.expiry.first() {
		acc.expiry.remove(c)
		woken = acc.endLocked(c, 0, len(c.messages), ErrClosed, woken)
	}
	acc.tidy()
	acc.expiry.stop()
	acc.mu.Unlock()
	wake(woken)
}

// stop ends the timer.
func (x *expiry) stop() {
	if x.timer != nil {
		x.timer.Stop()
	}
	x.fires = 0
}

// retire ends the timer of an accumulator that is forgotten. A call that has it still
// sets it again.
func (acc *accumulator) retire() {
	acc.mu.Lock()
	defer acc.mu.Unlock()
	if acc.expiry.first() == nil {
		acc.expiry.stop()
	}
}
