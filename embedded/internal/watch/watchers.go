// Package watch tells those who wait that something has changed.
package watch

import (
	"maps"
	"slices"
	"sync"
	"sync/atomic"
)

// Watchers are those who wait. They are safe for concurrent use; the zero value is ready.
type Watchers struct {
	count atomic.Int32 // len(all), to be read for every change

	mu  sync.Mutex // guards the field below
	all map[chan struct{}]struct{}
}

// Watch returns a channel that has something in it once there was a change, until stop is
// called.
func (w *Watchers) Watch() (changed <-chan struct{}, stop func()) {
	c := make(chan struct{}, 1)
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.all == nil {
		w.all = make(map[chan struct{}]struct{})
	}
	w.all[c] = struct{}{}
	w.count.Add(1)
	return c, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(w.all, c)
		w.count.Add(-1)
	}
}

// Changed tells all who watch. It does not wait.
func (w *Watchers) Changed() {
	if w.count.Load() == 0 {
		return
	}
	w.mu.Lock()
	all := slices.Collect(maps.Keys(w.all))
	w.mu.Unlock()
	for _, c := range all {
		select {
		case c <- struct{}{}:
		default: // it knows already
		}
	}
}
