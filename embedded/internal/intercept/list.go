// Package intercept keeps functions in the order in which they were added.
package intercept

import (
	"slices"
	"sync"
	"sync/atomic"
)

// List has functions of type F. It is safe for concurrent use; the zero value is empty.
type List[F any] struct {
	all atomic.Pointer[[]entry[F]] // nil without any; changed under mu

	mu   sync.Mutex // guards the field below
	last int
}

// entry is a function under a number, for it to be found when removed.
type entry[F any] struct {
	id int
	f  F
}

// Add adds a function. remove takes it away.
func (l *List[F]) Add(f F) (remove func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last++
	id := l.last
	l.set(append(slices.Clone(l.load()), entry[F]{id, f}))
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.set(slices.DeleteFunc(slices.Clone(l.load()), func(e entry[F]) bool { return e.id == id }))
	}
}

// All returns the functions. Without any it is nil, and takes no memory.
func (l *List[F]) All() []F {
	entries := l.load()
	if len(entries) == 0 {
		return nil
	}
	all := make([]F, len(entries))
	for i, e := range entries {
		all[i] = e.f
	}
	return all
}

func (l *List[F]) load() []entry[F] {
	if all := l.all.Load(); all != nil {
		return *all
	}
	return nil
}

func (l *List[F]) set(all []entry[F]) {
	if len(all) == 0 {
		l.all.Store(nil)
		return
	}
	l.all.Store(&all)
}
