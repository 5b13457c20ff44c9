// Package pool keeps byte buffers for reuse.
package pool

import "sync"

// Buffers keeps buffers that are done with. It is safe for concurrent use.
type Buffers struct {
	// Fresh is the capacity of a new buffer.
	Fresh int
	// Most is the capacity of the largest buffer that is kept. A larger one is
	// left to the collector: one big message should not pin its size for good.
	Most int

	pool sync.Pool
}

// Get returns an empty buffer.
func (b *Buffers) Get() *[]byte {
	if buffer, ok := b.pool.Get().(*[]byte); ok {
		return buffer
	}
	buffer := make([]byte, 0, b.Fresh)
	return &buffer
}

// Put takes back a buffer that nobody uses any more.
func (b *Buffers) Put(buffer *[]byte) {
	if cap(*buffer) > b.Most {
		return
	}
	*buffer = (*buffer)[:0]
	b.pool.Put(buffer)
}
