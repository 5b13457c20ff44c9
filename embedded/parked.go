package embedded

import (
	"time"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/clock"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/filters"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/offsets"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/pop"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

// parkedEarly is how much earlier than its time a request that waits is answered
// (PopRequest.isTimeout).
const parkedEarly = 50 * time.Millisecond

// parked is a POP_MESSAGE or a NOTIFICATION, which may wait for a message. When one comes,
// or the time is up, it is worked on anew (PopLongPollingService of 5.5.0). Whoever takes
// it out of b.pops or b.notices does that.
type parked struct {
	key    offsets.Queue
	reply  reply
	pop    *headers.PopMessage // of a pop
	notice *headers.Notification
	born   int64 // by the clock of the process, which clients go by

	ends  time.Time // by the clock of the process
	holds bool      // it may be held
	alarm *clock.Alarm
	turn  int // counts how often it was held
}

// newParked makes one of a request. A client that leaves the time of the request open has
// made it now.
func newParked(rq *request, key offsets.Queue, born, pollMillis int64) *parked {
	now := time.Now()
	if born == 0 {
		born = now.UnixMilli()
	}
	const most = int64(time.Hour / time.Millisecond)
	p := &parked{key: key, reply: rq.reply(), born: born, holds: pollMillis > 0 && !rq.cmd.IsOneway()}
	p.ends = time.UnixMilli(min(born, now.UnixMilli()+most)).Add(time.Duration(min(pollMillis, most)) * time.Millisecond)
	return p
}

// work answers p, or holds it unless its time is over.
func (b *Broker) work(p *parked, over, contended bool) answer {
	b.mu.Lock()
	var a answer
	var again []*parked
	if p.pop != nil {
		a, again = b.takePop(p, over, contended)
	} else {
		a = b.takeNotice(p, over)
	}
	b.mu.Unlock()
	b.resume(again)
	if a.fields == nil && p.pop != nil {
		a.fields = &headers.PopResult{} // refusals have the fields as well
	} else if a.fields == nil {
		a.fields = &headers.NotificationResult{}
	}
	return a
}

// resume works anew on requests that were taken out of those that wait.
func (b *Broker) resume(list []*parked) {
	for _, p := range list {
		p.alarm.Cancel()
		for p.reply.conn.Closed() { // it takes no message: the next one may
			b.mu.Lock()
			next, ok := b.waiting(p).Wake(p.key, nil)
			b.mu.Unlock()
			if !ok {
				p = nil
				break
			}
			p = next
			p.alarm.Cancel()
		}
		if p != nil {
			b.finishParked(p, false)
		}
	}
}

// waiting is where p waits.
func (b *Broker) waiting(p *parked) *pop.Parked[*parked] {
	if p.pop != nil {
		return &b.pops
	}
	return &b.notices
}

func (b *Broker) finishParked(p *parked, over bool) {
	if a := b.work(p, over, false); !a.none {
		p.reply.conn.send(p.reply, a)
		p.reply.conn.FlushElsewhere()
	}
}

// suspend has p wait, unless it must not or its time is up. full means that too many wait.
// The caller holds b.mu.
func (b *Broker) suspend(p *parked, filter *filters.Filter, over bool) (held, full bool) {
	left := time.Until(p.ends) - parkedEarly
	if !p.holds || over || left < 0 || p.reply.conn.Closed() {
		return false, false
	}
	if !b.waiting(p).Park(p.key, p, p.ends.UnixMilli(), filter) {
		return false, true
	}
	p.turn++
	turn := p.turn
	p.alarm = b.cluster.timers.After(left+time.Millisecond, func() { b.parkedOver(p, turn) })
	return true, false
}

// parkedOver ends p when its time is up. Like a real broker it looks for messages once
// more.
func (b *Broker) parkedOver(p *parked, turn int) {
	b.mu.Lock()
	mine := p.turn == turn && b.waiting(p).Remove(p.key, p)
	b.mu.Unlock()
	if mine {
		b.finishParked(p, true)
	}
}

// dropParked forgets the requests of a connection that has ended.
func (b *Broker) dropParked(c *conn) {
	var dropped []*parked
	gone := func(p *parked) bool {
		if p.reply.conn != c {
			return false
		}
		dropped = append(dropped, p)
		return true
	}
	b.mu.Lock()
	b.pops.RemoveIf(gone)
	b.notices.RemoveIf(gone)
	b.mu.Unlock()
	for _, p := range dropped {
		p.alarm.Cancel()
	}
}
