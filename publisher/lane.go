package publisher

import (
	"context"
	"runtime"
	"slices"
	"time"

	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
)

// How many requests of a lane are under way at once, for each broker that the
// topic has.
const (
	// maxShared is that of messages that share requests. The second is for those
	// that wait behind one that takes long: fewer and fuller requests cost a
	// broker less, and are faster for a crowd of any size.
	maxShared = 2
	// maxSolo is that of messages that go alone.
	maxSolo = 64
)

// lane is a row of messages of one topic: those that may share requests and go to
// any queue, those that go to any queue but each alone, those that are sent one-way
// (which share requests among themselves), or those whose ordering keys belong to
// one queue, of which one request at a time is under way.
//
// What gathers while requests are under way is sent by a sender, a goroutine that
// ends when nothing waits any more, so an idle lane has neither goroutine nor
// timer.
//
// All fields are guarded by the outbox's mutex.
type lane struct {
	outbox *outbox
	solo   bool
	oneway bool
	keyed  bool
	// queue is that of the keys, zero until a route is known.
	queue   routing.MessageQueue
	waiting []*entry
	active  int // senders, and callers that send
	resting int // others of them that pause between two attempts
	latest  int // messages in the latest batch
	// lingering says that a sender waits for company for those that wait. It is
	// none of the active ones meanwhile.
	lingering bool
}

// mayStart reports whether there is something to send now, beside what is active.
func (l *lane) mayStart() bool {
	switch {
	case len(l.waiting) == 0 || !l.open():
		return false
	case l.keyed, l.solo:
		return l.active < l.limit()
	case l.active == 0:
		return true
	default: // to a broker that has none of the topic's
		return l.active < l.outbox.load.brokers() && 2*len(l.waiting) >= l.latest
	}
}

// limit is how many may be active.
func (l *lane) limit() int {
	switch {
	case l.keyed:
		return 1
	case l.solo:
		return maxSolo * l.outbox.load.brokers()
	default:
		return maxShared * l.outbox.load.brokers()
	}
}

// open reports whether anything may be sent. Keys that are about to move to
// another queue wait for that.
func (l *lane) open() bool { return !l.keyed || l.outbox.moving == nil }

// idle reports whether the lane has nothing to do.
func (l *lane) idle() bool {
	return l.active == 0 && l.resting == 0 && len(l.waiting) == 0 && !l.lingering
}

// start counts one more sender.
func (l *lane) start() {
	l.active++
	if l.keyed {
		l.outbox.keyedActive++
	}
}

// stop ends a turn. It returns what is to be started after it.
func (l *lane) stop() []start {
	l.active--
	if !l.keyed {
		return nil
	}
	l.outbox.keyedActive--
	return l.outbox.moveKeys()
}

// rest lets another sender take the place of one that pauses between two attempts.
// It does not when so many pause already that there is more to it than a
// few messages that a broker does not want, or when all that waits waits for
// messages of its own call. It reports whether it did.
func (l *lane) rest() bool {
	o := l.outbox
	o.mu.Lock()
	if l.keyed || l.resting >= l.limit() || len(l.waiting) > 0 && !l.strangersFirst() {
		o.mu.Unlock()
		return false
	}
	l.active--
	l.resting++
	starts := l.startIfFree(nil)
	o.mu.Unlock()
	o.run(starts)
	return true
}

// strangersFirst lets those go first that wait for no message of their own call:
// there is no order to keep without keys. It reports whether there are any.
func (l *lane) strangersFirst() bool {
	var last *call
	sending := false
	front := make([]*entry, 0, len(l.waiting))
	var back []*entry
	for _, e := range l.waiting {
		if e.call != last {
			last = e.call
			sending = slices.ContainsFunc(last.entries, func(e entry) bool { return e.state == entrySending })
		}
		if sending || e.state == entryDone {
			back = append(back, e)
		} else {
			front = append(front, e)
		}
	}
	l.waiting = append(front, back...)
	return len(front) > 0
}

// resume ends a rest. There may be more active than the limit for a while.
func (l *lane) resume() {
	l.outbox.mu.Lock()
	defer l.outbox.mu.Unlock()
	l.active++
	l.resting--
}

