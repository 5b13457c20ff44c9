package pull

import (
	"cmp"
	"slices"
)

// window has the messages of a queue that were taken from the broker, from the first one
// on that is not acked. Offsets that are not in it, because of a filter or a gap in the
// queue, hold up nothing.
type window struct {
	// end is the offset after all that was taken.
	end     int64
	entries []entry // by offset; the first one is not acked
	head    int     // of entries
	acked   int     // entries that are, and wait for the first
	// released is how many entries are.
	released int
}

// entry is a message.
type entry struct {
	offset int64
	state  entryState
}

type entryState uint8

const (
	taken    entryState = iota // with its lane
	acked                      // to be forgotten
	released                   // to be taken once more
)

// lowest is the offset to commit: that of the first message which is not acked, or the
// one after all of them.
func (w *window) lowest() int64 {
	if w.head < len(w.entries) {
		return w.entries[w.head].offset
	}
	return w.end
}

// span is how far the window reaches.
func (w *window) span() int64 { return w.end - w.lowest() }

// open is the number of messages that are not acked.
func (w *window) open() int { return len(w.entries) - w.head - w.acked }

// wants reports whether the message at the offset is one to take: it is new, or was
// released.
func (w *window) wants(offset int64) bool {
	if offset >= w.end {
		return true
	}
	at, ok := w.find(offset)
	return ok && w.entries[at].state == released
}

// take notes that a message that the window wants is with its lane now. New ones have to
// come in the order of their offsets.
func (w *window) take(offset int64) {
	if offset < w.end {
		if at, ok := w.find(offset); ok {
			w.leaveReleased(at)
			w.entries[at].state = taken
		}
		return
	}
	if w.head > 0 && len(w.entries) == cap(w.entries) {
		w.entries = w.entries[:copy(w.entries, w.entries[w.head:])]
		w.head = 0
	}
	w.entries = append(w.entries, entry{offset: offset})
	w.end = offset + 1
}

// advance notes that there is no further message to take before the offset.
func (w *window) advance(end int64) { w.end = max(w.end, end) }

// ack notes that a message is consumed. It reports whether lowest has changed.
func (w *window) ack(offset int64) bool {
	at, ok := w.find(offset)
	if !ok || w.entries[at].state == acked {
		return false
	}
	w.leaveReleased(at)
	w.entries[at].state = acked
	w.acked++
	before := w.head
	for w.head < len(w.entries) && w.entries[w.head].state == acked {
		w.head++
		w.acked--
	}
	if w.head == len(w.entries) {
		w.entries, w.head = w.entries[:0], 0
	}
	return at == before
}

// release notes that a message was given back. It reports whether it was taken.
func (w *window) release(offset int64) bool {
	at, ok := w.find(offset)
	if ok = ok && w.entries[at].state == taken; ok {
		w.entries[at].state = released
		w.released++
	}
	return ok
}

// leaveReleased counts an entry that is about to have another state.
func (w *window) leaveReleased(at int) {
	if w.entries[at].state == released {
		w.released--
	}
}

// firstReleased returns the lowest offset that was released.
func (w *window) firstReleased() (offset int64, ok bool) {
	if w.released == 0 {
		return 0, false
	}
	at := slices.IndexFunc(w.entries[w.head:], func(e entry) bool { return e.state == released })
	return w.entries[w.head+at].offset, true
}

// releasedIn returns those offsets from one on, and before another, that were released.
func (w *window) releasedIn(from, to int64) (offsets []int64) {
	if w.released == 0 {
		return nil
	}
	at, _ := w.find(from)
	for _, e := range w.entries[at:] {
		if e.offset >= to {
			break
		}
		if e.state == released {
			offsets = append(offsets, e.offset)
		}
	}
	return offsets
}

func (w *window) find(offset int64) (at int, ok bool) {
	at, ok = slices.BinarySearchFunc(w.entries[w.head:], offset, func(e entry, offset int64) int {
		return cmp.Compare(e.offset, offset)
	})
	return at + w.head, ok
}
