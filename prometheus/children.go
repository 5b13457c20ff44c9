package promrocketmq

import (
	"maps"
	"sync"
	"sync/atomic"
)

// children has what events of the same labels count with, so that an event does not look
// its metrics up by their labels: that is one look into a map for all of them.
type children[K comparable, C any] struct {
	max   int                     // how many are kept
	label func(K) K               // what the labels of a key are
	make  func(K) C               // makes the child of labels
	kept  atomic.Pointer[map[K]C] // never changed in place
	mu    sync.Mutex              // for who replaces it
}

func newChildren[K comparable, C any](most int, label func(K) K, child func(K) C) *children[K, C] {
	c := &children[K, C]{max: most, label: label, make: child}
	c.kept.Store(new(map[K]C))
	return c
}

func (c *children[K, C]) of(key K) C {
	if child, ok := (*c.kept.Load())[key]; ok {
		return child
	}
	child := c.make(c.label(key))
	c.mu.Lock()
	defer c.mu.Unlock()
	old := *c.kept.Load()
	if len(old) >= c.max {
		return child // as right as one that is kept, but made anew each time
	}
	kept := make(map[K]C, len(old)+1)
	maps.Copy(kept, old)
	kept[key] = child
	c.kept.Store(&kept)
	return child
}
