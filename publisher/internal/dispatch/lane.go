package dispatch

import (
	"context"
	"errors"
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
// All fields are guarded by the accumulator's mutex.
type lane struct {
	acc    *accumulator
	solo   bool
	oneway bool
	keyed  bool
	// queue is that of the keys, zero until a route is known.
	queue   routing.MessageQueue
	row     row[Message]
	active  int // senders, and callers that send
	resting int // others of them that pause between two attempts
	latest  int // messages in the latest batch
	latency latency
	// lingering says that a sender waits for company for those that wait. It is
	// none of the active ones meanwhile.
	lingering bool
}

// mayStart reports whether there is something to send now, beside what is active.
func (l *lane) mayStart() bool {
	switch {
	case l.row.len() == 0 || !l.open():
		return false
	case l.keyed, l.solo:
		return l.active < l.most()
	case l.active == 0:
		return true
	default: // to a broker that has none of the topic's
		return l.active < l.acc.load.brokers() && 2*l.row.len() >= l.latest
	}
}

// most is how many may be active.
func (l *lane) most() int {
	switch {
	case l.keyed:
		return 1
	case l.solo:
		return maxSolo * l.acc.load.brokers()
	default:
		return maxShared * l.acc.load.brokers()
	}
}

// open reports whether anything may be sent. Keys that are about to move to
// another queue wait for that.
func (l *lane) open() bool { return !l.keyed || l.acc.moving == nil }

// idle reports whether the lane has nothing to do.
func (l *lane) idle() bool {
	return l.active == 0 && l.resting == 0 && l.row.len() == 0 && !l.lingering
}

// start counts one more sender.
func (l *lane) start() {
	l.active++
	if l.keyed {
		l.acc.keyedActive++
	}
}

// stop ends a turn. It returns what is to be started after it.
func (l *lane) stop() []start {
	l.active--
	if !l.keyed {
		return nil
	}
	l.acc.keyedActive--
	return l.acc.moveKeys()
}

// rest lets another sender take the place of one that pauses between two attempts.
// It does not when so many pause already that there is more to it than a
// few messages that a broker does not want, or when all that waits waits for
// messages of its own call. It reports whether it did.
func (l *lane) rest() bool {
	acc := l.acc
	acc.mu.Lock()
	if l.keyed || l.resting >= l.most() || l.row.len() > 0 && l.firstStranger() == nil {
		acc.mu.Unlock()
		return false
	}
	l.active--
	l.resting++
	starts := l.startIfFree(nil, pick{strangers: true}, acc.engine.Now())
	acc.mu.Unlock()
	acc.run(starts)
	return true
}

// firstStranger returns the first of those that wait for no message of their own
// call, nil if there is none. Without keys there is no order to keep: they may go
// before others.
func (l *lane) firstStranger() *Message {
	list := l.row.list()
	if at := slices.IndexFunc(list, func(m *Message) bool { return m.state != done && (!m.several || m.call.sending == 0) }); at >= 0 {
		return list[at]
	}
	return nil
}

// resume ends a rest. There may be more active than the limit for a while.
func (l *lane) resume() {
	l.acc.mu.Lock()
	defer l.acc.mu.Unlock()
	l.active++
	l.resting--
}

// full reports whether the next batch can take no more than what waits: it has to go
// alone, or is as large as the limits allow.
func (l *lane) full() bool {
	cfg := &l.acc.engine.cfg
	count, size := 0, 0
	for _, m := range l.row.list() {
		if m.state == done {
			continue
		}
		size += len(m.Data)
		if count > 0 && (m.Solo || size > cfg.MaxBytes) {
			return true
		}
		count++
		if m.Solo || count == cfg.MaxMessages {
			return true
		}
	}
	return false
}

// patience is how much longer those that wait wait for company.
func (l *lane) patience() time.Duration {
	linger := l.acc.engine.cfg.Linger
	if linger == 0 {
		return 0
	}
	if l.full() {
		return 0
	}
	return linger - (l.acc.engine.Now() - l.row.list()[0].call.Began)
}

// startAll adds to starts all that the lane can begin with now.
func (l *lane) startAll(starts []start, now Moment) []start {
	for {
		n := len(starts)
		starts = l.startIfFree(starts, pick{}, now)
		if !l.solo || len(starts) == n {
			return starts
		}
	}
}

// startIfFree adds to starts what the lane can begin with now, if anything. Beside
// others that are under way it takes only what is not late. An idle lane takes all:
// those that wait have just come.
func (l *lane) startIfFree(starts []start, which pick, now Moment) []start {
	switch {
	case !l.mayStart():
		return starts
	case l.patience() <= 0:
		which.inTime = l.active > 0
		return l.begin(starts, which, now)
	case l.lingering:
		return starts
	default:
		l.start()
		return append(starts, start{l, nil})
	}
}

// begin adds to starts a sender with a batch of what is picked, if that is
// anything.
func (l *lane) begin(starts []start, which pick, now Moment) []start {
	b := l.cut(which, now)
	if b == nil {
		return starts
	}
	l.start()
	return append(starts, start{l, b})
}

// carry sends a batch on the goroutine of its caller, who has other things to do
// afterwards: what waits by then goes to a sender. User code that panics, and whose
// panic the caller recovers, ends the batch, and nothing else.
func (l *lane) carry(ctx context.Context, b *batch, end deadline) {
	returned := false
	defer func() {
		if !returned {
			b.giveUp(errPanicked)
		}
		l.acc.engine.batches.put(b)
		l.handOver()
	}()
	if !b.run(ctx, end) {
		l.putBack(b)
	}
	returned = true
}

// errPanicked is the error of messages on whose way user code has panicked. Nobody
// is told of it: the caller has the panic.
var errPanicked = errors.New("panic on the way to the broker")

// handOver ends the turn of a caller: what waits goes to a sender.
func (l *lane) handOver() {
	acc := l.acc
	acc.mu.Lock()
	if l.open() && l.row.len() > 0 {
		acc.mu.Unlock()
		acc.engine.spawn(start{l, nil})
		return
	}
	starts := l.stop()
	acc.mu.Unlock()
	acc.run(starts)
}

// send is a sender: it sends batches until nothing waits. It begins with b, if
// there is one. On a goroutine of its own it gathers the callers that it has woken;
// that of a caller would wait for itself.
func (l *lane) send(b *batch, onOwn bool) {
	for {
		if b != nil {
			b.gathers = onOwn && len(b.messages) > 1
			if !b.run(context.Background(), deadline{}) {
				l.putBack(b)
			}
			b.group.wait()
			l.acc.engine.batches.put(b)
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
	acc := l.acc
	acc.mu.Lock()
	// One that was started beside another, for what waited too long, is not to
	// stay for good.
	spare := !l.keyed && !l.solo && l.active > acc.load.brokers()
	var woken []*Call
	if l.open() && l.row.len() > 0 && !spare {
		wait := l.patience()
		if wait > 0 && !l.lingering {
			return l.linger(wait)
		}
		if wait <= 0 {
			now := acc.engine.Now()
			if l.keyed {
				woken = l.refuseLate(now)
			}
			if b := l.cutInTime(now); b != nil {
				acc.mu.Unlock()
				wake(woken)
				return b
			}
		}
	}
	starts := l.stop()
	acc.mu.Unlock()
	wake(woken)
	acc.run(starts)
	return nil
}

// linger waits for company and returns the batch that the sender goes on with, if
// any. The accumulator's mutex is held, and no longer when it returns.
func (l *lane) linger(wait time.Duration) *batch {
	acc := l.acc
	starts := l.stop()
	l.lingering = true
	acc.mu.Unlock()
	acc.run(starts)
	acc.engine.sleep(wait)
	acc.mu.Lock()
	defer acc.mu.Unlock()
	l.lingering = false
	if !l.mayStart() {
		return nil
	}
	b := l.cut(pick{inTime: l.active > 0}, acc.engine.Now())
	if b != nil {
		l.start()
	}
	return b
}

// putBack lets a batch's messages wait again, in front of the others. Those of calls that
// have failed have nothing to wait for.
func (l *lane) putBack(b *batch) {
	acc := l.acc
	acc.mu.Lock()
	woken := b.endFailed()
	var back []*Message
	for _, m := range b.messages {
		if m.state != done {
			m.notSending()
			m.state, m.batch = waiting, nil
			back = append(back, m)
		}
	}
	l.row.pushFront(back)
	acc.mu.Unlock()
	wake(woken)
}
