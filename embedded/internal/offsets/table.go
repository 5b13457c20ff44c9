// Package offsets is where groups are in the queues of a broker.
package offsets

import "maps"

// Queue names a queue of a broker from a group's point of view.
type Queue struct {
	Group string
	Topic string
	ID    int32
}

// Table has the offsets that groups have committed (ConsumerOffsetManager of 5.5.0). It
// is not safe for concurrent use.
//
// A broker writes its offsets to disk at the end of each round, which is 5 s by default
// (flushConsumerOffsetInterval), and when it is stopped in good order. What was committed
// since is forgotten when it crashes.
type Table struct {
	round   func() int64
	most    int
	entries map[Queue]entry
	resets  map[Queue]int64
	pulled  map[Queue]int64 // behind what was pulled last
}

// entry is an offset, and the one before it that is on disk.
type entry struct {
	offset   int64
	round    int64 // in which offset was committed
	saved    int64
	hasSaved bool
}

// NewTable makes a Table of at most so many offsets. round counts the rounds.
func NewTable(most int, round func() int64) *Table {
	return &Table{round: round, most: most, entries: make(map[Queue]entry), resets: make(map[Queue]int64), pulled: make(map[Queue]int64)}
}

// Get returns the offset of a group: the one that it was reset to and has not taken
// notice of, or else the one that was committed.
func (t *Table) Get(q Queue) (offset int64, ok bool) {
	if offset, ok = t.resets[q]; ok {
		return offset, true
	}
	e, ok := t.entries[q]
	return e.offset, ok
}

// All returns the offsets that were committed.
func (t *Table) All() map[Queue]int64 {
	all := make(map[Queue]int64, len(t.entries))
	for q, e := range t.entries {
		all[q] = e.offset
	}
	return all
}

// HasRoom reports whether an offset may be committed to q.
func (t *Table) HasRoom(q Queue) bool {
	if len(t.entries) < t.most {
		return true
	}
	_, there := t.entries[q]
	return there
}

// Commit sets an offset. Any value is taken. It reports whether there was room for it.
func (t *Table) Commit(q Queue, offset int64) bool {
	if !t.HasRoom(q) {
		return false
	}
	round := t.round()
	e, there := t.entries[q]
	if there && e.round < round {
		e.saved, e.hasSaved = e.offset, true
	}
	e.offset, e.round = offset, round
	t.entries[q] = e
	return true
}

// Reset moves a group to an offset. Clients go on from theirs until TakeReset tells
// them, and what they commit meanwhile does not count: see WasReset. It reports whether
// there was room.
func (t *Table) Reset(q Queue, offset int64) bool {
	if !t.Commit(q, offset) {
		return false
	}
	t.resets[q] = offset
	return true
}

// WasReset reports whether the group has not taken notice of a reset yet.
func (t *Table) WasReset(q Queue) bool {
	_, ok := t.resets[q]
	return ok
}

// TakeReset returns the offset that the group was reset to, once.
func (t *Table) TakeReset(q Queue) (offset int64, ok bool) {
	offset, ok = t.resets[q]
	delete(t.resets, q)
	return offset, ok
}

// Save writes all to disk, as a broker does that is stopped in good order. Resets that
// groups have not taken notice of are forgotten, and what was pulled.
func (t *Table) Save() {
	for q, e := range t.entries {
		e.saved, e.hasSaved = e.offset, true
		t.entries[q] = e
	}
	clear(t.resets)
	clear(t.pulled)
}

// Crash takes the table back to what is on disk.
func (t *Table) Crash() {
	round := t.round()
	for q, e := range t.entries {
		if e.round >= round {
			e.offset = e.saved
			t.entries[q] = e
		}
	}
	maps.DeleteFunc(t.entries, func(_ Queue, e entry) bool { return e.round >= round && !e.hasSaved })
	clear(t.resets)
	clear(t.pulled)
}
