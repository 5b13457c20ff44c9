package pop

import (
	"container/heap"
	"slices"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/offsets"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

// pointKey names a check point: what a handle says of it.
type pointKey struct {
	queue          offsets.Queue
	start, popTime int64
}

// checkPoint has the messages that one pop took from one queue (PopCheckPoint of 5.5.0).
type checkPoint struct {
	key     pointKey
	offsets []int64
	acked   []bool
	left    int // messages that are not acknowledged
	// suspended messages do not count as delivered.
	suspended bool
	revive    int64 // when what is left is delivered again
	place     int   // in the heap
}

// addPoint makes a check point. It reports false if the time is too long for one to be
// kept: nothing brings the messages back then.
func (e *Engine) addPoint(q offsets.Queue, start int64, list []int64, popTime, invisible int64, suspended bool) bool {
	if invisible > e.cfg.MaxInvisible {
		return false
	}
	p := &checkPoint{
		key: pointKey{q, start, popTime}, offsets: slices.Clone(list), acked: make([]bool, len(list)), left: len(list),
		suspended: suspended, revive: popTime + max(invisible, -e.cfg.MaxInvisible) + e.cfg.ReviveLag,
	}
	if old := e.points[p.key]; old != nil {
		e.removePoint(old)
	}
	e.points[p.key] = p
	heap.Push(&e.due, p)
	return true
}

func (e *Engine) removePoint(p *checkPoint) {
	delete(e.points, p.key)
	heap.Remove(&e.due, p.place)
}

// ack notes that a message needs not be delivered again.
func (e *Engine) ack(key pointKey, offset int64) {
	p := e.points[key]
	if p == nil {
		return // it was revived, or never was
	}
	i, found := slices.BinarySearch(p.offsets, offset)
	if !found || p.acked[i] {
		return
	}
	p.acked[i] = true
	p.left--
	if p.left == 0 {
		e.removePoint(p)
	}
}

// Revival is a message that is to be delivered again.
type Revival struct {
	// Queue has the message at Offset.
	Queue  offsets.Queue
	Offset int64
	// PopTime is when it was handed out. Suspended messages do not count it.
	PopTime   int64
	Suspended bool
}

// NextRevival is when the next messages are to be delivered again.
func (e *Engine) NextRevival() (at int64, ok bool) {
	if len(e.due) == 0 {
		return 0, false
	}
	return e.due[0].revive, true
}

// Revive forgets the check points whose time has come, and returns what they have left
// (PopReviveService.mergeAndRevive of 5.5.0).
func (e *Engine) Revive(now int64) []Revival {
	var list []Revival
	for len(e.due) > 0 && e.due[0].revive <= now {
		p := e.due[0]
		e.removePoint(p)
		for i, offset := range p.offsets {
			if !p.acked[i] {
				list = append(list, Revival{Queue: p.key.queue, Offset: offset, PopTime: p.key.popTime, Suspended: p.suspended})
			}
		}
	}
	return list
}

// CheckPoints is the number of check points that are not done.
func (e *Engine) CheckPoints() int { return len(e.points) }

// changePoint gives a message of a check point one of its own
// (ChangeInvisibleTimeProcessor.appendCheckPointThenAckOrigin). Whether the message is
// still in the old one does not matter.
func (e *Engine) changePoint(q offsets.Queue, h *headers.ReceiptHandle, invisible, now int64, suspended bool) (popTime int64, ok bool) {
	popTime = now
	origin := pointKey{q, h.StartOffset, h.PopTime}
	// No two check points of a message are of one moment: time would have gone on.
	for key := (pointKey{q, h.Offset, popTime}); key == origin || e.points[key] != nil; key.popTime = popTime {
		popTime++
	}
	if !e.addPoint(q, h.Offset, []int64{h.Offset}, popTime, invisible, suspended) {
		return 0, false
	}
	e.ack(origin, h.Offset)
	return popTime, true
}

// dueHeap orders check points by the time of their revival.
type dueHeap []*checkPoint

func (d dueHeap) Len() int           { return len(d) }
func (d dueHeap) Less(i, j int) bool { return d[i].revive < d[j].revive }
func (d dueHeap) Swap(i, j int) {
	d[i], d[j] = d[j], d[i]
	d[i].place, d[j].place = i, j
}

// Push is for package heap.
func (d *dueHeap) Push(x any) {
	p := x.(*checkPoint)
	p.place = len(*d)
	*d = append(*d, p)
}

// Pop is for package heap.
func (d *dueHeap) Pop() any {
	last := len(*d) - 1
	p := (*d)[last]
	(*d)[last] = nil
	*d = (*d)[:last]
	return p
}
