package commitlog

import (
	"sync"
	"time"
)

// Batch is records that are written together.
type Batch struct {
	from   int64
	chunks []chunk
	end    int64     // behind the last record; set when they are written
	files  []segment // that they are in; set when they are written
	done   chan struct{}

	mu      sync.Mutex // guards the fields below
	written bool       // the operating system has them
	ended   bool
	err     error // set before done is closed
	waiters []waiter
}

// waiter is somebody who waits for a batch.
type waiter struct {
	until time.Time
	early func() // nil if there is none, or it was called
	ended func(error)
}

// chunk is a run of bytes in one file.
type chunk struct {
	base, offset int64
	data         []byte
}

func newBatch(from int64) *Batch { return &Batch{from: from, done: make(chan struct{})} }

// lastByte is the offset behind what is to be written.
func (b *Batch) lastByte() int64 {
	last := &b.chunks[len(b.chunks)-1]
	return last.offset + int64(len(last.data))
}

// Wait waits until the records are written, and synced where [Config] says so. An error
// means that they are not in the log, and never will be.
func (b *Batch) Wait() error {
	<-b.done
	return b.err
}

// Then has ended called with what Wait returns. If that takes longer than patience, and the
// operating system has the records, early is called before; it may be nil. They are called at
// once if they can be, and else by who writes the log, whom they must not hold up and
// who looks every 50 ms for those whose patience is over.
func (b *Batch) Then(patience time.Duration, early func(), ended func(error)) {
	w := waiter{early: early, ended: ended}
	if early != nil {
		w.until = time.Now().Add(patience)
		if patience <= 0 && b.unsynced() {
			early()
			w.early = nil
		}
	}
	b.mu.Lock()
	over := b.ended
	if !over {
		b.waiters = append(b.waiters, w)
	}
	b.mu.Unlock()
	if over {
		ended(b.err)
	}
}

// unsynced reports whether the operating system has the records, and the disk not yet.
func (b *Batch) unsynced() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.written && !b.ended
}

// wrote notes that the operating system has the records, which are in those files.
func (b *Batch) wrote(files []segment) {
	b.end, b.files, b.chunks = b.lastByte(), files, nil
	b.mu.Lock()
	defer b.mu.Unlock()
	b.written = true
}

// hurry tells those whose patience is over.
func (b *Batch) hurry(now time.Time) {
	b.mu.Lock()
	var early []func()
	for i := range b.waiters {
		if w := &b.waiters[i]; b.written && w.early != nil && !now.Before(w.until) {
			early = append(early, w.early)
			w.early = nil
		}
	}
	b.mu.Unlock()
	for _, f := range early {
		f()
	}
}

// finish tells all that wait.
func (b *Batch) finish(err error) {
	b.mu.Lock()
	waiters := b.waiters
	b.ended, b.err, b.waiters = true, err, nil
	b.mu.Unlock()
	close(b.done)
	for _, w := range waiters {
		w.ended(err)
	}
}

// filesOf are the files that batches are in, each once.
func filesOf(batches []*Batch) []segment {
	var files []segment
	for _, b := range batches {
		for _, s := range b.files {
			if n := len(files); n == 0 || files[n-1].base < s.base {
				files = append(files, s)
			}
		}
	}
	return files
}
