package told

// Generation is the asynchronous calls that were handed over between two calls of
// Flush.
type Generation struct {
	left int           // calls whose results have not been told
	next *Generation   // nil for the one that is being added to
	done chan struct{} // closed when it and all before it have none left
}

// Generations are those that have calls left, in their order, and at last the one
// that new calls are added to. The zero value is ready. Its methods must not be
// called at the same time.
type Generations struct{ first, sealed, last *Generation }

// Add counts a new call.
func (g *Generations) Add() *Generation {
	if g.last == nil {
		g.last = &Generation{done: make(chan struct{})}
		g.first = g.last
	}
	g.last.left++
	return g.last
}

// Remove counts a call of the generation out.
func (g *Generations) Remove(of *Generation) {
	of.left--
	for g.first != g.last && g.first.left == 0 {
		close(g.first.done)
		g.first = g.first.next
	}
}

// Seal returns a channel that is closed when all calls that were added so far have
// been removed, or nil if they have.
func (g *Generations) Seal() <-chan struct{} {
	switch {
	case g.last == nil:
		return nil
	case g.last.left > 0:
		g.sealed = g.last
		g.last = &Generation{done: make(chan struct{})}
		g.sealed.next = g.last
	case g.first == g.last:
		return nil
	}
	return g.sealed.done
}
