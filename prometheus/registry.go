package promrocketmq

import (
	"maps"
	"slices"
	"sync"
)

// registry is the publishers, or the subscribers, whose Stats are asked for.
type registry[T any] struct {
	mu  sync.Mutex
	all map[*T]struct{}
}

func newRegistry[T any]() *registry[T] { return &registry[T]{all: make(map[*T]struct{})} }

func (r *registry[T]) add(one *T) (remove func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all[one] = struct{}{}
	return func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		delete(r.all, one)
	}
}

// list returns those that are there at the moment.
func (r *registry[T]) list() []*T {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Collect(maps.Keys(r.all))
}
