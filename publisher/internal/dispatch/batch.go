package dispatch

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/watermill-rocketmq/watermill-rocketmq/internal/ctxerr"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/verdict"
)

// batch is the messages of one request, from the first attempt to their results.
// One message is a batch as well.
//
// Messages share the request, not the fate: each has its own result, and one
// whose caller has left is not sent again.
type batch struct {
	lane     *lane
	messages []*Message
	// avoid names the brokers that failed, the latest last, and unable those that
	// cannot do what the message needs.
	avoid, unable []string
	// attempt is the one under way. Guarded by the accumulator's mutex, as is last, the
	// error of the latest that has failed; who makes the attempt may read without it.
	attempt Attempt
	last    error
	// stored is where the messages are, once they are. Who makes the attempt has it.
	stored Stored
	// failures is how many attempts have failed, before a split or a move of keys as
	// well.
	failures int
	// waiting counts the messages that the attempt, or the pause after it, is for,
	// and that still have somebody who waits. Guarded by the accumulator's mutex, as is
	// what ends the attempt or the pause when there are none any more.
	waiting int
	limit   *timeLimit
	pausing chan struct{}
	// left says that messages may have been left since they were taken, or since
	// dropEnded. Guarded by the accumulator's mutex.
	left bool
	// group is those that the batch has woken when it was settled, if it gathers
	// them.
	group   *regroup
	gathers bool
	woken   []*Call // scratch space
}

// batchPool keeps batches for reuse. The zero value is ready.
type batchPool struct{ pool sync.Pool }

// get returns an empty batch.
func (p *batchPool) get(l *lane) *batch {
	b, ok := p.pool.Get().(*batch)
	if !ok {
		b = &batch{group: &regroup{up: make(chan struct{}, 1)}}
	}
	b.lane = l
	return b
}

// put takes back a batch that has run: all of its messages have their results, so
// none looks at the batch any more.
func (p *batchPool) put(b *batch) {
	clear(b.messages)
	*b = batch{messages: b.messages[:0], avoid: b.avoid[:0], group: b.group, woken: b.woken}
	p.pool.Put(b)
}

// take adds a message.
func (b *batch) take(m *Message) {
	m.state, m.batch = sending, b
	m.nowSending()
	b.failures = max(b.failures, int(m.failures))
	b.messages = append(b.messages, m)
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
	e := b.lane.acc.engine
	for {
		// Checked before each attempt, the first included, so that a context
		// that has ended sends nothing.
		now := time.Now()
		if cause := b.ended(parent, end, now); cause != nil {
			b.giveUp(cause)
			return true
		}
		stop := b.stopOf(end, now)
		ctx := e.limits.limit(parent, stop.at)
		if !b.begin(ctx.own, now) {
			e.limits.stop(ctx)
			return true
		}
		t := b.try(parent, ctx, stop)
		switch t.end {
		case tryStored:
			b.store()
			return true
		case tryAbandoned:
			e.cfg.Observer.Abandoned(&b.attempt)
			return true
		case tryKeysMove:
			b.unbegin()
			return false
		}
		v, err := b.judge(t)
		failure, anybody := b.fail(v, err)
		e.cfg.Observer.Failed(&b.attempt, &failure, v, anybody)
		if !anybody {
			return true
		}
		switch {
		case v.Next == verdict.Split && len(b.messages) > 1:
			e.cfg.Observer.Retrying(&b.attempt, 0, err)
			return b.halve(parent, end)
		case v.Next == verdict.Split, v.Next == verdict.GiveUp:
			b.finish(err, v.Content || v.Next == verdict.Split)
			return true
		}
		b.pause(parent, end, err)
	}
}

// ended returns why no further attempt may be made now, nil if one may.
func (b *batch) ended(parent context.Context, end deadline, now time.Time) error {
	e := b.lane.acc.engine
	select {
	case <-e.cut:
		return ErrClosed
	default:
	}
	if err := ctxerr.Of(parent); err != nil {
		return err
	}
	if !end.at.IsZero() && !now.Before(end.at) {
		return end.cause
	}
	return nil
}

// isOf reports whether all messages of the batch are the call's.
func (b *batch) isOf(c *Call) bool {
	return !slices.ContainsFunc(b.messages, func(m *Message) bool { return m.call != c })
}

// begin starts an attempt for those that still wait, and reports whether there
// are any. The attempt ends with limit, unless that is nil.
func (b *batch) begin(limit *timeLimit, now time.Time) bool {
	acc := b.lane.acc
	acc.mu.Lock()
	woken := b.dropEnded()
	b.attempt = Attempt{
		Topic: acc.topic, Oneway: b.lane.oneway, Try: b.failures + 1, Began: now,
		Messages: b.messages, batch: b, underWay: true,
	}
	b.waiting, b.limit = len(b.messages), limit
	acc.mu.Unlock()
	wake(woken)
	return len(b.messages) > 0
}

// dropEnded drops the messages that nobody waits for any more, and those of calls
// that have failed, of which no message is sent once more. It returns the calls
// that are to be woken. The accumulator's mutex is held.
func (b *batch) dropEnded() (woken []*Call) {
	if b.left {
		woken = b.drop()
	}
	return woken
}

