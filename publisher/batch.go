package publisher

import (
	"context"
	"errors"
	"fmt"
	"slices"
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
	lane    *lane
	entries []*entry
	// avoid names the brokers that failed, the latest last.
	avoid []string
	tries int
	// asked is when the attempt under way turned to its broker.
	asked time.Time
	// unable names the brokers that cannot do what the message needs, and
	// elsewhere says that the attempt that has just failed met one, and that
	// there are others.
	unable    []string
	elsewhere bool
	// delayedBy is the property that makes the broker of this attempt delay the
	// message, if it is delayed.
	delayedBy headers.Property
	// header is that of the attempt under way.
	header headers.SendMessage
	uuids  []string // space for what hooks are told

	// current is the attempt under way, zero between two, and last the error of
	// the latest failed one. Guarded by the outbox's mutex.
	current Attempt
	last    error
	// waiting counts the entries that the attempt, or the pause after it, is for,
	// and that still have somebody who waits. Guarded by the outbox's mutex, as is
	// what ends the attempt or the pause when there are none any more.
	waiting int
	limit   *timeLimit
	pausing chan struct{}
	// crowd is those that the batch has woken when it was settled, if it gathers
	// them.
	crowd   *crowd
	gathers bool
}

// batchPool keeps batches for reuse. The zero value is ready.
type batchPool struct{ pool sync.Pool }

// get returns an empty batch.
func (p *batchPool) get(l *lane) *batch {
	b, ok := p.pool.Get().(*batch)
	if !ok {
		b = &batch{crowd: &crowd{up: make(chan struct{}, 1)}}
	}
	b.lane = l
	return b
}

// put takes back a batch that has run: all of its entries have their results, so
// none looks at the batch any more.
func (p *batchPool) put(b *batch) {
	clear(b.entries)
	clear(b.uuids)
	*b = batch{entries: b.entries[:0], avoid: b.avoid[:0], uuids: b.uuids[:0], crowd: b.crowd}
	p.pool.Put(b)
}

// deadline is when a batch is to end by itself. That of a sender's batch is the
// end of time: its callers leave one by one.
type deadline struct {
	at    time.Time
	cause error
}

// run makes attempts until one succeeds, one fails for good, or nobody waits any
// longer: because the time is up, parent has ended, or all callers have left. It
// returns false if the messages have to wait again, since their keys belong to
// other queues now.
func (b *batch) run(parent context.Context, end deadline) (over bool) {
	for {
		// Checked before each attempt, the first included, so that a context
		// that has ended sends nothing.
		now := b.lane.outbox.p.now()
		if cause := b.ended(parent, end, now); cause != nil {
			b.giveUp(cause)
			return true
		}
		limit := b.limitOf(end, now)
		ctx := b.lane.outbox.p.limits.limit(parent, limit.at)
		if !b.begin(ctx.own, now) {
			b.lane.outbox.p.limits.stop(ctx)
			return true
		}
		stored, err := b.attempt(parent, ctx, limit)
		switch {
		case err == nil:
			b.store(stored)
			return true
		case err == errNobodyWaits:
			return true
		case err == errKeysMove:
			b.unbegin()
			return false
		}
		v := judge(err)
		if b.takeElsewhere() && v.next == giveUp {
			v.next = retryElsewhere
		}
		if b.lane.oneway && v.outcome != NotSent {
			v.next = giveUp // a broker may have it, and will never say so
		}
		failed, anybody := b.fail(v, err)
		b.lane.outbox.p.attemptFailed(failed, v.broker)
		b.tellAttempt(failed)
		if !anybody {
			return true
		}
		if v.refresh {
			b.lane.outbox.p.routes.Refresh(b.lane.outbox.topic)
		}
		switch {
		case v.next == split && len(b.entries) > 1:
			b.tellRetry(0, err)
			return b.halve(parent, end)
		case v.next == split, v.next == giveUp:
			b.finish(err)
			return true
		}
		b.pause(parent, end, err)
	}
}

