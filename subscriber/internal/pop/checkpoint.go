package pop

import (
	"context"
	"time"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber/internal/delivery"
)

// checkPoint is what a broker keeps of one queue of a pop, and the delivery.Source of its
// messages. A message whose lease was renewed has a check point of its own.
type checkPoint struct {
	f *Fetcher
	b *broker

	// The parts of the handles, see headers.ReceiptHandle.
	retry           headers.RetryKind
	queueID         int32
	reviveQueueID   int32
	startOffset     int64
	popTime         int64
	invisibleMillis int64

	// Guarded by acks.mu.
	// lease is when the broker gives the last of the messages to somebody else, by this
	// clock.
	lease  time.Time
	open   int // messages that are not settled
	acked  headers.OffsetSet
	space  [8]byte   // what acked begins with
	unsent int       // messages in acked
	first  time.Time // when the first of them was acked
	listed bool
	// done is closed when all messages of an ordered pop are settled and all acks are
	// answered. It is nil for other pops, and does not change.
	done       chan struct{}
	unanswered int // acks
	// spent are the offsets of messages whose renewal has an answer that is missing: the
	// handle may be good for nothing, and must not be used for another.
	spent []int64
}

var _ delivery.Source = (*checkPoint)(nil)

// ordered reports whether the broker hands out no more of the queue before the messages
// are settled.
func (c *checkPoint) ordered() bool { return c.reviveQueueID == headers.OrderedReviveQueue }

// handle is what the message at an offset of the queue is acknowledged by.
func (c *checkPoint) handle(offset int64) headers.ReceiptHandle {
	return headers.ReceiptHandle{
		StartOffset: c.startOffset, PopTime: c.popTime, InvisibleMillis: c.invisibleMillis, ReviveQueueID: c.reviveQueueID,
		Retry: c.retry, BrokerName: c.b.name, QueueID: c.queueID, Offset: offset,
	}
}

// topic is the one that has the messages.
func (c *checkPoint) topic() string { return c.retry.Topic(c.f.e.cfg.Group, c.f.topic.Name) }

// Ack has the ack sent with others of the broker.
func (c *checkPoint) Ack(m *delivery.Message) { c.b.acks.add(c, m.Stored.QueueOffset) }

// maxPause is the longest pause that a broker keeps: its timer ends after three days
// (timerMaxDelaySec of 5.5.0).
const maxPause = 3*24*time.Hour - time.Hour

// Nack has the broker deliver the message again after the pause. Brokers take some seconds
// longer.
func (c *checkPoint) Nack(m *delivery.Message, pause time.Duration) {
	if c.b.acks.settle(c, m.Stored.QueueOffset) {
		return
	}
	c.b.changes.add(&change{c: c, kind: nack, offset: m.Stored.QueueOffset, until: time.Now().Add(min(pause, maxPause)), deadline: m.Lease})
}

// Release has the broker deliver the message again: at once, or when it is due. One that
// was never handed out does not count as delivered, where the broker knows that (5.5.0).
func (c *checkPoint) Release(m *delivery.Message) {
	now := time.Now()
	if c.b.acks.settle(c, m.Stored.QueueOffset) || m.Expired(now) {
		return // it comes again as it is
	}
	until := now
	if m.Failed > 0 && m.Due.After(now) {
		until = now.Add(min(m.Due.Sub(now), maxPause))
	}
	c.b.changes.add(&change{
		c: c, kind: release, offset: m.Stored.QueueOffset, until: until, suspend: !m.Handed && m.Failed == 0, deadline: m.Lease,
	})
}

// Renew asks for another lease.
func (c *checkPoint) Renew(m *delivery.Message) {
	c.b.changes.add(&change{c: c, kind: renewal, offset: m.Stored.QueueOffset, message: m, lease: m.LeaseTime, deadline: m.Lease})
}

// DeadLetter has the broker copy the message to the group's dead letter topic.
func (c *checkPoint) DeadLetter(ctx context.Context, m *delivery.Message) error {
	return c.f.deadLetter(ctx, c, m)
}

// renewed returns the check point that a message has after its lease was renewed.
func (c *checkPoint) renewed(offset int64, r headers.ChangeInvisibleTimeResult, lease time.Time) *checkPoint {
	h := c.handle(offset).Changed(r)
	return &checkPoint{
		f: c.f, b: c.b, retry: h.Retry, queueID: h.QueueID, reviveQueueID: h.ReviveQueueID,
		startOffset: h.StartOffset, popTime: h.PopTime, invisibleMillis: h.InvisibleMillis, lease: lease, open: 1,
	}
}

// entry is the batch ack of these offsets.
func (c *checkPoint) entry(offsets headers.OffsetSet) headers.BatchAckEntry {
	return headers.BatchAckEntry{
		ConsumerGroup: c.f.e.cfg.Group, Topic: c.f.topic.Name, Retry: c.retry, StartOffset: c.startOffset, QueueID: c.queueID,
		ReviveQueueID: c.reviveQueueID, PopTime: c.popTime, InvisibleMillis: c.invisibleMillis, Offsets: offsets,
	}
}
