package publisher

import "sync"

// delivery tells what became of asynchronous messages, one call after the other,
// in the order in which they ended. A goroutine does it that lives as long as
// there is something to tell. The calls that wait for it are bounded by the gate,
// which they leave when they have been told of; those that send do not wait for
// it, however slow OnResult is.
type delivery[C any] struct {
	// tell tells of one.
	tell func(C)

	wg sync.WaitGroup // counts the goroutine

	mu      sync.Mutex // guards what follows
	ended   []C
	running bool
}

// add has a call told of that is over.
func (d *delivery[C]) add(c C) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.ended = append(d.ended, c)
	if !d.running {
		d.running = true
		d.wg.Go(d.run)
	}
}

func (d *delivery[C]) run() {
	var calls []C
	for {
		clear(calls)
		d.mu.Lock()
		calls, d.ended = d.ended, calls[:0]
		d.running = len(calls) > 0
		d.mu.Unlock()
		if len(calls) == 0 {
			return
		}
		for _, c := range calls {
			d.tell(c)
		}
	}
}
