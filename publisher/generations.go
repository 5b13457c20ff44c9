package publisher

// generation is the asynchronous calls that were handed over between two calls of
// Flush. Guarded by the Publisher's mutex.
type generation struct {
	left int           // calls whose results have not been told
	next *generation   // nil for the one that is being added to
	done chan struct{} // closed when it and all before it have none left
}

// generations are those that have calls left, in their order, and at last the one
// that new calls are added to. The zero value is ready.
type generations struct{ first, sealed, last *generation }

// add counts a new call.
func (g *generations) add() *generation {
	if g.last == nil {
		g.last = &generation{done: make(chan struct{})}
		g.first = g.last
	}
	g.last.left++
	return g.last
}

// remove counts a call of the generation out.
func (g *generations) remove(of *generation) {
	of.left--
	for g.first != g.last && g.first.left == 0 {
		close(g.first.done)
		g.first = g.first.next
	}
}

// seal returns a channel that is closed when all calls that were added so far have
// been removed, or nil if they have.
func (g *generations) seal() <-chan struct{} {
	switch {
	case g.last == nil:
		return nil
	case g.last.left > 0:
		g.sealed = g.last
		g.last = &generation{done: make(chan struct{})}
		g.sealed.next = g.last
	case g.first == g.last:
		return nil
	}
	return g.sealed.done
}