// head is how long the part of those that wait is that makes up the next batch,
// and whether it can take no more: it has to go alone, or is as large as the limits
// allow.
func (l *lane) head() (length int, full bool) {
	limits := &l.outbox.p.cfg.Batch
	count, size := 0, 0
	for i, e := range l.waiting {
		if e.state == entryDone {
			continue
		}
		size += e.size()
		if count > 0 && (e.solo || size > limits.MaxBytes) {
			return i, true
		}
		count++
		if e.solo || count == limits.MaxMessages {
			return i + 1, true
		}
	}
	return len(l.waiting), false
}

// cut takes the next batch off the entries that wait, of which there are some.
func (l *lane) cut() *batch {
	length, _ := l.head()
	b := l.outbox.p.batches.get(l)
	for _, e := range l.waiting[:length] {
		if e.state == entryDone {
			l.outbox.takenBack--
			continue
		}
		e.state, e.batch = entrySending, b
		b.entries = append(b.entries, e)
	}
	l.waiting = slices.Delete(l.waiting, 0, length)
	l.latest = len(b.entries)
	return b
}

// patience is how much longer those that wait wait for company.
func (l *lane) patience() time.Duration {
	linger := l.outbox.p.cfg.Batch.Linger
	if linger == 0 {
		return 0
	}
	if _, full := l.head(); full {
		return 0
	}
	return linger - l.outbox.p.now().Sub(l.waiting[0].call.began)
}

// startIfFree adds to starts what the lane can begin with now, if anything.
func (l *lane) startIfFree(starts []start) []start {
	switch {
	case !l.mayStart():
		return starts
	case l.patience() <= 0:
		l.start()
		return append(starts, start{l, l.cut()})
	case l.lingering:
		return starts
	default:
		l.start()
		return append(starts, start{l, nil})
	}
}

// carry sends a batch on the goroutine of its caller, who has other things to do
// afterwards: what waits by then goes to a sender.
func (l *lane) carry(ctx context.Context, b *batch, end deadline) {
	o := l.outbox
	if !b.run(ctx, end) {
		l.putBack(b)
	}
	o.p.batches.put(b)
	o.mu.Lock()
	if l.open() && len(l.waiting) > 0 {
		o.mu.Unlock()
		o.p.spawn(func() { l.send(nil) })
		return
	}
	starts := l.stop()
	o.mu.Unlock()
	o.run(starts)
}

// send is a sender: it sends batches until nothing waits. It begins with b, if
// there is one.
func (l *lane) send(b *batch) {
	for {
		if b != nil {
			b.gathers = len(b.entries) > 1
			if !b.run(context.Background(), deadline{}) {
				l.putBack(b)
			}
			b.crowd.wait()
			l.outbox.p.batches.put(b)
		} else {
			runtime.Gosched() // who has started this sender may not be the only one who comes
		}
		if b = l.next(); b == nil {
			return
		}
	}
}

// next returns the batch that a sender goes on with, or nil when its turn is
// over.
func (l *lane) next() *batch {
	o := l.outbox
	o.mu.Lock()
	// One that was started beside another, for what waited too long, is not to
	// stay for good.
	spare := !l.keyed && !l.solo && l.active > o.load.brokers()
	if l.open() && len(l.waiting) > 0 && !spare {
		wait := l.patience()
		if wait > 0 && !l.lingering {
			return l.linger(wait)
		}
		if wait <= 0 {
			b := l.cut()
			o.mu.Unlock()
			return b
		}
	}
	starts := l.stop()
	o.mu.Unlock()
	o.run(starts)
	return nil
}

// linger waits for company and returns the batch that the sender goes on with, if
// any. The outbox's mutex is held, and no longer when it returns.
func (l *lane) linger(wait time.Duration) *batch {
	o := l.outbox
	starts := l.stop()
	l.lingering = true
	o.mu.Unlock()
	o.run(starts)
	o.p.sleep(wait)
	o.mu.Lock()
	defer o.mu.Unlock()
	l.lingering = false
	if !l.mayStart() {
		return nil
	}
	l.start()
	return l.cut()
}

// putBack lets a batch's messages wait again, in front of the others.
func (l *lane) putBack(b *batch) {
	o := l.outbox
	o.mu.Lock()
	defer o.mu.Unlock()
	back := make([]*entry, 0, len(b.entries)+len(l.waiting))
	for _, e := range b.entries {
		if e.state != entryDone {
			e.state, e.batch = entryWaiting, nil
			back = append(back, e)
		}
	}
	l.waiting = append(back, l.waiting...)
}

// sleep returns after that time, or when calls are cut off.
func (p *Publisher) sleep(length time.Duration) {
	timer := time.NewTimer(length)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-p.cut:
	}
}
