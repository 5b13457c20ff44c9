package pop

import (
	"slices"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/filters"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/offsets"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

// Taken is what a pop has found.
type Taken struct {
	headers.PopResult
	// Body has the messages, in the order of the queues.
	Body []byte
	// Count is the number of messages.
	Count int
	// Moved reports whether the pop has changed where the group is: it found messages, or
	// some that the filter holds back.
	Moved bool
}

// taking is a pop under way.
type taking struct {
	*Engine
	h      *headers.PopMessage
	filter *filters.Filter
	now    int64
	// contended: other requests have the locks of all queues.
	contended bool
	out       Taken
}

// Pop hands out messages (PopMessageProcessor.processRequest of 5.5.0). contended has it
// find all queues locked by others, as happens to pops at the same time.
func (e *Engine) Pop(h *headers.PopMessage, filter *filters.Filter, now int64, contended bool) Taken {
	t := &taking{Engine: e, h: h, filter: filter, now: now, contended: contended}
	t.out.PopTime, t.out.InvisibleMillis, t.out.ReviveQueueID = now, h.InvisibleMillis, e.reviveQueue(h.Order)
	if e.cfg.KV && contended {
		return t.out // the group is locked, and nobody knows what is there
	}
	chance := e.random.IntN(100)
	retry := !h.Order
	kinds := e.retryKinds()
	kind := kinds[chance%len(kinds)]
	if retry && chance < retryFirst {
		retry = false
		t.topic(kind, chance)
	}
	if h.QueueID < 0 {
		t.topic(headers.RetryNone, chance)
	} else {
		t.queue(headers.RetryNone, h.QueueID)
	}
	if retry && t.out.Count < int(h.MaxMessages) && (h.QueueID < 0 || !e.cfg.KV) {
		t.topic(kind, chance)
	}
	return t.out
}

func (e *Engine) reviveQueue(ordered bool) int32 {
	switch {
	case ordered:
		return headers.OrderedReviveQueue
	case e.cfg.KV:
		return 0
	}
	e.pops = (e.pops + 1) % reviveQueues
	return e.pops
}

// topic pops from all queues of a topic, from one of them on.
func (t *taking) topic(kind headers.RetryKind, start int) {
	n := t.store.ReadQueues(kind.Topic(t.h.ConsumerGroup, t.h.Topic))
	for i := range n {
		t.queue(kind, int32((start+i)%n))
	}
}

// queue pops from one queue (PopMessageProcessor.popMsgFromQueue).
func (t *taking) queue(kind headers.RetryKind, id int32) {
	q := offsets.Queue{Group: t.h.ConsumerGroup, Topic: kind.Topic(t.h.ConsumerGroup, t.h.Topic), ID: id}
	fromLast := t.h.InitMode != headers.PopFromMin
	if t.contended || !t.hasRoom(q) {
		if !t.h.Order {
			t.leave(q, t.position(q, t.h.Order, fromLast))
		}
		return
	}
	offset := t.begin(q, t.h.Order, fromLast)
	if b := t.batches[q]; t.h.Order && b != nil && b.blocks(t.attempt(t.h.AttemptID), t.h.InvisibleMillis, t.now) {
		if t.cfg.BlockedRest { // though it is no reason to come back soon
			t.leave(q, offset)
		}
		return
	}
	most := int(t.h.MaxMessages) - t.out.Count
	if most <= 0 {
		t.leave(q, offset)
		return
	}
	r := t.store.Read(q.Topic, id, offset, most, t.filter)
	if r.OffsetMoved {
		t.positions(t.h.Order).Commit(q, r.Next)
		offset = r.Next
		r = t.store.Read(q.Topic, id, offset, most, t.filter)
	}
	switch {
	case len(r.Offsets) > 0:
		t.found(kind, q, offset, &r)
	case r.Next > offset: // nothing that passes the filter
		t.out.Moved = true
		if t.h.Order {
			t.offsets.Commit(q, r.Next)
		} else {
			t.advance(q, offset, r.Next)
		}
	}
	t.leave(q, r.Next)
}

// leave counts what is left in a queue from an offset on.
func (t *taking) leave(q offsets.Queue, offset int64) {
	_, next := t.store.Bounds(q.Topic, q.ID)
	t.out.RestNum += next - offset
}

// found hands out what was read of a queue.
func (t *taking) found(kind headers.RetryKind, q offsets.Queue, offset int64, r *Reading) {
	queue := headers.PopQueue{Retry: kind, QueueID: q.ID, StartOffset: offset, Offsets: slices.Clone(r.Offsets)}
	if t.h.Order {
		queue.OrderCounts = t.take(q, t.attempt(t.h.AttemptID), r.Offsets, t.h.InvisibleMillis, t.now)
		t.offsets.Commit(q, offset)
	} else {
		t.addPoint(q, offset, r.Offsets, t.now, t.h.InvisibleMillis, false)
		t.advance(q, offset, r.Next)
	}
	for i, raw := range r.Raw {
		if kind != headers.RetryNone {
			raw = asOriginal(raw, t.h.Topic, t.out.Handle(t.cfg.BrokerName, &queue, i))
		}
		t.out.Body = append(t.out.Body, raw...)
	}
	t.store.Delivered(q.Topic, q.ID, len(r.Offsets))
	t.out.Queues = append(t.out.Queues, queue)
	t.out.Count += len(r.Offsets)
	t.out.Moved = true
}