func (b *batch) drop() (woken []*Call) {
	woken = b.endFailed()
	b.left = false
	b.messages = slices.DeleteFunc(b.messages, func(m *Message) bool { return m.state == done })
	b.attempt.Messages = b.messages
	return woken
}

// endFailed ends the messages of calls that have failed, and returns the calls that are
// to be woken. The accumulator's mutex is held.
func (b *batch) endFailed() (woken []*Call) {
	for _, m := range b.messages {
		if m.state == done || !m.call.failed {
			continue
		}
		m.giveUp(ErrNotAttempted, b.last)
		if c := m.finish(b.lane.acc.engine.Now()); c != nil {
			woken = append(woken, c)
		}
	}
	return woken
}

// unbegin takes back the start of an attempt that has not been one.
func (b *batch) unbegin() {
	b.lane.acc.mu.Lock()
	defer b.lane.acc.mu.Unlock()
	b.attempt.underWay = false
}

// judge asks for the verdict on a failed try.
func (b *batch) judge(t try) (verdict.Verdict, error) {
	v, err := b.lane.acc.engine.cfg.Sender.Judge(t.err, t.timeout)
	if v.Unable && !v.Again() && !b.lane.keyed && b.anotherMay(t.route) {
		v.Next = verdict.RetryElsewhere
	}
	if b.lane.oneway && v.Outcome != verdict.NotSent {
		v.Next = verdict.GiveUp // a broker may have it, and will never say so
	}
	return v, err
}

// fail notes the failed attempt in the reports of those that still wait, and what
// it shows of the broker. It returns the attempt, and whether anybody waits.
func (b *batch) fail(v verdict.Verdict, err error) (f Failure, anybody bool) {
	acc := b.lane.acc
	now := acc.engine.Now()
	b.learn(b.attempt.Queue.BrokerName, v.Broker, now)
	acc.mu.Lock()
	defer acc.mu.Unlock()
	f = b.attempt.failure(v.Outcome, err)
	if v.Broker == verdict.Unanswered {
		b.lane.latency.unanswered(acc.engine.Moment(f.Began), now)
	}
	for _, m := range b.messages {
		if m.state != done {
			m.fail(f)
		}
	}
	if f.Queue.BrokerName != "" && v.Next == verdict.RetryElsewhere {
		b.avoid = append(b.avoid, f.Queue.BrokerName)
		if len(b.avoid) > 2*keptFailures {
			b.avoid = b.avoid[1:]
		}
	}
	b.failures++
	b.attempt.underWay, b.last = false, err
	return f, b.waiting > 0
}

// learn tells what the attempt that has ended now shows of its broker.
func (b *batch) learn(broker string, s verdict.Sign, now Moment) {
	if b.attempt.asked == 0 || s == verdict.NoSign {
		return
	}
	e := b.lane.acc.engine
	if took := now - b.attempt.asked; !e.health.expected(s, took) {
		e.health.learn(broker, s, took, e.timeOf(now))
	}
}

// miss is told that one of those that the batch is for does not wait any more.
// With the last of them the attempt under way ends, which still may store the
// messages, or the pause. The accumulator's mutex is held.
func (b *batch) miss(canceled bool) {
	b.left = true
	if b.waiting--; b.waiting != 0 {
		return
	}
	if b.limit != nil {
		b.limit.end(canceled)
	}
	if b.pausing != nil {
		close(b.pausing)
		b.pausing = nil
	}
}

// pause waits before the next attempt, or until there may be none. Others may
// send meanwhile, unless their order counts.
func (b *batch) pause(parent context.Context, end deadline, err error) {
	e := b.lane.acc.engine
	length := e.cfg.Pause(b.failures)
	if !end.at.IsZero() {
		length = min(length, time.Until(end.at))
	}
	nobody, woken := b.awaitNobody()
	wake(woken)
	if nobody == nil || b.ended(parent, end, time.Now()) != nil {
		return // and no retry follows
	}
	e.cfg.Observer.Retrying(&b.attempt, length, err)
	if b.lane.rest() {
		defer b.lane.resume()
	}
	timer := time.NewTimer(length)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-parent.Done():
	case <-nobody:
	case <-e.cut:
	}
}

// awaitNobody returns a channel that is closed when nobody waits for the batch
// any more, nil if that is so already. Messages of calls that have failed do not wait for
// the end of the pause: it returns the calls that are to be woken.
func (b *batch) awaitNobody() (nobody <-chan struct{}, woken []*Call) {
	b.lane.acc.mu.Lock()
	defer b.lane.acc.mu.Unlock()
	woken = b.endFailed()
	if b.waiting == 0 {
		return nil, woken
	}
	b.pausing = make(chan struct{})
	return b.pausing, woken
}

