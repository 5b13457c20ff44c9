package pop

import (
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/offsets"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

// Ack acknowledges a message (AckMessageProcessor of 5.5.0). topic is the one that has
// it, offset its place in the queue.
func (e *Engine) Ack(group, topic string, queue int32, offset int64, h *headers.ReceiptHandle, now int64) AckOutcome {
	q := offsets.Queue{Group: group, Topic: topic, ID: queue}
	if h.ReviveQueueID == headers.OrderedReviveQueue {
		return e.ackOrdered(q, offset, h.PopTime, now)
	}
	if e.namesUs(h.BrokerName) {
		e.ack(pointKey{q, h.StartOffset, h.PopTime}, offset)
	}
	return AckTaken
}

// BatchAck acknowledges messages of one check point. It returns the queue, and the worst
// outcome of all. A queue that does not exist is passed over.
func (e *Engine) BatchAck(brokerName string, entry *headers.BatchAckEntry, now int64) (offsets.Queue, AckOutcome) {
	q := offsets.Queue{Group: entry.ConsumerGroup, Topic: entry.Retry.Topic(entry.ConsumerGroup, entry.Topic), ID: entry.QueueID}
	if int(q.ID) >= e.store.ReadQueues(q.Topic) {
		return q, AckTaken
	}
	first, next := e.store.Bounds(q.Topic, q.ID)
	outcome := AckTaken
	for i := range entry.Offsets.All() {
		offset := entry.StartOffset + i
		switch {
		case offset < first || offset > next:
		case entry.ReviveQueueID == headers.OrderedReviveQueue:
			outcome = max(outcome, e.ackOrdered(q, offset, entry.PopTime, now))
		case e.namesUs(brokerName):
			e.ack(pointKey{q, entry.StartOffset, entry.PopTime}, offset)
		}
	}
	return q, outcome
}

// namesUs reports whether an acknowledgement is for a check point of this broker.
func (e *Engine) namesUs(brokerName string) bool {
	return !e.cfg.NamedAcks || brokerName == "" || brokerName == e.cfg.BrokerName
}

// Change sets how long a message is hidden from now on (ChangeInvisibleTimeProcessor of
// 5.5.0). topic is the one that has it. It reports false if the time is too long.
func (e *Engine) Change(c *headers.ChangeInvisibleTime, h *headers.ReceiptHandle, now int64) (r headers.ChangeInvisibleTimeResult, ok bool) {
	q := offsets.Queue{Group: c.ConsumerGroup, Topic: c.Topic, ID: c.QueueID}
	if h.ReviveQueueID == headers.OrderedReviveQueue {
		visible := now + min(c.InvisibleMillis, e.cfg.MaxInvisible)
		if !e.changeOrdered(q, c.Offset, h.PopTime, visible, now) {
			return headers.ChangeInvisibleTimeResult{}, true
		}
		return headers.ChangeInvisibleTimeResult{PopTime: h.PopTime, InvisibleMillis: visible - h.PopTime, ReviveQueueID: h.ReviveQueueID}, true
	}
	origin := *h
	origin.Offset = c.Offset
	popTime, ok := e.changePoint(q, &origin, c.InvisibleMillis, now, c.Suspend)
	if !ok {
		return headers.ChangeInvisibleTimeResult{}, false
	}
	return headers.ChangeInvisibleTimeResult{PopTime: popTime, InvisibleMillis: c.InvisibleMillis, ReviveQueueID: h.ReviveQueueID}, true
}

// HasRoom reports whether another check point can be kept.
func (e *Engine) HasRoom() bool { return len(e.points) < e.cfg.Most }
