package dispatch

import "context"

// pick says which of those that wait are to be taken. The zero value takes the first
// that there are.
type pick struct {
	// strangers takes none that waits for a message of its own call.
	strangers bool
	// inTime takes none that is late, see latency.
	inTime bool
}

// cut takes the next batch off the messages that wait. Those that are passed over
// keep their places. It returns nil if nothing is left to be taken.
func (l *lane) cut(which pick, now Moment) *batch {
	cfg := &l.acc.engine.cfg
	var b *batch
	late := lateness{lane: l, now: now}
	var run *Call // that the messages at hand are of
	strangers := true
	list := l.row.list()
	seen, kept, size := 0, 0, 0
	for ; seen < len(list); seen++ {
		m := list[seen]
		if m.state == done {
			l.acc.takenBack--
			continue
		}
		if which.strangers && m.several && m.call != run {
			run = m.call
			strangers = run.sending == 0 // before any of them is taken
		}
		isLate := which.inTime && late.is(m)
		if isLate || which.strangers && m.several && !strangers {
			m.passedOver = m.passedOver || isLate
			list[kept] = m
			kept++
			continue
		}
		size += len(m.Data)
		if b != nil && (m.Solo || size > cfg.MaxBytes) {
			break
		}
		if b == nil {
			b = l.acc.engine.batches.get(l)
		}
		b.take(m)
		if m.Solo || len(b.messages) == cfg.MaxMessages {
			seen++
			break
		}
	}
	l.row.take(seen, kept)
	if b != nil {
		l.latest = len(b.messages)
	}
	return b
}

// lateness goes through messages that wait, in their order, and tells which are late: to
// which the answer to a request that begins now would come too late.
type lateness struct {
	lane *lane
	now  Moment
	// young says that one has been found that is not late. Those behind it came
	// later, so they are not either, unless they have less time.
	young bool
}

func (n *lateness) is(m *Message) bool {
	if n.young && !m.limited {
		return false
	}
	late := n.lane.latency.late(m.call.Began, m.call.Until, n.now)
	n.young = n.young || !late && !m.limited
	return late
}

// cutInTime takes the next batch of those that are not late. Where all are, and
// nothing else of the lane is under way that would show whether answers still take
// so long, it takes the one that came last.
func (l *lane) cutInTime(now Moment) *batch {
	b := l.cut(pick{inTime: true}, now)
	if b != nil || l.active > 1 {
		return b
	}
	if l.row.len() == 0 {
		return nil
	}
	b = l.acc.engine.batches.get(l)
	b.take(l.row.pop()) // cut has left none that is done
	return b
}

// refuseLate ends those that are late. Messages with keys cannot be passed over: a
// later one of their key would overtake them. The last that waits stays, so that
// there is one to find out with. It returns the calls that are to be woken.
func (l *lane) refuseLate(now Moment) (woken []*Call) {
	late := lateness{lane: l, now: now}
	list := l.row.list()
	for i, m := range list {
		if m.state != waiting || i == len(list)-1 || !late.is(m) {
			continue
		}
		m.passedOver = true
		cause := ErrSendTimeout
		if m.limited {
			cause = context.DeadlineExceeded
		}
		woken = l.acc.refuse(m, cause, now, woken)
	}
	return woken
}
