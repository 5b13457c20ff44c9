package publisher

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

// batch is the messages of one request, from the first attempt to their results.
// One message is a batch as well, and is sent as a plain message.
//
// Messages share the request, not the fate: each has its own result, and one
// whose caller has left is not sent again.
type batch struct {
	outbox  *outbox
	entries []*entry
	// avoid names the brokers that failed, the latest last.
	avoid []string
	tries int
	// header is that of the attempt under way.
	header headers.SendMessage
	// again says that the entries were refused together and are each sent again.
	again bool

	// current is the attempt under way, zero between two, and last the error of
	// the latest failed one. Guarded by the outbox's mutex.
	current Attempt
	last    error
}

// batchPool keeps batches for reuse. The zero value is ready.
type batchPool struct{ pool sync.Pool }

// get returns an empty batch.
func (p *batchPool) get(o *outbox) *batch {
	b, ok := p.pool.Get().(*batch)
	if !ok {
		b = new(batch)
	}
	b.outbox = o
	return b
}

// put takes back a batch that has run: all of its entries have their results, so
// none looks at the batch any more.
func (p *batchPool) put(b *batch) {
	clear(b.entries)
	*b = batch{entries: b.entries[:0], avoid: b.avoid[:0]}
	p.pool.Put(b)
}

// deadline is when a batch is to end by itself. That of a sender's batch is the
// end of time: its callers leave one by one.
type deadline struct {
	at    time.Time
	cause error
}

// run makes attempts until one succeeds, one fails for good, or nobody waits any
// longer: because the time is up, parent has ended, or all callers have left.
func (b *batch) run(parent context.Context, end deadline) {
	for {
		// Checked before each attempt, the first included, so that a context
		// that has ended sends nothing.
		if cause := b.ended(parent, end); cause != nil {
			b.giveUp(cause)
			return
		}
		if !b.begin() {
			return
		}
		stored, err := b.attempt(parent, end)
		if err == nil {
			b.store(stored)
			return
		}
		v := judge(err)
		b.react(v, b.fail(v, err))
		switch {
		case v.content && len(b.entries) > 1:
			b.sendOneByOne(parent, end)
			return
		case !v.again:
			b.finish(err)
			return
		}
		b.pause(parent, end)
	}
}

// ended returns why no further attempt may be made, nil if one may.
func (b *batch) ended(parent context.Context, end deadline) error {
	select {
	case <-b.outbox.p.cut:
		return ErrClosed
	default:
	}
	if err := contextError(parent); err != nil {
		return err
	}
	if !end.at.IsZero() && !b.outbox.p.now().Before(end.at) {
		return end.cause
	}
	return nil
}

// contextError returns why ctx has ended, nil if it has not. Callers look for
// context.Canceled as often as for the cause they gave, so both are in it.
func contextError(ctx context.Context) error {
	err := ctx.Err()
	if err == nil {
		return nil
	}
	if cause := context.Cause(ctx); !errors.Is(cause, err) {
		return fmt.Errorf("%w: %w", err, cause)
	}
	return err
}

// isOf reports whether all messages of the batch are the call's.
func (b *batch) isOf(c *call) bool {
	for _, e := range b.entries {
		if e.call != c {
			return false
		}
	}
	return true
}

// begin starts an attempt for those that still wait, and reports whether there
// are any. Of a call that has failed no message is sent once more.
func (b *batch) begin() bool {
	o := b.outbox
	var woken []*call
	defer func() { wake(woken) }()
	o.mu.Lock()
	defer o.mu.Unlock()
	live := b.entries[:0]
	for _, e := range b.entries {
		switch {
		case e.state == entryDone:
		case e.call.failed && !b.again:
			e.giveUp(ErrNotAttempted, b.last)
			if c := e.finish(); c != nil {
				woken = append(woken, c)
			}
		default:
			e.batch = b
			e.result.Attempts++
			live = append(live, e)
		}
	}
	b.entries = live
	b.tries++
	b.current = Attempt{Began: o.p.now()}
	return len(live) > 0
}

