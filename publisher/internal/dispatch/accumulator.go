package dispatch

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
)

// accumulator has the messages of one topic that cannot leave at once, in lanes, and
// sends those of a lane together (group commit): while a request is under way
// those that come gather, and leave in the next one. A message that finds its lane
// idle is sent by the goroutine that brought it.
type accumulator struct {
	engine *Engine
	topic  string

	used   atomic.Bool // since the last sweep
	mu     sync.Mutex  // guards what follows, the lanes, and the messages in them
	free   lane        // messages without an ordering key
	solo   lane        // those of them that go alone
	oneway lane        // those that want no answer
	load   load        // of the brokers, by requests of these three
	expiry expiry
	calls  uint64 // that were handed over, ever
	// takenBack counts the messages that are still in lanes and have been taken
	// back.
	takenBack int
	keys
}

func newAccumulator(e *Engine, topic string) *accumulator {
	acc := &accumulator{engine: e, topic: topic}
	acc.free = lane{acc: acc}
	acc.solo = lane{acc: acc, solo: true}
	acc.oneway = lane{acc: acc, oneway: true}
	acc.expiry.acc = acc
	return acc
}

// start is a sender to be started, with a batch or to find its own.
type start struct {
	lane  *lane
	batch *batch
}

// fewStarts is how many senders a call starts as a rule, at most.
const fewStarts = 4

// deliver sends the call's messages, or sees to it that they are sent, and
// returns when each has its result.
func (acc *accumulator) deliver(c *Call, now Moment) {
	var few [fewStarts]start
	starts, carried := acc.submit(c, now, few[:0])
	if carried {
		acc.carry(c, starts[0])
		return
	}
	acc.run(starts)
	acc.wait(c)
}

// carry has the caller send what is to be sent now, and waits for the rest of the call. It
// waits when user code panics as well: a sender that has the rest waits for its caller.
func (acc *accumulator) carry(c *Call, s start) {
	defer acc.awaitRest(c)
	s.lane.carry(c.Shared, s.batch, deadline{acc.engine.timeOf(c.Began + acc.engine.cfg.SendTimeout), ErrSendTimeout})
}

func (acc *accumulator) awaitRest(c *Call) {
	if acc.watchRest(c) {
		acc.wait(c)
	} else {
		c.await()
	}
}

// wait returns when every message of the call has its result.
func (acc *accumulator) wait(c *Call) {
	select {
	case <-acc.engine.cut:
		// The watch list may have been looked through already.
		acc.cutOff()
	default:
	}
	c.wait(acc)
}

// take sees to it that the messages of an Async call are sent.
func (acc *accumulator) take(c *Call) {
	// Asked first: the call may be over, and in use again, as soon as it is submitted.
	watches := c.Shared == nil || c.Shared.Done() != nil
	var few [fewStarts]start
	starts, _ := acc.submit(c, c.Began, few[:0])
	acc.run(starts)
	select {
	case <-acc.engine.cut:
		acc.cutOff()
	default:
	}
	if watches {
		c.watchContexts(acc)
	}
}

// watchRest watches a call that was carried if it has messages without a result,
// and reports whether it has.
func (acc *accumulator) watchRest(c *Call) bool {
	acc.mu.Lock()
	defer acc.mu.Unlock()
	if c.left == 0 {
		return false
	}
	acc.expiry.add(c, acc.engine.Now())
	return true
}

// submit takes the call's messages. It adds to starts what can be sent now, and says
// whether the caller is to carry that, since it is all his own and nothing else wants
// him.
func (acc *accumulator) submit(c *Call, now Moment, starts []start) (all []start, carried bool) {
	c.acc = acc
	limited := c.Until < c.Began+acc.engine.cfg.SendTimeout
	acc.mu.Lock()
	defer acc.mu.Unlock()
	acc.calls++
	c.number = acc.calls
	if len(c.messages) == 1 { // as most have
		c.messages[0].limited = limited
		l := acc.laneOf(&c.messages[0])
		l.row.push(&c.messages[0])
		starts = l.startAll(starts, now)
	} else {
		starts = acc.submitAll(c, limited, now, starts)
	}
	carried = !c.Async && len(starts) == 1 && starts[0].batch != nil && c.Shared != nil && starts[0].batch.isOf(c)
	if !carried {
		acc.expiry.add(c, now)
	}
	return starts, carried
}

// submitAll is submit for a call of several messages. mu is held.
func (acc *accumulator) submitAll(c *Call, limited bool, now Moment, starts []start) []start {
	var few [fewStarts]*lane
	lanes := few[:0]
	for i := range c.messages {
		m := &c.messages[i]
		m.limited = limited
		l := acc.laneOf(m)
		l.row.push(m)
		if !slices.Contains(lanes, l) {
			lanes = append(lanes, l)
		}
	}
	for _, l := range lanes {
		starts = l.startAll(starts, now)
	}
	return starts
}

