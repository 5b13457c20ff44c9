// Package memlog keeps the messages of a broker in memory: the newest ones, as many bytes of
// them as it may have.
package memlog

import "sort"

const (
	firstChunk = 16 << 10 // a broker in a test stores little
	mostChunk  = 1 << 20
)

// Log is a log in memory. It is not safe for concurrent use, but for what View has given.
type Log struct {
	most   int64
	chunks []chunk // by offset
	size   int64   // of all chunks
	end    int64
}

// chunk has records that lie next to each other. What is in data never changes.
type chunk struct {
	base int64
	data []byte
}

// New makes a log that keeps at most so many bytes, 0 for all: with the next record that is
// too much the oldest ones go, a few at a time.
func New(most int64) *Log { return &Log{most: most} }

// Append adds a record at the offset that End was before.
func (l *Log) Append(record []byte) {
	n := len(l.chunks)
	if n == 0 || len(l.chunks[n-1].data)+len(record) > cap(l.chunks[n-1].data) {
		l.grow(len(record))
		n = len(l.chunks)
	}
	last := &l.chunks[n-1]
	last.data = append(last.data, record...)
	l.end += int64(len(record))
}

// grow makes a chunk with room for a record, and drops the oldest ones if that is too much.
func (l *Log) grow(record int) {
	size := firstChunk
	if n := len(l.chunks); n > 0 {
		size = min(2*cap(l.chunks[n-1].data), mostChunk)
	}
	if l.most > 0 {
		size = int(min(int64(size), max(1, l.most/8)))
	}
	size = max(size, record)
	l.size += int64(size)
	dropped := 0
	for l.most > 0 && l.size > l.most && dropped < len(l.chunks) {
		l.size -= int64(cap(l.chunks[dropped].data))
		dropped++
	}
	l.chunks = append(append([]chunk(nil), l.chunks[dropped:]...), chunk{l.end, make([]byte, 0, size)})
}

// First is the offset of the oldest record that is kept, or where the first one will be.
func (l *Log) First() int64 {
	if len(l.chunks) == 0 {
		return l.end
	}
	return l.chunks[0].base
}

// End is the offset behind the last record.
func (l *Log) End() int64 { return l.end }

// View returns size bytes from an offset on, nil if they are not there. They are not to be
// changed, and stay as they are even when the log has dropped them.
func (l *Log) View(offset int64, size int) []byte {
	i := sort.Search(len(l.chunks), func(i int) bool { return l.chunks[i].base > offset }) - 1
	if i < 0 || size < 0 {
		return nil
	}
	c := &l.chunks[i]
	if from := offset - c.base; from <= int64(len(c.data))-int64(size) {
		return c.data[from : from+int64(size) : from+int64(size)]
	}
	return nil
}

// Run returns records that lie next to each other, from an offset on or from the first one
// that is kept, and the offset of the first of them. There are none at the end. They stay as
// they are even when the log has dropped them.
func (l *Log) Run(from int64) (records []byte, offset int64) {
	from = max(from, l.First())
	i := sort.Search(len(l.chunks), func(i int) bool { return l.chunks[i].base > from }) - 1
	if i < 0 {
		return nil, from
	}
	c := &l.chunks[i]
	at := min(from-c.base, int64(len(c.data)))
	return c.data[at:len(c.data):len(c.data)], from
}
