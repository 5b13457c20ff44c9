package delivery

import "time"

// tendEvery is the time between two looks at the leases and at the handlers' times.
func (l *Lane) tendEvery() time.Duration {
	every := time.Minute
	if limit := l.output.cfg.MaxProcessing; limit > 0 {
		every = min(every, limit/8)
	}
	for _, m := range [...]*Message{l.queue.peek(), l.out.peek()} {
		if m != nil && m.LeaseTime > 0 {
			every = min(every, m.LeaseTime/12)
		}
	}
	return max(every, quiet)
}

// tend renews leases, and gives up handlers that take too long. Messages that wait are
// released when a third of their lease is over, all but the next one: others have more use
// for them. Where they are ordered they are renewed, since the broker would not give those
// behind them to others either.
func (l *Lane) tend(now time.Time) {
	if now.Sub(l.tended) < l.tendEvery() {
		return
	}
	l.tended = now
	for _, m := range l.out.all() {
		l.tendOut(m, now)
	}
	slow, gap := false, false
	next := l.queue.peek()
	l.queue.keep(func(m *Message) bool {
		left := m.Lease.Sub(now)
		switch {
		case gap: // what was before it comes again, and it after that
			l.conclude(m, release)
			return false
		case m.LeaseTime == 0 || m.renewing:
		case left <= 0:
			gap = l.output.cfg.Ordered
			l.conclude(m, release)
			return false
		case m == next || l.output.cfg.Ordered:
			l.renewIfDue(m, now)
			slow = slow || left < m.LeaseTime*2/3
		case left < m.LeaseTime*2/3:
			slow = true
			l.conclude(m, release)
			return false
		}
		return true
	})
	if slow {
		l.output.budget.narrow()
	}
}

// tendOut looks at a message that is out.
func (l *Lane) tendOut(m *Message, now time.Time) {
	switch m.state {
	case handed:
		limit := l.output.cfg.MaxProcessing
		if limit > 0 && now.Sub(m.begun) >= limit {
			l.giveUp(m)
			return
		}
	case delayed, burying:
	default:
		return
	}
	switch {
	case m.LeaseTime == 0 || m.lost || m.renewing:
	case m.Expired(now):
		l.lose(m, nil)
	default:
		l.renewIfDue(m, now)
	}
}

func (l *Lane) renewIfDue(m *Message, now time.Time) {
	if m.Lease.Sub(now) < m.LeaseTime/2 {
		m.renewing = true
		m.Source.Renew(m)
	}
}

// renewed takes the answer to a renewal.
func (l *Lane) renewed(m *Message, source Source, lease time.Time, err error) {
	if !m.renewing {
		return // it is not waited for any more
	}
	m.renewing = false
	if err == nil {
		m.Lease = lease
		m.delivery.lease.Store(lease.UnixNano())
		if source != nil {
			m.Source = source
		}
		l.output.cfg.Observer.Renewed(m)
	} else if !m.lost {
		l.lose(m, err)
	}
	if m.state == decided {
		l.tell(m)
	}
}

// lose says that the broker may have given a message to somebody else. One that is with a
// handler is still waited for: its ack may yet be in time.
func (l *Lane) lose(m *Message, cause error) {
	m.lost = true
	if l.output.cfg.Ordered {
		defer l.releaseWaiting() // it comes again before those
	}
	switch m.state {
	case waiting:
		m.Lease = time.Now() // it is released at the next look
		return
	case decided:
		return
	}
	l.output.cfg.Observer.LeaseLost(m, cause)
	m.delivery.cancel(ErrLeaseLost)
	if m.state == delayed {
		l.conclude(m, release)
	}
}

// expire releases the first message that waits: others may have it. In order, those behind
// it come again after it.
func (l *Lane) expire(m *Message) {
	if l.output.cfg.Ordered {
		l.releaseWaiting()
		return
	}
	l.queue.pop()
	l.conclude(m, release)
}

// giveUp ends the wait for a handler. Its delivery has failed.
func (l *Lane) giveUp(m *Message) {
	l.output.cfg.Observer.GaveUp(m)
	m.delivery.cancel(ErrTooLong)
	if m.lost { // the broker delivers it again as it is
		l.nacked(m, 0, false, false)
		l.conclude(m, release)
		return
	}
	l.failed(m, l.output.cfg.Redelivery.pause(m.delivery.Number))
}

// releaseWaiting releases what was not handed out.
func (l *Lane) releaseWaiting() {
	l.queue.keep(func(m *Message) bool {
		l.conclude(m, release)
		return false
	})
}
