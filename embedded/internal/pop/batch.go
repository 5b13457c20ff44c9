package pop

import (
	"slices"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/offsets"
)

// batch is what an ordered pop took last from a queue (ConsumerOrderInfoManager.OrderInfo
// of 5.5.0).
type batch struct {
	attempt   string
	popTime   int64
	invisible int64
	offsets   []int64
	acked     []bool
	// visible has when messages may be handed out again, for those whose time was changed.
	visible map[int64]int64
	// counts has how often messages were handed out before.
	counts  map[int64]int32
	changed int64 // when anything was
}

// take notes a batch, and returns how often its messages were handed out before
// (ConsumerOrderInfoManager.update and mergeOffsetConsumedCount).
func (e *Engine) take(q offsets.Queue, attempt string, list []int64, invisible, now int64) []int32 {
	b := &batch{attempt: attempt, popTime: now, invisible: invisible, offsets: slices.Clone(list), acked: make([]bool, len(list)), changed: now}
	if old := e.batches[q]; old != nil {
		b.counts = make(map[int64]int32)
		same := attempt != "" && attempt == old.attempt
		for _, offset := range list {
			switch n, before := old.counts[offset]; {
			case same && before:
				b.counts[offset] = n
			case !same && slices.Contains(old.offsets, offset):
				b.counts[offset] = n + 1
			}
		}
	}
	e.batches[q] = b
	e.store.WhenFree(q, b.freeAt(now))
	counts := make([]int32, len(list))
	for i, offset := range list {
		counts[i] = b.counts[offset]
	}
	return counts
}

// at is when the i-th message may be handed out again.
func (b *batch) at(i int) int64 {
	if at, ok := b.visible[b.offsets[i]]; ok {
		return at
	}
	return b.popTime + b.invisible
}

// blocks reports whether the batch keeps other attempts from its queue
// (OrderInfo.needBlock).
func (b *batch) blocks(attempt string, invisible, now int64) bool {
	if b.attempt != "" && b.attempt == attempt {
		return false
	}
	if b.invisible <= 0 {
		b.invisible = invisible
	}
	for i := range b.offsets {
		if !b.acked[i] && now < b.at(i) {
			return true
		}
	}
	return false
}

// freeAt is when the first message that is in the way is not any more, or now if there is
// none (OrderInfo.getLockFreeTimestamp).
func (b *batch) freeAt(now int64) int64 {
	for i := range b.offsets {
		if at := b.at(i); !b.acked[i] && now < at {
			return at
		}
	}
	return now
}

// next is the offset that a group is at: that of the first message which is not
// acknowledged, or the one behind the batch (OrderInfo.getNextOffset).
func (b *batch) next() int64 {
	if i := slices.Index(b.acked, false); i >= 0 {
		return b.offsets[i]
	}
	return b.offsets[len(b.offsets)-1] + 1
}

// AckOutcome says what an acknowledgement came to.
type AckOutcome int

// The outcomes of acknowledgements.
const (
	// AckTaken is an acknowledgement that counts or, of messages that were acknowledged
	// before or handed out anew since, does nothing.
	AckTaken AckOutcome = iota
	// AckFreed has freed its queue for the next ordered pop.
	AckFreed
	// AckIllegal is of a message that is not in the batch.
	AckIllegal
)

// ackOrdered acknowledges a message of a batch (AckMessageProcessor.ackOrderly).
func (e *Engine) ackOrdered(q offsets.Queue, offset, popTime, now int64) AckOutcome {
	if at, ok := e.offsets.Get(q); ok && offset < at {
		return AckTaken
	}
	next := offset + 1
	b := e.batches[q]
	if b != nil {
		if popTime != b.popTime {
			return AckTaken
		}
		i := slices.Index(b.offsets, offset)
		if i < 0 {
			return AckIllegal
		}
		b.acked[i], b.changed = true, now
		next = b.next()
		e.store.WhenFree(q, b.freeAt(now))
	}
	if !e.offsets.WasReset(q) {
		e.offsets.Commit(q, next)
	}
	if b == nil || !b.blocks("", 0, now) {
		return AckFreed
	}
	return AckTaken
}

// changeOrdered sets when a message of a batch may be handed out again
// (ChangeInvisibleTimeProcessor.processChangeInvisibleTimeForOrder). It reports false if
// the message was acknowledged before.
func (e *Engine) changeOrdered(q offsets.Queue, offset, popTime, visible, now int64) bool {
	if at, ok := e.offsets.Get(q); ok && offset < at {
		return false
	}
	if b := e.batches[q]; b != nil && b.popTime == popTime {
		if b.visible == nil {
			b.visible = make(map[int64]int64)
		}
		if slices.Contains(b.offsets, offset) {
			b.visible[offset] = visible
		}
		b.changed = now
		e.store.WhenFree(q, b.freeAt(now))
	}
	return true
}
