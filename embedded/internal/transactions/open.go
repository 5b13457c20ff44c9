package transactions

import "slices"

// Open is the half messages of a broker that are not decided yet, by their offsets in the
// commit log, the oldest first. It is not safe for concurrent use; the zero value is empty.
type Open struct {
	// Armed is set while a round of checks is to come.
	Armed bool

	offsets []int64
	turn    int
}

// Set replaces all.
func (o *Open) Set(offsets []int64) { o.offsets = offsets }

// Add adds one.
func (o *Open) Add(offset int64) { o.offsets = append(o.offsets, offset) }

// Has reports whether one is not decided.
func (o *Open) Has(offset int64) bool { return slices.Contains(o.offsets, offset) }

// All returns a copy.
func (o *Open) All() []int64 { return slices.Clone(o.offsets) }

// Len is how many there are.
func (o *Open) Len() int { return len(o.offsets) }

// Remove takes one out, if it is there.
func (o *Open) Remove(offset int64) {
	if at := slices.Index(o.offsets, offset); at >= 0 {
		o.offsets = slices.Delete(o.offsets, at, at+1)
	}
}

// Dropped takes one out whose message is not in the log. One from the end of the log on stays:
// it is not written yet.
func (o *Open) Dropped(offset, end int64) {
	if offset < end {
		o.Remove(offset)
	}
}

// Turn takes turns among n producers (ProducerManager.getAvailableChannel).
func (o *Open) Turn(n int) int {
	o.turn++
	return o.turn % n
}
