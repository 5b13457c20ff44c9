package transport

import "sync"

const (
	// newFrameSize is what a buffer for one frame starts with: room for a small
	// message and its header.
	newFrameSize = 2 << 10
	// maxPooledFrame is the largest frame buffer that is kept for reuse. A larger
	// one is left to the collector: one big message should not pin its size.
	maxPooledFrame = 64 << 10
)

// bufferPool keeps encoding buffers. New ones have a capacity of fresh, those
// that have grown past most are not kept.
type bufferPool struct {
	fresh, most int
	pool        sync.Pool
}

func (p *bufferPool) get() *[]byte {
	if b, ok := p.pool.Get().(*[]byte); ok {
		return b
	}
	b := make([]byte, 0, p.fresh)
	return &b
}

func (p *bufferPool) put(b *[]byte) {
	if cap(*b) > p.most {
		return
	}
	*b = (*b)[:0]
	p.pool.Put(b)
}
