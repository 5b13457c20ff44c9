package otelrocketmq

import (
	"maps"
	"sync"
	"sync/atomic"
)

// maxCached is how many entries a cache has at most: the first ones.
const maxCached = 1024

// cache keeps what is made of a key, so that it is not made for each message. The zero
// value is ready, and safe for concurrent use.
type cache[K comparable, V any] struct {
	mu    sync.Mutex // of those who add
	known atomic.Pointer[map[K]V]
}

// get returns what is known of a key, or else makes it.
func (c *cache[K, V]) get(key K, produce func(K) V) V {
	if known := c.known.Load(); known != nil {
		if value, ok := (*known)[key]; ok {
			return value
		}
	}
	value := produce(key)
	c.mu.Lock()
	defer c.mu.Unlock()
	next := make(map[K]V)
	if known := c.known.Load(); known != nil {
		if len(*known) >= maxCached {
			return value
		}
		maps.Copy(next, *known)
	}
	next[key] = value
	c.known.Store(&next)
	return value
}
