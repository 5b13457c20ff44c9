package publisher

import (
	"context"
	"runtime"
	"slices"
	"sync"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/watermill-rocketmq/watermill-rocketmq/transport"
)

// maxActive is how many requests of one topic are under way at once. The second
// starts only when as many messages wait as half the latest request had: fewer
// and fuller requests cost a broker less, but a crowd need not wait for one
// request at a time.
const maxActive = 2

// outbox gathers the messages of one topic that cannot leave at once, and sends
// them together (group commit): while a request is under way those that come
// gather, and leave in the next one.
//
// A message that finds the outbox idle is sent by the goroutine that brought it.
// What gathers meanwhile is sent by a sender, a goroutine that ends when nothing
// waits any more, so an idle outbox has neither goroutine nor timer.
type outbox struct {
	p     *Publisher
	topic string // RocketMQ's name

	mu      sync.Mutex // guards what follows, and the entries that are in it
	waiting []*entry
	active  int      // batches being sent
	latest  int      // messages in the latest batch
	busy    []string // brokers that have a request of this topic in work
	avoid   []string // scratch space of batch.choose
	used    bool     // since the last sweep
}

// deliver sends the call's messages, or sees to it that they are sent, and
// returns when each has its result.
func (o *outbox) deliver(c *call, messages []*message.Message) {
	limit := o.p.cfg.SendTimeout
	if b := o.submit(c); b != nil {
		ctx, shared := sharedContext(messages)
		if shared && b.isOf(c) {
			b.run(ctx, deadline{c.began.Add(limit), ErrSendTimeout})
			o.p.batches.put(b)
			o.pass()
		} else {
			o.p.spawn(func() { o.send(b) })
		}
	}
	select {
	case <-c.done: // the batch was all of it
	default:
		c.wait(o, messages, limit)
	}
}

// idle reports whether nobody has used the outbox since it was last asked.
func (o *outbox) idle() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	idle := !o.used && o.active == 0
	o.used = false
	return idle
}

// submit takes the call's entries. If the outbox is free to send, it returns the
// batch that is to be sent now.
func (o *outbox) submit(c *call) *batch {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.used = true
	for i := range c.entries {
		o.waiting = append(o.waiting, &c.entries[i])
	}
	if o.active > 0 && (o.active == maxActive || 2*len(o.waiting) < o.latest) {
		return nil
	}
	o.active++
	return o.cut()
}

// cut takes the next batch off the entries that wait: one that has to go alone,
// or as many as the limits allow. mu is held and something waits.
func (o *outbox) cut() *batch {
	limits := &o.p.cfg.Batch
	b := o.p.batches.get(o)
	size, count := 0, 0
	for _, e := range o.waiting {
		size += e.size()
		if count > 0 && (e.solo || count == limits.MaxMessages || size > limits.MaxBytes) {
			break
		}
		count++
		if e.solo {
			break
		}
	}
	b.entries = append(b.entries, o.waiting[:count]...)
	o.waiting = slices.Delete(o.waiting, 0, count)
	for _, e := range b.entries {
		e.state, e.batch = entrySending, b
	}
	o.latest = count
	return b
}

// pass ends the turn of a batch: what waits goes to a sender. The caller goes on
// with its own affairs.
func (o *outbox) pass() {
	o.mu.Lock()
	waiting := len(o.waiting) > 0
	if !waiting {
		o.active--
	}
	o.mu.Unlock()
	if waiting {
		o.p.spawn(func() { o.send(nil) })
	}
}

// send is a sender: it sends batches until nothing waits.
func (o *outbox) send(b *batch) {
	for {
		crowd := true
		if b != nil {
			crowd = len(b.entries) > 1
			b.run(context.Background(), deadline{})
			o.p.batches.put(b)
		}
		if crowd {
			// Those whose messages have just been stored are about to publish
			// again. Let them, so that they share the next request.
			runtime.Gosched()
		}
		o.mu.Lock()
		if len(o.waiting) == 0 {
			o.active--
			o.mu.Unlock()
			return
		}
		b = o.cut()
		o.mu.Unlock()
	}
}

// wake tells calls that they have no entry left to wait for.
func wake(calls []*call) {
	for _, c := range calls {
		c.done <- struct{}{}
	}
}

// end ends entries of a call, from index from up to index to, that have no result
// yet, for the given cause. An entry that waits is taken back. One in a batch is
// left behind: its message goes on, and nobody hears of it.
func (o *outbox) end(c *call, from, to int, cause error) {
	o.mu.Lock()
	var woken []*call
	for i := from; i < to; i++ {
		e := &c.entries[i]
		switch e.state {
		case entryDone:
			continue
		case entrySending:
			c.kept = true
			e.leave(cause)
		case entryWaiting:
			e.result.Err = cause
			if i > from && c.failed {
				e.result.Err = ErrNotAttempted
			}
		}
		if ended := e.finish(); ended != nil {
			woken = append(woken, ended)
		}
	}
	woken = o.withdraw(c, woken)
	o.mu.Unlock()
	wake(woken)
}

// withdraw takes back what waits of a call that has failed, and of every entry
// that has its result already. mu is held.
func (o *outbox) withdraw(c *call, woken []*call) []*call {
	o.waiting = slices.DeleteFunc(o.waiting, func(e *entry) bool {
		if e.state == entryDone {
			return true
		}
		if e.call != c || !c.failed {
			return false
		}
		e.result.Err = ErrNotAttempted
		if ended := e.finish(); ended != nil {
			woken = append(woken, ended)
		}
		return true
	})
	return woken
}

// leave writes the result of an entry whose caller does not wait for its batch.
func (e *entry) leave(cause error) {
	a := e.batch.current
	r := e.result
	if a.Began.IsZero() { // between two attempts
		e.giveUp(cause, e.batch.last)
		return
	}
	a.Took = e.batch.outbox.p.now().Sub(a.Began)
	a.Err = &transport.OpError{Op: "wait", Addr: a.Addr, Sent: a.Outcome == MayBeStored, Err: cause}
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
