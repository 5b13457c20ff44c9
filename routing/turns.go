package routing

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"
)

// turns are the round robins of a topic, which all of its routes share: one of all
// queues, and one of each broker's own for the messages that avoid another broker.
type turns struct {
	all atomic.Uint64

	mu      sync.Mutex // guards brokers
	brokers map[string]uint64
}

// newTurns starts at random, as Java's ThreadLocalIndex does: clients that start
// together must not all begin with the same queue.
func newTurns() *turns {
	t := &turns{brokers: make(map[string]uint64)}
	t.all.Store(uint64(rand.Uint32()))
	return t
}

// ofBroker counts how often it was called for the broker, from a random start on.
func (t *turns) ofBroker(name string) uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	turn, ok := t.brokers[name]
	if !ok {
		turn = uint64(rand.Uint32())
	}
	t.brokers[name] = turn + 1
	return turn
}