// ended returns why no further attempt may be made now, nil if one may.
func (b *batch) ended(parent context.Context, end deadline, now time.Time) error {
	select {
	case <-b.lane.outbox.p.cut:
		return ErrClosed
	default:
	}
	if err := contextError(parent); err != nil {
		return err
	}
	if !end.at.IsZero() && !now.Before(end.at) {
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
	return !slices.ContainsFunc(b.entries, func(e *entry) bool { return e.call != c })
}

// begin starts an attempt for those that still wait, and reports whether there
// are any. The attempt ends with limit, unless that is nil.
func (b *batch) begin(limit *timeLimit, now time.Time) bool {
	o := b.lane.outbox
	o.mu.Lock()
	woken := b.dropEnded()
	for _, e := range b.entries {
		e.batch = b
		e.result.Attempts++
	}
	b.tries++
	b.current = Attempt{Began: now}
	b.waiting, b.limit, b.asked = len(b.entries), limit, time.Time{}
	b.listUUIDs()
	o.mu.Unlock()
	wake(woken)
	return len(b.entries) > 0
}

// dropEnded drops the entries that nobody waits for any more, and those of calls
// that have failed, of which no message is sent once more. It returns the calls
// that are to be woken. The outbox's mutex is held.
func (b *batch) dropEnded() (woken []*call) {
	live := b.entries[:0]
	for _, e := range b.entries {
		switch {
		case e.state == entryDone:
		case e.call.failed:
			e.giveUp(ErrNotAttempted, b.last)
			if c := e.finish(b.lane.outbox.p.now()); c != nil {
				woken = append(woken, c)
			}
		default:
			live = append(live, e)
		}
	}
	clear(b.entries[len(live):])
	b.entries = live
	return woken
}

// unbegin takes back the start of an attempt that has not been one.
func (b *batch) unbegin() {
	o := b.lane.outbox
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, e := range b.entries {
		if e.state != entryDone {
			e.result.Attempts--
		}
	}
	b.current = Attempt{}
}

// fail notes the failed attempt in the results of those that still wait, and what
// it shows of the broker. It returns the attempt, and whether anybody waits.
func (b *batch) fail(v verdict, err error) (failed Attempt, anybody bool) {
	o := b.lane.outbox
	now := o.p.now()
	b.learn(b.current.MessageQueue.BrokerName, v.broker, now)
	o.mu.Lock()
	defer o.mu.Unlock()
	a := b.current
	a.Took, a.Outcome, a.Err = now.Sub(a.Began), v.outcome, err
	for _, e := range b.entries {
		if e.state != entryDone {
			e.result.Outcome = max(e.result.Outcome, v.outcome)
			e.result.addFailed(a)
		}
	}
	if a.MessageQueue.BrokerName != "" && v.next == retryElsewhere {
		b.avoid = append(b.avoid, a.MessageQueue.BrokerName)
		if len(b.avoid) > 2*keptAttempts {
			b.avoid = b.avoid[1:]
		}
	}
	b.current, b.last = Attempt{}, err
	return a, b.waiting > 0
}

// learn tells what the attempt that has ended now shows of its broker.
func (b *batch) learn(broker string, s sign, now time.Time) {
	if b.asked.IsZero() || s == signNone {
		return
	}
	b.lane.outbox.p.health.learn(broker, s, now.Sub(b.asked), now)
}

// miss is told that one of those that the batch is for does not wait any more.
// With the last of them the attempt under way ends, which still may store the
// messages, or the pause. The outbox's mutex is held.
func (b *batch) miss(cause error) {
	if b.waiting--; b.waiting != 0 {
		return
	}
	if b.limit != nil {
		b.limit.end(cause)
	}
	if b.pausing != nil {
		close(b.pausing)
		b.pausing = nil
	}
}

// pause waits before the next attempt, or until there may be none. Others may
// send meanwhile, unless their order counts.
func (b *batch) pause(parent context.Context, end deadline, err error) {
	length := b.lane.outbox.p.cfg.Backoff.pause(b.tries)
	if !end.at.IsZero() {
		length = min(length, end.at.Sub(b.lane.outbox.p.now()))
	}
	nobody := b.awaitNobody()
	if nobody == nil {
		return
	}
	b.tellRetry(length, err)
	if b.lane.rest() {
		defer b.lane.resume()
	}
	timer := time.NewTimer(length)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-parent.Done():
	case <-nobody:
	case <-b.lane.outbox.p.cut:
	}
}

