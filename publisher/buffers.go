package publisher

import "sync"

// maxPooledBuffer is the largest buffer that is kept for reuse. A larger one is
// left to the collector: one big request should not pin its size for good.
const maxPooledBuffer = 2 << 20

// bufferPool keeps the bodies of batches for reuse. The zero value is ready.
type bufferPool struct{ pool sync.Pool }

func (p *bufferPool) get() *[]byte {
	if b, ok := p.pool.Get().(*[]byte); ok {
		return b
	}
	return new([]byte)
}

func (p *bufferPool) put(b *[]byte) {
	if cap(*b) <= maxPooledBuffer {
		*b = (*b)[:0]
		p.pool.Put(b)
	}
}
