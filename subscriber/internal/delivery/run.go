package delivery

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
)

// quiet is how long a lane has nothing to do before it has a goroutine wait for each
// answer. Until then it waits itself for the answer to the oldest message that has none, and
// looks at the others when something happens: handlers that are quick cost no goroutines.
const quiet = time.Millisecond

// work is what the goroutine of a lane has before it. Nobody else touches it, but for sends,
// which is set before the goroutine starts.
type work struct {
	sends bool // it may send

	queue   queue      // messages to hand out
	out     queue      // messages that were handed out, settled ones among them
	settled int        // how many of out are
	since   int        // messages handed out since all of out were looked at
	delayed []*Message // of out

	timer  *time.Timer
	now    time.Time // of this turn of run
	alarm  time.Time // when the timer fires, zero if it does not
	active time.Time // when something happened last
	tended time.Time // when leases were looked at
}

// run works until there is nothing left to do.
func (l *Lane) run() {
	l.now = time.Now()
	l.tended, l.active = l.now, l.now
	if l.timer == nil {
		l.timer = time.NewTimer(time.Hour)
		l.timer.Stop()
	}
	for !l.takeMail() {
		l.sweep()
		l.tend(l.now)
		l.redeliver(l.now)
		if !l.idle() {
			l.wait()
		}
	}
	l.output.leave()
}

// takeMail does what others ask for. It reports whether the goroutine is to end.
func (l *Lane) takeMail() (over bool) {
	l.mu.Lock()
	mail, put, answers := l.mail, l.put, l.answers
	l.mail, l.put, l.answers = nil, nil, nil
	stopping, abandoned := l.stopping, l.abandoned
	if len(mail)+len(put)+len(answers) == 0 && l.idle() {
		l.rest()
		l.mu.Unlock()
		return true
	}
	l.mu.Unlock()
	if len(put) > 0 {
		for _, m := range put {
			l.output.memory.recall(m)
			m.begin()
		}
		l.queue.push(put...)
	}
	for _, do := range mail {
		do(l)
	}
	for _, m := range answers {
		l.look(m)
	}
	if stopping {
		l.stopNow()
	}
	if abandoned != nil {
		l.abandonNow(abandoned)
	}
	return false
}

// idle reports whether no message is left.
func (l *Lane) idle() bool { return l.queue.len() == 0 && l.out.len() == l.settled }

// rest ends the goroutine's part. mu is held.
func (l *Lane) rest() {
	l.running = false
	l.muteOnce()
	l.timer.Stop()
	l.alarm = time.Time{}
	l.forgetSettled()
	l.since = 0
	if l.ended != nil {
		close(l.ended)
		l.ended = nil
	}
}

// muteOnce says that the lane does not send.
func (l *Lane) muteOnce() {
	if l.sends {
		l.sends = false
		l.output.mute()
	}
}

// stopNow ends the handing out.
func (l *Lane) stopNow() {
	l.muteOnce()
	for l.queue.len() > 0 {
		l.conclude(l.queue.pop(), release)
	}
	for _, m := range l.delayed {
		if m.state == delayed { // it was not released before
			l.conclude(m, release)
		}
	}
	clear(l.delayed)
	l.delayed = l.delayed[:0]
}

// abandonNow ends the wait for answers. Renewals that are under way are waited for.
func (l *Lane) abandonNow(cause error) {
	for _, m := range l.out.all() {
		if m.state == handed {
			l.look(m) // an answer that has come counts
		}
		if m.state == handed || m.state == burying {
			m.delivery.cancel(cause)
			l.conclude(m, release)
		}
	}
}

// wait hands out the next message, or waits until something happens.
func (l *Lane) wait() {
	var channel chan<- *message.Message
	var given *message.Message
	next := l.next()
	if next != nil {
		channel, given = l.output.channel, next.given
		select {
		case channel <- given:
			l.now = time.Now()
			l.handOut(next)
			return
		default:
		}
	} else if l.idle() {
		return
	}
	var acked, nacked <-chan struct{}
	oldest := l.oldestUnwatched()
	if oldest != nil {
		acked, nacked = oldest.given.Acked(), oldest.given.Nacked()
	}
	l.setTimer()
	select {
	case channel <- given:
		l.now = time.Now()
		l.handOut(next)
	case <-acked:
		l.now = time.Now()
		l.answer(oldest, true)
	case <-nacked:
		l.now = time.Now()
		l.answer(oldest, false)
	case <-l.signal:
		l.now = time.Now()
	case l.now = <-l.timer.C:
		l.alarm = time.Time{}
		l.lookAtAll()
		if l.now.Sub(l.active) >= quiet {
			l.watch()
		}
	}
}

