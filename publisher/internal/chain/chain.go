// Package chain is a list whose members carry their own links, so that one costs no
// memory and can leave from wherever it stands.
package chain

// Link is in each member of a chain, and points to it. A member is in one chain at most.
type Link[M any] struct {
	Member        *M
	before, after *Link[M]
	in            bool
}

// In reports whether the member is in a chain.
func (l *Link[M]) In() bool { return l.in }

// Before returns the link before this one, nil for the first.
func (l *Link[M]) Before() *Link[M] { return l.before }

// Chain is the members in their order. The zero value is ready.
type Chain[M any] struct{ first, last *Link[M] }

// First returns the first link, nil if there is none.
func (c *Chain[M]) First() *Link[M] { return c.first }

// Last returns the last link, nil if there is none.
func (c *Chain[M]) Last() *Link[M] { return c.last }

// Add adds a member at the end.
func (c *Chain[M]) Add(l *Link[M]) { c.Insert(l, c.last) }

// Insert adds a member behind the one that before is of, or at the front if that is nil.
func (c *Chain[M]) Insert(l, before *Link[M]) {
	l.before, l.after, l.in = before, c.first, true
	if before != nil {
		l.after, before.after = before.after, l
	} else {
		c.first = l
	}
	if l.after != nil {
		l.after.before = l
	} else {
		c.last = l
	}
}

// Remove takes a member out.
func (c *Chain[M]) Remove(l *Link[M]) {
	if l.before != nil {
		l.before.after = l.after
	} else {
		c.first = l.after
	}
	if l.after != nil {
		l.after.before = l.before
	} else {
		c.last = l.before
	}
	l.before, l.after, l.in = nil, nil, false
}