// halve sends the two halves of a refused batch one after the other, and so on
// down to single messages, so that only the bad one fails. Like run it returns
// false if what is left has to wait again.
func (b *batch) halve(parent context.Context, end deadline) (over bool) {
	middle := len(b.messages) / 2
	for _, half := range [][2]int{{0, middle}, {middle, len(b.messages)}} {
		part := &batch{lane: b.lane, messages: slices.Clone(b.messages[half[0]:half[1]]), avoid: b.avoid, last: b.last, failures: b.failures}
		part.adopt()
		if !part.run(parent, end) {
			b.messages = append(part.messages, b.messages[half[1]:]...)
			return false
		}
	}
	return true
}

// adopt makes the messages of a half its own.
func (b *batch) adopt() {
	b.lane.acc.mu.Lock()
	defer b.lane.acc.mu.Unlock()
	b.left = true // perhaps, while they were the whole's
	for _, m := range b.messages {
		if m.state != done {
			m.batch = b
		}
	}
}

// giveUp ends the batch for a cause that is not its own.
func (b *batch) giveUp(cause error) {
	b.settle(func(m *Message) { m.giveUp(cause, b.last) })
}

// finish ends the batch with the error of its last attempt, whose reason may be the
// content of the messages.
func (b *batch) finish(err error, content bool) {
	b.settle(func(m *Message) {
		r := m.tell()
		r.Err, r.Content, r.Attempts = err, content, int(m.failures)
	})
}

// settle ends the batch, which has failed, for those that still wait.
func (b *batch) settle(report func(*Message)) {
	acc := b.lane.acc
	now := acc.engine.Now()
	acc.mu.Lock()
	var woken []*Call
	for _, m := range b.messages {
		if m.state == done {
			continue
		}
		report(m)
		if c := m.finish(now); c != nil {
			woken = append(woken, c)
		}
	}
	woken = b.withdrawFailed(now, woken)
	acc.tidy()
	acc.mu.Unlock()
	b.wake(woken)
}

// withdrawFailed takes back what waits of the calls that the batch has failed, and adds
// the calls that are to be woken. The accumulator's mutex is held.
func (b *batch) withdrawFailed(now Moment, woken []*Call) []*Call {
	for _, m := range b.messages {
		woken = b.lane.acc.withdraw(m.call, now, woken)
	}
	return woken
}

// store ends the batch with the answer of a broker that has all of it. One that
// was sent one-way has no answer, so nobody knows more than that it has left.
func (b *batch) store() {
	acc, s := b.lane.acc, &b.stored
	acc.engine.cfg.Observer.Stored(&b.attempt, s)
	now := acc.engine.Moment(s.At)
	acc.mu.Lock()
	if !b.lane.oneway {
		b.lane.latency.answered(acc.engine.Moment(b.attempt.Began), now)
	}
	woken := b.finishStored(now, b.woken[:0])
	if s.Err != nil {
		woken = b.withdrawFailed(now, woken)
	}
	acc.tidy()
	acc.mu.Unlock()
	b.wake(woken)
	clear(woken)
	b.woken = woken[:0]
}

// finishStored ends those that still wait: each is stored. It adds the calls that are to
// be woken. The accumulator's mutex is held.
func (b *batch) finishStored(now Moment, woken []*Call) []*Call {
	var kept *Stored
	for i := 0; i < len(b.messages); {
		m := b.messages[i]
		if n := b.wholeCall(i); n > 0 && b.stored.Err == nil && !m.call.Reports {
			for _, m := range b.messages[i : i+n] {
				m.state = done
			}
			m.call.sending, m.call.left = 0, 1
			woken = append(woken, m.call.finished())
			i += n
			continue
		}
		if m.state != done {
			if kept == nil {
				kept = b.keepStored()
			}
			b.report(m, kept, i)
			if c := m.finish(now); c != nil {
				woken = append(woken, c)
			}
		}
		i++
	}
	return woken
}

// keepStored returns a copy of where the messages are that lasts as long as their reports.
func (b *batch) keepStored() *Stored {
	kept := &b.messages[0].call.stored
	if len(b.messages) > 1 || len(b.messages[0].call.messages) > 1 {
		kept = new(Stored) // of several calls, or of one that has several requests
	}
	*kept = b.stored
	return kept
}

// wholeCall returns the number of messages of a call whose first message is the one at i,
// if all of them follow in this batch, with no other between them, and none has its
// result: nobody will ask what became of them one by one. Else it returns 0.
func (b *batch) wholeCall(i int) int {
	first := b.messages[i]
	c := first.call
	n := c.left
	if first.index != 0 || n != len(c.messages) || c.failed || i+n > len(b.messages) {
		return 0
	}
	for _, m := range b.messages[i : i+n] {
		if m.call != c {
			return 0
		}
	}
	return n
}

// report notes where a message is that stands at a place of the request.
func (b *batch) report(m *Message, s *Stored, place int) {
	r := m.tell()
	r.Attempts = int(m.failures) + 1
	r.Stored, r.Place, r.Of = s, place, len(b.messages)
	if b.lane.oneway {
		r.Outcome = verdict.MayBeStored
		return
	}
	r.Outcome, r.Err = verdict.Stored, s.Err
}

// wake wakes the callers of calls, and gathers them if the batch does that.
func (b *batch) wake(calls []*Call) {
	if b.gathers {
		b.group.gather(calls)
	}
	wake(calls)
}