// fail notes the failed attempt in the results of those that still wait. It
// returns the address that it went to, empty if it did not get that far.
func (b *batch) fail(v verdict, err error) (addr string) {
	o := b.outbox
	o.mu.Lock()
	defer o.mu.Unlock()
	a := b.current
	a.Took, a.Outcome, a.Err = o.p.now().Sub(a.Began), v.outcome, err
	for _, e := range b.entries {
		if e.state != entryDone {
			e.result.Outcome = max(e.result.Outcome, v.outcome)
			e.result.addFailed(a)
		}
	}
	if a.MessageQueue.BrokerName != "" {
		b.avoid = append(b.avoid, a.MessageQueue.BrokerName)
		if len(b.avoid) > 2*keptAttempts {
			b.avoid = b.avoid[1:]
		}
	}
	b.current, b.last = Attempt{}, err
	return a.Addr
}

// react lets the rest of the publisher learn from a failed attempt.
func (b *batch) react(v verdict, addr string) {
	p := b.outbox.p
	if v.refresh {
		p.routes.Refresh(b.outbox.topic)
	}
	if v.retire {
		p.client.Retire(addr)
	}
}

// pause waits before the next attempt, or until there may be none.
func (b *batch) pause(parent context.Context, end deadline) {
	length := b.outbox.p.cfg.Backoff.pause(b.tries)
	if !end.at.IsZero() {
		length = min(length, end.at.Sub(b.outbox.p.now()))
	}
	timer := time.NewTimer(length)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-parent.Done():
	case <-b.outbox.p.cut:
	}
}

// pause returns the pause after the given number of failed attempts.
func (b BackoffConfig) pause(failed int) time.Duration {
	length := b.Max
	if shift := failed - 1; shift < 30 && b.Min<<shift < b.Max && b.Min<<shift > 0 {
		length = b.Min << shift
	}
	if length < 2 {
		return length
	}
	return length/2 + rand.N(length/2+1)
}

// sendOneByOne sends each message of a refused batch by itself, so that only the
// bad one fails.
func (b *batch) sendOneByOne(parent context.Context, end deadline) {
	for _, e := range b.entries {
		one := &batch{outbox: b.outbox, entries: []*entry{e}, again: true}
		one.run(parent, end)
	}
}

// giveUp ends the batch for a cause that is not its own.
func (b *batch) giveUp(cause error) {
	b.settle(func(_ int, e *entry) { e.giveUp(cause, b.last) })
}

// finish ends the batch with the error of its last attempt.
func (b *batch) finish(err error) {
	b.settle(func(_ int, e *entry) { e.result.Err = err })
}

// store ends the batch with the answer of a broker that has all of it.
func (b *batch) store(s storedBatch) {
	undurable := s.status != SendOK && !b.outbox.p.cfg.AcceptNotDurable
	b.settle(func(i int, e *entry) {
		r := e.result
		r.Outcome, r.Status = Stored, s.status
		r.MessageQueue, r.BrokerAddr = s.queue, s.addr
		r.QueueOffset = s.offset + int64(i)
		e.place = place{list: s.offsetIDs, index: i, n: len(b.entries)}
		if undurable {
			e.result.Err = &NotDurableError{Status: s.status}
		}
	})
}

// settle gives those that still wait their final results.
func (b *batch) settle(result func(i int, e *entry)) {
	o := b.outbox
	o.mu.Lock()
	var woken, failed []*call
	for i, e := range b.entries {
		if e.state == entryDone {
			continue
		}
		result(i, e)
		c := e.finish()
		if c != nil {
			woken = append(woken, c)
		} else if e.call.failed {
			failed = append(failed, e.call)
		}
	}
	for _, c := range failed {
		woken = o.withdraw(c, woken)
	}
	o.mu.Unlock()
	wake(woken)
}