// run starts senders.
func (acc *accumulator) run(starts []start) {
	for _, s := range starts {
		acc.engine.spawn(s)
	}
}

// idle reports whether nobody has used the accumulator since it was last asked.
func (acc *accumulator) idle() bool {
	acc.mu.Lock()
	defer acc.mu.Unlock()
	return !acc.used.Swap(false) && !slices.ContainsFunc(acc.lanes(), func(l *lane) bool { return !l.idle() })
}

// use notes that somebody is about to use the accumulator.
func (acc *accumulator) use() {
	if !acc.used.Load() {
		acc.used.Store(true)
	}
}

// lanes returns all lanes.
func (acc *accumulator) lanes() []*lane {
	return append([]*lane{&acc.free, &acc.solo, &acc.oneway}, acc.keyedLanes()...)
}

// wake tells calls that they have no message left to wait for.
func wake(calls []*Call) {
	for _, c := range calls {
		if c.Async {
			c.Owner.Settled()
			continue
		}
		c.done <- struct{}{}
	}
}

// end ends messages of a call, from index from up to index to, that have no result
// yet, for the given cause. A message that waits is taken back. One in a batch is
// left behind: it goes on, and nobody hears of it.
func (acc *accumulator) end(c *Call, from, to int, cause error) {
	// Asked without the mutex, since a cause may have an Is method of the user's.
	canceled := errors.Is(cause, context.Canceled)
	acc.mu.Lock()
	c.canceled = canceled
	woken := acc.endLocked(c, from, to, cause, nil)
	acc.tidy()
	acc.mu.Unlock()
	wake(woken)
}

// endLocked is end with mu held. It adds the calls that are to be woken.
func (acc *accumulator) endLocked(c *Call, from, to int, cause error, woken []*Call) []*Call {
	now := acc.engine.Now()
	for i := from; i < to; i++ {
		m := &c.messages[i]
		switch m.state {
		case done:
			continue
		case sending:
			m.leave(cause)
		case waiting:
			why := cause
			if i > from && c.failed {
				why = ErrNotAttempted
			}
			acc.takeBack(m, why)
		}
		if ended := m.finish(now); ended != nil {
			woken = append(woken, ended)
		}
	}
	return acc.withdraw(c, now, woken)
}

// takeBack ends a message that waits. mu is held.
func (acc *accumulator) takeBack(m *Message, cause error) {
	acc.takenBack++
	m.giveUp(cause, nil)
	if m.passedOver && (cause == ErrSendTimeout || cause == context.DeadlineExceeded) {
		m.report.Latency = acc.laneOf(m).latency.median
	}
}

// refuse ends a message that waits, and with it what else waits of its call. It adds the
// calls that are to be woken. mu is held.
func (acc *accumulator) refuse(m *Message, cause error, now Moment, woken []*Call) []*Call {
	acc.takeBack(m, cause)
	c := m.call
	if ended := m.finish(now); ended != nil {
		woken = append(woken, ended)
	}
	return acc.withdraw(c, now, woken)
}

// withdraw takes back what waits, in a lane or between two attempts, of a call
// that has failed. What is being sent by then is dropped before the next attempt.
// mu is held.
func (acc *accumulator) withdraw(c *Call, now Moment, woken []*Call) []*Call {
	if !c.failed || c.withdrawn {
		return woken
	}
	c.withdrawn = true // the whole call is gone through once, not for each message that ends
	for i := range c.messages {
		m := &c.messages[i]
		switch {
		case m.state == waiting:
			acc.takeBack(m, ErrNotAttempted)
		case m.state == sending && !m.batch.attempt.underWay:
			m.giveUp(ErrNotAttempted, m.batch.last)
		case m.state == sending:
			m.batch.left = true // it is dropped when it is to leave
			continue
		default:
			continue
		}
		if ended := m.finish(now); ended != nil {
			woken = append(woken, ended)
		}
	}
	return woken
}

// tidy takes out of the lanes what has been taken back, if anything has. mu is held.
func (acc *accumulator) tidy() {
	if acc.takenBack > 0 {
		acc.takeOut()
	}
}

// takeOut takes out of the lanes what has been taken back, once it is half of what is
// there: thousands that leave at once must not cost their square. mu is held.
func (acc *accumulator) takeOut() {
	waits := 0
	for _, l := range acc.lanes() {
		waits += l.row.len()
	}
	if 2*acc.takenBack < waits {
		return
	}
	for _, l := range acc.lanes() {
		l.row.deleteFunc(func(m *Message) bool { return m.state == done })
	}
	acc.takenBack = 0
}
