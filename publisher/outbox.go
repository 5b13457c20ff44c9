package publisher

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/watermill-rocketmq/watermill-rocketmq/transport"
)

// outbox has the messages of one topic that cannot leave at once, in lanes, and
// sends those of a lane together (group commit): while a request is under way
// those that come gather, and leave in the next one. A message that finds its lane
// idle is sent by the goroutine that brought it.
type outbox struct {
	p     *Publisher
	topic string // RocketMQ's name

	mu     sync.Mutex  // guards what follows, the lanes, and the entries in them
	free   lane        // messages without an ordering key
	solo   lane        // those of them that go alone
	oneway lane        // those that want no answer
	load   load        // of the brokers, by requests of these three
	used   atomic.Bool // since the last sweep
	watch
	// takenBack counts the entries that are still in lanes and have been taken
	// back.
	takenBack int
	keys
}

func newOutbox(p *Publisher, topic string) *outbox {
	o := &outbox{p: p, topic: topic}
	o.free = lane{outbox: o}
	o.solo = lane{outbox: o, solo: true}
	o.oneway = lane{outbox: o, oneway: true}
	return o
}

// start is a sender to be started, with a batch or to find its own.
type start struct {
	lane  *lane
	batch *batch
}

// deliver sends the call's messages, or sees to it that they are sent, and
// returns when each has its result.
func (o *outbox) deliver(c *call, messages []*message.Message, now time.Time) {
	ctx, shared := sharedContext(messages)
	c.contexts, c.until = !shared, lastDeadline(messages, c.began.Add(o.p.cfg.SendTimeout))
	starts, carried := o.submit(c, now)
	if carried {
		starts[0].lane.carry(ctx, starts[0].batch, deadline{c.began.Add(o.p.cfg.SendTimeout), ErrSendTimeout})
		if !o.watchRest(c) {
			c.await()
			return
		}
	} else {
		o.run(starts)
	}
	select {
	case <-o.p.cut:
		// The watch may have been looked through already.
		o.cutOff()
	default:
	}
	c.wait(o, messages)
}

// watchRest watches a call that was carried if it has entries without a result,
// and reports whether it has.
func (o *outbox) watchRest(c *call) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if c.left == 0 {
		return false
	}
	o.watch.add(o, c, o.p.now())
	return true
}

// submit takes the call's entries. It returns what can be sent now, and whether
// the caller is to carry that, since it is all his own and nothing else wants him.
func (o *outbox) submit(c *call, now time.Time) (starts []start, carried bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for i := range c.entries {
		e := &c.entries[i]
		l := o.laneOf(e)
		l.waiting = append(l.waiting, e)
		if !slices.Contains(c.lanes, l) {
			c.lanes = append(c.lanes, l)
		}
	}
	for _, l := range c.lanes {
		c.starts = l.startIfFree(c.starts)
		for l.solo && l.mayStart() {
			c.starts = l.startIfFree(c.starts)
		}
	}
	carried = c.async.delivery == nil && len(c.starts) == 1 && c.starts[0].batch != nil && !c.contexts && c.starts[0].batch.isOf(c)
	if !carried {
		o.watch.add(o, c, now)
	}
	starts = c.starts
	if c.async.delivery != nil {
		c.starts = nil // the call may be over and in use again before these run
	}
	return starts, carried
}

// run starts senders.
func (o *outbox) run(starts []start) {
	for _, s := range starts {
		o.p.spawn(func() { s.lane.send(s.batch) })
	}
}

// idle reports whether nobody has used the outbox since it was last asked.
func (o *outbox) idle() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	idle := !o.used.Swap(false) && !slices.ContainsFunc(o.lanes(), func(l *lane) bool { return !l.idle() })
	return idle
}

// use notes that somebody is about to use the outbox.
func (o *outbox) use() {
	if !o.used.Load() {
		o.used.Store(true)
	}
}

// lanes returns all lanes.
func (o *outbox) lanes() []*lane {
	return append([]*lane{&o.free, &o.solo, &o.oneway}, o.keyedLanes()...)
}

// wake tells calls that they have no entry left to wait for.
func wake(calls []*call) {
	for _, c := range calls {
		if c.async.delivery != nil {
			c.async.delivery.add(c)
			continue
		}
		c.done <- struct{}{}
	}
}

// end ends entries of a call, from index from up to index to, that have no result
// yet, for the given cause. An entry that waits is taken back. One in a batch is
// left behind: its message goes on, and nobody hears of it.
func (o *outbox) end(c *call, from, to int, cause error) {
	o.mu.Lock()
	woken := o.endLocked(c, from, to, cause, nil)
	o.tidy()
	o.mu.Unlock()
	wake(woken)
}

// endLocked is end with mu held. It adds the calls that are to be woken.
func (o *outbox) endLocked(c *call, from, to int, cause error, woken []*call) []*call {
	now := o.p.now()
	for i := from; i < to; i++ {
		e := &c.entries[i]
		switch e.state {
		case entryDone:
			continue
		case entrySending:
			e.leave(cause)
		case entryWaiting:
			o.takenBack++
			e.result.Err = cause
			if i > from && c.failed {
				e.result.Err = ErrNotAttempted
			}
		}
		if ended := e.finish(now); ended != nil {
			woken = append(woken, ended)
		}
	}
	return o.withdraw(c, now, woken)
}

// withdraw takes back what waits, in a lane or between two attempts, of a call
// that has failed. mu is held.
func (o *outbox) withdraw(c *call, now time.Time, woken []*call) []*call {
	if !c.failed {
		return woken
	}
	for i := range c.entries {
		e := &c.entries[i]
		switch {
		case e.state == entryWaiting:
			o.takenBack++
			e.result.Err = ErrNotAttempted
		case e.state == entrySending && e.batch.current.Began.IsZero():
			e.giveUp(ErrNotAttempted, e.batch.last)
		default:
			continue
		}
		if ended := e.finish(now); ended != nil {
			woken = append(woken, ended)
		}
	}
	return woken
}

// tidy takes out of the lanes what has been taken back, once it is half of what is
// there: a crowd that leaves at once must not cost its square. mu is held.
func (o *outbox) tidy() {
	if o.takenBack == 0 {
		return
	}
	waiting := 0
	for _, l := range o.lanes() {
		waiting += len(l.waiting)
	}
	if 2*o.takenBack < waiting {
		return
	}
	for _, l := range o.lanes() {
		l.waiting = slices.DeleteFunc(l.waiting, func(e *entry) bool { return e.state == entryDone })
	}
	o.takenBack = 0
}

// leave writes the result of an entry whose caller does not wait for its batch.
func (e *entry) leave(cause error) {
	a := e.batch.current
	r := e.result
	if a.Began.IsZero() { // between two attempts
		e.giveUp(cause, e.batch.last)
		return
	}
	a.Took = e.batch.lane.outbox.p.now().Sub(a.Began)
	if a.Addr == "" {
		a.Err = e.batch.lane.outbox.p.routes.WaitError(e.batch.lane.outbox.topic, cause)
	} else {
		a.Err = &transport.OpError{Op: "wait", Addr: a.Addr, Sent: a.Outcome == MayBeStored, Err: cause}
	}
	r.Outcome = max(r.Outcome, a.Outcome)
	r.addFailed(a)
	e.giveUp(cause, a.Err)
}

// giveUp makes cause the reason why no further attempt is made.
func (e *entry) giveUp(cause, last error) {
	if e.result.Attempts == 0 {
		e.result.Err = cause
		return
	}
	e.result.Err = &GiveUpError{Attempts: e.result.Attempts, Cause: cause, Last: last}
}