// awaitNobody returns a channel that is closed when nobody waits for the batch
// any more, nil if that is so already.
func (b *batch) awaitNobody() <-chan struct{} {
	b.lane.outbox.mu.Lock()
	defer b.lane.outbox.mu.Unlock()
	if b.waiting == 0 {
		return nil
	}
	b.pausing = make(chan struct{})
	return b.pausing
}

// halve sends the two halves of a refused batch one after the other, and so on
// down to single messages, so that only the bad one fails. Like run it returns
// false if what is left has to wait again.
func (b *batch) halve(parent context.Context, end deadline) (over bool) {
	middle := len(b.entries) / 2
	for _, half := range [][2]int{{0, middle}, {middle, len(b.entries)}} {
		part := &batch{lane: b.lane, entries: slices.Clone(b.entries[half[0]:half[1]]), avoid: b.avoid, last: b.last}
		if !part.run(parent, end) {
			b.entries = append(part.entries, b.entries[half[1]:]...)
			return false
		}
	}
	return true
}

// giveUp ends the batch for a cause that is not its own.
func (b *batch) giveUp(cause error) {
	b.settle(b.lane.outbox.p.now(), func(_ int, e *entry) { e.giveUp(cause, b.last) })
}

// finish ends the batch with the error of its last attempt.
func (b *batch) finish(err error) {
	b.settle(b.lane.outbox.p.now(), func(_ int, e *entry) { e.result.Err = err })
}

// store ends the batch with the answer of a broker that has all of it. One that
// was sent one-way has no answer, so nobody knows more than that it has left.
func (b *batch) store(s storedBatch) {
	s.queue = b.lane.outbox.p.userQueue(s.queue)
	b.tellSent(&s)
	b.lane.outbox.p.tracer.note(b, &s)
	if b.lane.oneway {
		b.settle(s.at, func(_ int, e *entry) {
			e.result.Outcome = MayBeStored
			e.result.MessageQueue, e.result.BrokerAddr = s.queue, s.addr
		})
		return
	}
	undurable := s.status != SendOK && !b.lane.outbox.p.cfg.AcceptNotDurable
	b.settle(s.at, func(i int, e *entry) {
		r := e.result
		r.Outcome, r.Status = Stored, s.status
		r.MessageQueue, r.BrokerAddr = s.queue, s.addr
		r.QueueOffset = s.offset + int64(i)
		if len(s.handle) > 0 {
			r.RecallHandle = string(s.handle)
		}
		e.place = place{list: s.offsetIDs, index: i, n: len(b.entries)}
		if undurable {
			e.result.Err = &NotDurableError{Status: s.status}
		}
	})
}

// settle gives those that still wait their final results, which they have since now.
func (b *batch) settle(now time.Time, result func(i int, e *entry)) {
	o := b.lane.outbox
	o.mu.Lock()
	var woken, failed []*call
	for i, e := range b.entries {
		if e.state == entryDone {
			continue
		}
		result(i, e)
		c := e.finish(now)
		if c != nil {
			woken = append(woken, c)
		} else if e.call.failed {
			failed = append(failed, e.call)
		}
	}
	for _, c := range failed {
		woken = o.withdraw(c, now, woken)
	}
	o.tidy()
	o.mu.Unlock()
	if b.gathers {
		b.crowd.gather(woken)
	}
	wake(woken)
}
