package publisher

import (
	"context"
	"fmt"
)

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

// enterAsync is enter for an asynchronous call, which leaveAsync ends.
func (p *Publisher) enterAsync(c *call) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closing {
		return false
	}
	p.inFlight++
	c.async.generation = p.handed.add()
	return true
}

// leaveAsync is told when the results of an asynchronous call have been told.
func (p *Publisher) leaveAsync(of *generation) {
	p.mu.Lock()
	p.handed.remove(of)
	p.mu.Unlock()
	p.leave()
}

// Flush waits until all messages that were handed to PublishAsync before it have
// their results and OnResult has returned for each of them. Messages that are
// handed over later do not keep it. It waits for messages, and does not hurry
// them: they leave as soon as they can without it.
//
// Flush returns nil, or an error that wraps that of ctx if ctx ends before: the
// messages then go on. What became of a message is no matter of Flush, but of its
// Result. Each message has its result at the latest when its Config.SendTimeout
// is over and OnResult has been told of those before it.
//
// Many goroutines may call Flush at once. OnResult must not: it would wait for
// itself.
func (p *Publisher) Flush(ctx context.Context) error {
	p.mu.Lock()
	told := p.handed.seal()
	p.mu.Unlock()
	if told == nil {
		return nil
	}
	select {
	case <-told:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("publisher: flush: %w", contextError(ctx))
	}
}

// waitTold returns when the results of all asynchronous calls have been told.
func (p *Publisher) waitTold() {
	p.mu.Lock()
	told := p.handed.seal()
	p.mu.Unlock()
	if told != nil {
		<-told
	}
	p.delivery.wg.Wait()
}
