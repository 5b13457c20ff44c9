package embedded

import (
	"slices"
	"time"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/clock"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/filters"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

// poll is a pull that is held until a message comes or its time is up
// (PullRequestHoldService). It is answered once, by whoever sets done.
type poll struct {
	h      headers.PullMessage
	filter filters.Filter
	reply  reply
	alarm  *clock.Alarm // ends the wait
	done   bool         // guarded by the broker's mu
}

// newPoll makes a poll whose time runs. It is not yet in a queue.
func newPoll(b *Broker, rq *request, h *headers.PullMessage, filter filters.Filter) *poll {
	p := &poll{h: *h, filter: filter, reply: rq.reply()}
	b.mu.Lock() // expire may be called before After returns, and waits for the alarm
	defer b.mu.Unlock()
	p.alarm = b.cluster.timers.After(b.cluster.holdFor(h.SuspendMillis), func() { b.expire(p) })
	return p
}

// holdFor is how long a pull that asks for millis is held.
func (c *Cluster) holdFor(millis int64) time.Duration {
	const most = int64(time.Hour / time.Millisecond)
	d := time.Duration(max(0, min(millis, most))) * time.Millisecond
	if scan := c.cfg.pollScan; scan > 0 {
		since := c.timers.Now().Sub(c.started)
		d = (since+d+scan-1)/scan*scan - since
	}
	return d
}

// hold puts p into its queue. It reports false if there is something to read by
// now; else p is answered, now or later.
func (b *Broker) hold(p *poll) bool {
	b.mu.Lock()
	expired := p.done // then expire has answered
	t := b.topics[p.h.Topic]
	if t != nil && !expired {
		if t.look(p.h.QueueID).Next() <= p.h.QueueOffset {
			q := t.queue(p.h.QueueID)
			q.polls = append(q.polls, p)
			b.mu.Unlock()
			return true
		}
	}
	p.done = true
	b.mu.Unlock()
	switch {
	case expired:
		return true
	case t == nil: // the topic was deleted in between: there is nothing to wait for
		p.finish(b)
		return true
	}
	p.alarm.Cancel()
	return false
}

// wake takes the polls out of q that a message is for. The caller holds the
// broker's mu and finishes them without it.
func (q *queue) wake(passes func(*filters.Filter) bool) []*poll {
	var woken []*poll
	q.polls = slices.DeleteFunc(q.polls, func(p *poll) bool {
		if !passes(&p.filter) {
			return false
		}
		p.done = true
		woken = append(woken, p)
		return true
	})
	return woken
}

// expire answers p when its time is up.
func (b *Broker) expire(p *poll) {
	b.mu.Lock()
	done := p.done
	p.done = true
	if t := b.topics[p.h.Topic]; t != nil && !done {
		q := t.look(p.h.QueueID)
		q.polls = slices.DeleteFunc(q.polls, func(other *poll) bool { return other == p })
		t.dropUnused(p.h.QueueID)
	}
	b.mu.Unlock()
	if !done {
		p.finish(b)
	}
}

// finish reads again and answers, whatever there is. The caller has set done.
func (p *poll) finish(b *Broker) {
	p.alarm.Cancel()
	r := b.read(&p.h, &p.filter)
	p.reply.conn.send(p.reply, pullAnswer(&r, b.cluster.behaviour.Five))
	p.reply.conn.FlushElsewhere()
}

// dropPolls forgets the polls of a connection that has ended.
func (b *Broker) dropPolls(c *conn) {
	var dropped []*poll
	b.mu.Lock()
	for _, t := range b.topics {
		for id, q := range t.queues {
			q.polls = slices.DeleteFunc(q.polls, func(p *poll) bool {
				if p.reply.conn != c {
					return false
				}
				p.done = true
				dropped = append(dropped, p)
				return true
			})
			t.dropUnused(id)
		}
	}
	b.mu.Unlock()
	for _, p := range dropped {
		p.alarm.Cancel()
	}
}
