package delivery

import (
	"time"
)

// look settles a message if it has an answer.
func (l *Lane) look(m *Message) {
	if m.state != handed {
		return
	}
	select {
	case <-m.given.Acked():
		l.answer(m, true)
		return
	default:
	}
	select {
	case <-m.given.Nacked():
		l.answer(m, false)
	default:
	}
}

// answer settles a message that was with a handler.
func (l *Lane) answer(m *Message, acked bool) {
	l.active = l.now
	given := m.given
	m.delivery.cancel(nil)
	switch {
	case acked:
		m.ended = true
		l.output.cfg.Observer.Acked(m)
		l.conclude(m, ack)
	case m.lost: // the broker delivers it again as it is
		l.nacked(m, 0, false, false)
		l.conclude(m, release)
	default:
		m.Asked = 0
		if l.output.cfg.Delay != nil {
			m.Asked, _ = l.output.cfg.Delay(given, l.active)
		}
		pause := m.Asked
		if pause == 0 {
			pause = l.output.cfg.Redelivery.pause(m.delivery.Number)
		}
		l.failed(m, pause)
	}
}

// failed decides what becomes of a message whose delivery failed.
func (l *Lane) failed(m *Message, pause time.Duration) {
	cfg := &l.output.cfg
	if cfg.Redelivery.last(m.delivery.Number) {
		l.nacked(m, 0, true, true)
		l.bury(m)
		return
	}
	local := cfg.Ordered || pause <= cfg.Redelivery.MaxLocalPause
	m.Due = time.Now().Add(pause)
	l.nacked(m, pause, false, local)
	switch {
	case !l.sends:
		l.conclude(m, release)
	case local:
		m.state = delayed
		l.list(m)
		l.delayed = append(l.delayed, m)
	default:
		m.pause = pause
		l.output.memory.keep(m)
		l.conclude(m, nack)
	}
}

// nacked counts a delivery that has failed.
func (l *Lane) nacked(m *Message, pause time.Duration, last, local bool) {
	m.Failed++
	m.ended = true
	l.output.cfg.Observer.Nacked(m, pause, last, local)
}

// redeliver has messages handed out again whose pause is over.
func (l *Lane) redeliver(now time.Time) {
	if len(l.delayed) == 0 {
		return
	}
	left := l.delayed[:0]
	for _, m := range l.delayed {
		switch {
		case m.state != delayed: // it has been released
		case m.Due.After(now):
			left = append(left, m)
		default:
			l.again(m)
		}
	}
	clear(l.delayed[len(left):])
	l.delayed = left
}

// again has a message handed out next.
func (l *Lane) again(m *Message) {
	l.out.keep(func(listed *Message) bool { return listed != m })
	m.listed, m.state = false, waiting
	m.begin()
	l.output.budget.again()
	l.queue.pushFront(m)
}

// unreadable decides what becomes of a message that none can be made of.
func (l *Lane) unreadable(m *Message, err error) {
	cfg := &l.output.cfg
	l.output.budget.handed()
	m.ended = true
	cfg.Observer.Unreadable(m, err)
	m.state = handed
	m.delivery.cancel(err)
	switch cfg.Unreadable {
	case UnreadableSkip:
		l.conclude(m, ack)
	case UnreadableNack:
		l.failed(m, cfg.Redelivery.pause(m.delivery.Number))
	default:
		l.bury(m)
	}
}

// bury has a dead letter made of a message.
func (l *Lane) bury(m *Message) {
	m.state = burying
	l.list(m)
	l.output.helpers.Add(1)
	go l.makeDeadLetter(m)
}

// Times between two tries to make a dead letter.
const (
	minBuryPause = 100 * time.Millisecond
	maxBuryPause = 5 * time.Second
)

func (l *Lane) makeDeadLetter(m *Message) {
	defer l.output.helpers.Done()
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for pause := minBuryPause; l.output.life.Err() == nil; pause = min(2*pause, maxBuryPause) {
		err := l.output.cfg.DeadLetter(l.output.life, m)
		if err == nil {
			l.post(func(l *Lane) { l.buried(m) })
			return
		}
		l.post(func(l *Lane) {
			if m.state == burying {
				l.output.cfg.Observer.DeadLetterFailed(m, err)
			}
		})
		timer.Reset(pause)
		select {
		case <-timer.C:
		case <-l.output.life.Done():
		}
	}
}

func (l *Lane) buried(m *Message) {
	if m.state == burying {
		l.output.cfg.Observer.DeadLettered(m)
		l.conclude(m, ack)
	}
}

// conclude tells the Source of a message what became of it, as soon as no renewal is under
// way.
func (l *Lane) conclude(m *Message, v verdict) {
	if m.state == waiting {
		l.output.budget.handed()
	}
	m.verdict = v
	if m.renewing {
		m.state = decided
		l.list(m)
		return
	}
	l.tell(m)
}

func (l *Lane) tell(m *Message) {
	m.state = settled
	if m.listed {
		l.settled++
	}
	switch m.verdict {
	case ack:
		m.Source.Ack(m)
	case nack:
		m.Source.Nack(m, m.pause)
	case release:
		if !m.ended {
			l.output.cfg.Observer.Released(m)
		}
		m.Source.Release(m)
	}
	l.output.budget.answered(m.size)
}
