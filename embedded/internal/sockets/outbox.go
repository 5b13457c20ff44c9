package sockets

import (
	"io"
	"sync"
)

// keepBuffer is the largest write buffer that is kept for the next answers.
const keepBuffer = 1 << 20

// Outbox gathers what is to be written to a connection. Whoever finds that nobody writes
// does so, for all others. Its methods are safe for concurrent use.
type Outbox struct {
	mu      sync.Mutex // guards the fields below, never held while writing
	out     []byte     // to be written
	spare   []byte     // the other buffer, while nobody writes
	wire    io.Writer  // nil until Open
	writing bool       // someone owns the writing; only they touch wire
	closed  bool
	change  sync.Cond // of mu: out was written, or the connection closed
}

// Init makes the zero value ready.
func (o *Outbox) Init() { o.change.L = &o.mu }

// Open says where to write. Until then nothing is written.
func (o *Outbox) Open(wire io.Writer) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.wire = wire
}

// Add has add append to what is to be written, unless the connection is closed. A limit
// that is not 0 refuses when it is not open, or more waits already.
func (o *Outbox) Add(limit int, add func(out []byte) []byte) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed || limit > 0 && (o.wire == nil || len(o.out) > limit) {
		return false
	}
	o.out = add(o.out)
	return true
}

// AwaitRoom waits while another goroutine has more to write than a limit.
func (o *Outbox) AwaitRoom(limit int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for o.writing && !o.closed && len(o.out) > limit {
		o.change.Wait()
	}
}

// Len is how much waits.
func (o *Outbox) Len() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.out)
}

// Take makes the caller the one that writes, by Write. It reports false if there is nothing
// to write, or someone else does.
func (o *Outbox) Take() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.writing || o.closed || o.wire == nil || len(o.out) == 0 {
		return false
	}
	o.writing = true
	return true
}

// Write writes until nothing is left or the outbox is closed, and calls failed when that
// cannot be done. Only the one that Take let through calls it.
func (o *Outbox) Write(failed func()) {
	for {
		o.mu.Lock()
		if len(o.out) == 0 || o.closed {
			o.writing = false
			o.mu.Unlock()
			o.change.Broadcast()
			return
		}
		batch, wire := o.out, o.wire
		o.out, o.spare = o.spare[:0], nil
		o.mu.Unlock()
		o.change.Broadcast()
		if _, err := wire.Write(batch); err != nil {
			failed()
		}
		o.mu.Lock()
		if cap(batch) <= keepBuffer {
			o.spare = batch[:0]
		}
		o.mu.Unlock()
	}
}

// Closed reports whether Close was called.
func (o *Outbox) Closed() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.closed
}

// Close drops what waits. It reports whether it was the first call.
func (o *Outbox) Close() bool {
	o.mu.Lock()
	first := !o.closed
	o.closed = true
	o.mu.Unlock()
	o.change.Broadcast()
	return first
}
