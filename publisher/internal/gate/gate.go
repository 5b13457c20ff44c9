// Package gate bounds what all calls of a Publisher together hold in memory.
package gate

import (
	"sync"

	"github.com/watermill-rocketmq/watermill-rocketmq/publisher/internal/chain"
)

// Amount is how many messages there are, and how many bytes they have.
type Amount struct{ Messages, Bytes int }

// Gate bounds what all Publish calls together hold in memory. A call enters with
// all of its messages, in the order of coming, and leaves when it returns.
type Gate struct {
	limit Amount

	mu     sync.Mutex // guards what follows
	inside Amount
	queue  chain.Chain[visitor] // in the order of coming
}

// New returns a Gate with that limit.
func New(limit Amount) *Gate { return &Gate{limit: limit} }

// Inside returns what is inside.
func (g *Gate) Inside() Amount {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.inside
}

// visitor is a call that waits at the gate. It can leave from where it stands: thousands
// may give up at once.
type visitor struct {
	need Amount
	in   chan struct{} // closed when it is in
	link chain.Link[visitor]
}

// Enter waits until there is room for need. A need that is over the limit by
// itself gets in when it is alone. False means that done or cut was closed first.
func (g *Gate) Enter(need Amount, done, cut <-chan struct{}) bool {
	g.mu.Lock()
	if g.enterNow(need) {
		g.mu.Unlock()
		return true
	}
	v := &visitor{need: need, in: make(chan struct{})}
	v.link.Member = v
	g.queue.Add(&v.link)
	g.mu.Unlock()
	select {
	case <-v.in:
		return true
	case <-done:
	case <-cut:
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if !v.link.In() {
		return true // it was let in just now
	}
	g.queue.Remove(&v.link)
	g.admit() // it may have stood before smaller ones
	return false
}

// TryEnter is Enter for a call that finds room.
func (g *Gate) TryEnter(need Amount) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.enterNow(need)
}

// enterNow enters if nobody waits and there is room. mu is held.
func (g *Gate) enterNow(need Amount) bool {
	if g.queue.First() != nil || !g.fits(need) {
		return false
	}
	g.add(need)
	return true
}

// Leave gives the room of need to those who wait.
func (g *Gate) Leave(need Amount) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.inside.Messages -= need.Messages
	g.inside.Bytes -= need.Bytes
	g.admit()
}

// admit lets in those at the head of the queue that fit. mu is held.
func (g *Gate) admit() {
	for l := g.queue.First(); l != nil && g.fits(l.Member.need); l = g.queue.First() {
		g.add(l.Member.need)
		g.queue.Remove(l)
		close(l.Member.in)
	}
}

func (g *Gate) fits(need Amount) bool {
	return g.inside.Messages == 0 ||
		g.inside.Messages+need.Messages <= g.limit.Messages && g.inside.Bytes+need.Bytes <= g.limit.Bytes
}

func (g *Gate) add(need Amount) {
	g.inside.Messages += need.Messages
	g.inside.Bytes += need.Bytes
}
