package dispatch

import "slices"

// row is what waits in a lane, in its order. Members are taken off its front without
// moving the others, however many there are. The zero value is ready.
type row[M any] struct {
	buf   []*M
	first int // the members of buf before it have been taken
}

// list returns the members. It is good until the row changes.
func (r *row[M]) list() []*M { return r.buf[r.first:] }

// len returns the number of members.
func (r *row[M]) len() int { return len(r.buf) - r.first }

// push adds a member at the end.
func (r *row[M]) push(m *M) {
	// The space of taken members is used again once it is half of all: a member is
	// moved once at most, on the average.
	if len(r.buf) == cap(r.buf) && r.first > len(r.buf)/2 {
		n := copy(r.buf, r.list())
		clear(r.buf[n:])
		r.buf, r.first = r.buf[:n], 0
	}
	r.buf = append(r.buf, m)
}

// take takes the first n members off, but for the kept ones, which the caller has
// moved to the front of list: they stay, right before the rest.
func (r *row[M]) take(n, kept int) {
	list := r.list()
	copy(list[n-kept:n], list[:kept])
	clear(list[:n-kept])
	r.first += n - kept
	if r.first == len(r.buf) {
		r.buf, r.first = r.buf[:0], 0
	}
}

// pop takes off the last member, of which there is one.
func (r *row[M]) pop() *M {
	end := len(r.buf) - 1
	m := r.buf[end]
	r.buf[end] = nil
	if r.buf = r.buf[:end]; r.first == end {
		r.buf, r.first = r.buf[:0], 0
	}
	return m
}

// deleteFunc deletes the members for which del returns true.
func (r *row[M]) deleteFunc(del func(*M) bool) {
	r.buf = r.buf[:r.first+len(slices.DeleteFunc(r.list(), del))]
}

// pushFront adds members before all others, in their order.
func (r *row[M]) pushFront(members []*M) {
	r.buf, r.first = slices.Concat(members, r.list()), 0
}