// next returns the message to be handed out, as it is handed out, nil if there is none.
func (l *Lane) next() *Message {
	for l.sends && l.queue.len() > 0 {
		if l.output.cfg.Ordered && l.out.len() > l.settled {
			return nil
		}
		m := l.queue.peek()
		if m.Expired(l.now) {
			l.expire(m)
			continue
		}
		if m.given != nil {
			return m
		}
		given, err := l.output.cfg.Make(m)
		if err == nil {
			m.given, m.uuid = given, given.UUID
			m.context = l.output.cfg.Observer.Starting(m, given)
			given.SetContext(m.context)
			return m
		}
		l.unreadable(l.queue.pop(), err)
	}
	return nil
}

// handOut says that a receiver has the message that is first in the queue.
func (l *Lane) handOut(m *Message) {
	l.queue.pop()
	m.state, m.Handed, m.begun, l.active = handed, true, l.now, l.now
	l.list(m)
	l.since++
	l.output.budget.handed()
	if l.queue.len() == 0 {
		l.output.budget.widen()
	}
	l.output.cfg.Observer.HandedOut(m)
	if m.Expired(l.now) { // it was offered before, and the process stood still
		l.lose(m, nil)
	}
}

// list has a message among those that are out.
func (l *Lane) list(m *Message) {
	if !m.listed {
		m.listed = true
		l.out.push(m)
	}
}

// oldestUnwatched returns the first message that is with a handler and has no goroutine that
// waits for its answer, nil if there is none.
func (l *Lane) oldestUnwatched() *Message {
	for _, m := range l.out.all() {
		if m.state == handed && !m.watched {
			return m
		}
	}
	return nil
}

// sweep settles the messages that have an answer: those at the front, and all of them
// when half as many were handed out since the last time.
func (l *Lane) sweep() {
	for m := l.out.peek(); m != nil; m = l.out.peek() {
		l.look(m)
		if m.state != settled {
			break
		}
		l.out.pop()
		l.settled--
	}
	if l.since > l.out.len()/2 {
		l.lookAtAll()
	}
}

// lookAtAll settles all messages that have an answer.
func (l *Lane) lookAtAll() {
	l.since = 0
	for _, m := range l.out.all() {
		l.look(m)
	}
	if l.settled > l.out.len()/2 {
		l.forgetSettled()
	}
}

// forgetSettled takes settled messages out of the list.
func (l *Lane) forgetSettled() {
	l.out.keep(func(m *Message) bool { return m.state != settled })
	l.settled = 0
}

// setTimer has the timer fire when there is something to do.
func (l *Lane) setTimer() {
	at := l.tended.Add(l.tendEvery())
	for _, m := range l.delayed {
		if m.Due.Before(at) {
			at = m.Due
		}
	}
	if q := l.active.Add(quiet); q.Before(at) && l.unwatched() {
		at = q
	}
	if !l.alarm.IsZero() && !l.alarm.After(at) {
		return
	}
	l.alarm = at
	l.timer.Reset(max(at.Sub(l.now), 1))
}

// unwatched reports whether there are messages whose answer nobody waits for.
func (l *Lane) unwatched() bool {
	if l.output.cfg.Ordered {
		return false // the only one is waited for
	}
	n := 0
	for _, m := range slices.Backward(l.out.all()) {
		if m.state == handed && !m.watched {
			n++
		}
		if n == 2 {
			return true // only the older one is waited for
		}
	}
	return false
}

// watch has goroutines wait for answers.
func (l *Lane) watch() {
	if l.output.cfg.Ordered {
		return
	}
	for _, m := range l.out.all() {
		if m.state == handed && !m.watched {
			m.watched = true
			l.output.helpers.Add(1)
			go l.awaitAnswer(m, m.given, m.delivery)
		}
	}
}

// awaitAnswer waits until a delivery is answered or given up. One whose lease is lost goes
// on: its ack may yet be in time.
func (l *Lane) awaitAnswer(m *Message, given *message.Message, d *Delivery) {
	defer l.output.helpers.Done()
	ended := d.Done()
	for {
		select {
		case <-given.Acked():
			l.answered(m)
			return
		case <-given.Nacked():
			l.answered(m)
			return
		case <-l.output.life.Done():
			return
		case <-ended:
			if !errors.Is(context.Cause(d), ErrLeaseLost) {
				return
			}
			ended = nil
		}
	}
}
