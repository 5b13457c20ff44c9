// Package told has what asynchronous calls need beyond the engine: a goroutine that tells
// of their results, and the count by which Flush knows that it has.
package told

import "sync"

// Teller tells what became of asynchronous messages, one call after the other,
// in the order in which they ended. A goroutine does it that lives as long as
// there is something to tell. The calls that wait for it are bounded by the gate,
// which they leave when they have been told of; those that send do not wait for
// it, however slow OnResult is.
type Teller[C any] struct {
	// Tell tells of one. It is set before the first call is added.
	Tell func(C)

	wg sync.WaitGroup // counts the goroutine

	mu      sync.Mutex // guards what follows
	ended   []C
	running bool
}

// Add has a call told of that is over.
func (t *Teller[C]) Add(c C) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ended = append(t.ended, c)
	if !t.running {
		t.running = true
		t.wg.Go(t.run)
	}
}

// Wait waits until all that was added has been told.
func (t *Teller[C]) Wait() { t.wg.Wait() }

func (t *Teller[C]) run() {
	var calls []C
	for {
		clear(calls)
		t.mu.Lock()
		calls, t.ended = t.ended, calls[:0]
		t.running = len(calls) > 0
		t.mu.Unlock()
		if len(calls) == 0 {
			return
		}
		for _, c := range calls {
			t.Tell(c)
		}
	}
}
