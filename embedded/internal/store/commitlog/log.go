package commitlog

import (
	"errors"
	"fmt"
	"sync"
	"time"
)

// DefaultFileSize is how long a file of the log is (mappedFileSizeCommitLog).
const DefaultFileSize = 1 << 30

// DefaultSyncInterval is how often what was written is synced where nobody waits for it
// (flushIntervalCommitLog).
const DefaultSyncInterval = 500 * time.Millisecond

var (
	// ErrTooLarge is the error of records that no file has room for.
	ErrTooLarge = errors.New("commitlog: larger than a file of the log")
	// ErrClosed is the error of what comes after Stop or Close.
	ErrClosed = errors.New("commitlog: closed")
)

// Config says how a log is kept. The zero value but for Dir is RocketMQ's defaults.
type Config struct {
	// Dir is the folder of the files. It is made if need be.
	Dir string
	// FileSize is the size of a new log's files, [DefaultFileSize] by default. A log that
	// has files goes on with their size.
	FileSize int64
	// Sync has Wait return when records are on the disk (SYNC_FLUSH). Otherwise it returns
	// when they are with the operating system, which a crash of this process does not take
	// away, but one of the machine does.
	Sync bool
	// Written is called with the offset up to which records can be read, before their Wait
	// returns. Lost is called when all from an offset on is not written: its places are
	// given away again as soon as Lost returns. Both may be nil. They are called one at a
	// time.
	Written func(end int64)
	Lost    func(from int64)

	// Open opens the files of the log, [OpenFile] by default.
	Open Opener
}

// Log is the log of a broker. Its methods are safe for concurrent use.
type Log struct {
	cfg     Config
	stop    chan struct{}
	stopped sync.WaitGroup
	kick    chan struct{} // there is something to write
	pen     chan struct{} // has one: who takes it writes

	mu       sync.Mutex // guards the fields below; not held across I/O
	segments []segment  // by offset; the last one is appended to
	next     int64      // where the next record goes
	written  int64      // the end of what can be read
	pending  *Batch     // records that the writer has not taken yet
	spare    []byte     // memory for the next chunk
	broken   error      // why nothing is taken at the moment
	syncErr  error      // of a sync that nobody waited for
	closed   bool
	gone     bool // the files are closed

	// torn, unsynced and syncing belong to who has the pen. torn is the end of a write that has
	// failed, so there may be rubbish between written and it.
	torn     int64
	unsynced []*Batch // what is written and waits for the disk, by offset
	syncing  int      // how many of them the sync that is under way is for; 0 if there is none
	syncs    chan []segment
	synced   chan error
}

// keptMost is how much memory is kept for the next batch.
const keptMost = 4 << 20

// Append takes records that are to lie next to each other in one file. It calls place for
// each of them with its index and its offset, before it copies it. It does no I/O, so it
// fails with ErrTooLarge, with ErrClosed, and for a moment after a write has failed, with the
// error of that. [Log.Go] or [Log.WriteNow] have them written.
func (l *Log) Append(records [][]byte, place func(i int, offset int64)) (*Batch, error) {
	var size int64
	for _, r := range records {
		size += int64(len(r))
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case size > l.cfg.FileSize-blankSize:
		return nil, fmt.Errorf("%w: %d bytes", ErrTooLarge, size)
	case l.closed:
		return nil, ErrClosed
	case l.broken != nil:
		return nil, l.broken
	}
	if l.pending == nil {
		l.pending = newBatch(l.next)
	}
	b := l.pending
	if room := l.cfg.FileSize - l.next%l.cfg.FileSize; size+blankSize > room {
		c := l.chunk(b)
		c.data = appendBlank(c.data, room)
		l.next += room
	}
	c := l.chunk(b)
	for i, r := range records {
		place(i, l.next)
		c.data = append(c.data, r...)
		l.next += int64(len(r))
	}
	if len(c.data) >= pendingMost {
		l.Go()
	}
	return b, nil
}

// pendingMost is how much is pending before it is written, whether or not anybody wants it.
const pendingMost = 256 << 10

// Go has what is pending written, by a goroutine of the log.
func (l *Log) Go() {
	select {
	case l.kick <- struct{}{}:
	default: // it knows
	}
}

// WriteNow has what is pending written: by the caller, so that nobody else has to be woken,
// unless somebody writes already or it is to be synced. Written, and what was given to Then,
// are called by the caller then.
func (l *Log) WriteNow() {
	if !l.cfg.Sync {
		select {
		case <-l.pen:
			l.writePending()
			l.pen <- struct{}{}
			return
		default:
		}
	}
	l.Go()
}

// base is the offset of the file that an offset is in.
func (l *Log) base(offset int64) int64 { return offset - offset%l.cfg.FileSize }

// chunk returns the chunk of b that the next record belongs to. The caller holds mu.
func (l *Log) chunk(b *Batch) *chunk {
	base := l.base(l.next)
	if n := len(b.chunks); n == 0 || b.chunks[n-1].base != base {
		b.chunks = append(b.chunks, chunk{base: base, offset: l.next, data: l.spare[:0]})
		l.spare = nil
	}
	return &b.chunks[len(b.chunks)-1]
}

// First is the offset of the oldest record that is kept, or where the first one will be.
func (l *Log) First() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.segments) == 0 {
		return l.next
	}
	return l.segments[0].base
}

// End is the offset behind the last record that can be read.
func (l *Log) End() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.written
}

// View returns a copy of size bytes from an offset on, nil for what is not written, or not
// kept any more, or cannot be read.
func (l *Log) View(offset int64, size int) []byte {
	s, ok := l.hold(offset, size)
	if !ok {
		return nil
	}
	b, err := s.read(offset-s.base, size)
	if s.mapping.leave() != nil || err != nil {
		return nil
	}
	return b
}

// hold returns the file that has size bytes from an offset on. The caller has its mapping,
// and leaves it.
func (l *Log) hold(offset int64, size int) (s segment, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	base := l.base(offset)
	if l.gone || size < 0 || offset < 0 || offset > min(l.written, base+l.cfg.FileSize)-int64(size) {
		return s, false
	}
	i, ok := l.segmentAt(base)
	if !ok {
		return s, false
	}
	l.segments[i].mapping.take()
	return l.segments[i], true
}

// Stop writes what was appended, and takes no more. Nothing of the log changes from then on,
// and it can be read until Close.
func (l *Log) Stop() {
	l.mu.Lock()
	again := l.closed
	l.closed = true
	l.mu.Unlock()
	if !again {
		close(l.stop)
	}
	l.stopped.Wait()
}

// Close does what [Log.Stop] does, syncs what was written, and closes the files.
func (l *Log) Close() error {
	l.Stop()
	l.mu.Lock()
	segments, end, again := l.segments, l.written, l.gone
	l.gone = true
	l.mu.Unlock()
	if again {
		return nil
	}
	var errs []error
	if l.torn > end {
		errs = append(errs, l.mend(end))
	}
	for _, s := range segments {
		errs = append(errs, s.file.SyncData(), s.close())
	}
	return errors.Join(errs...)
}
