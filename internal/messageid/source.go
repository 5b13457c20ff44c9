// Package messageid makes unique message ids (UNIQ_KEY) as RocketMQ's own clients lay them
// out.
package messageid

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
)

const (
	idPrefixSize = 10
	idSize       = idPrefixSize + 4 + 2
	// Length is the length of a message id in characters.
	Length = 2 * idSize
)

// Source makes unique message ids in the layout of MessageClientIDSetter
// (4.9.7 and 5.5.0), upper-case hex of
//
//	10 bytes  random here; Java has ip, process id and a class loader hash
//	 4 bytes  milliseconds since local midnight of the month's first day
//	 2 bytes  counter
//
// Tools read the time out of an id to know where to look for the message
// (MessageClientIDSetter.getNearlyTimeFromID), hence the layout and the local
// zone. An Source never gives the same id twice: it counts on from the last
// one when more than 65,536 ids fall into a millisecond or the clock steps back,
// and draws new random bytes when a month begins, as the time starts over then.
// It is safe for concurrent use.
type Source struct {
	// last holds the milliseconds since 1970 and the counter of the last id:
	// time<<16 | counter. It only grows.
	last  atomic.Int64
	month atomic.Pointer[month]
	mu    sync.Mutex // held to replace month
}

// month is what all ids of a month share.
type month struct {
	start, end int64 // milliseconds since 1970; end is the next month's start
	prefix     [2 * idPrefixSize]byte
}

// ErrNoRandom means that the system has no random bytes.
var ErrNoRandom = errors.New("random bytes for message ids")

func NewSource(now time.Time) (*Source, error) {
	s := new(Source)
	m, err := newMonth(now)
	if err != nil {
		return nil, err
	}
	s.month.Store(m)
	return s, nil
}

func newMonth(t time.Time) (*month, error) {
	random, err := uuid.NewRandom()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoRandom, err)
	}
	t = t.Local()
	start := time.Date(t.Year(), t.Month(), 1, 0, 0, 0, 0, time.Local)
	m := &month{start: start.UnixMilli(), end: start.AddDate(0, 1, 0).UnixMilli()}
	// Bytes 6 and 8 of a version 4 UUID hold its version and variant.
	var raw [idPrefixSize]byte
	copy(raw[:6], random[:6])
	copy(raw[6:], random[9:13])
	upperHex(m.prefix[:], raw[:])
	return m, nil
}

// ID is a unique message id as it is written.
type ID [Length]byte

func (id *ID) String() string { return string(id[:]) }

// Next returns an id that this source has not given before.
func (s *Source) Next(now time.Time) (id ID, err error) {
	stamp := s.stamp(now)
	m, err := s.monthOf(stamp >> 16)
	if err != nil {
		return id, err
	}
	copy(id[:], m.prefix[:])
	var raw [6]byte
	binary.BigEndian.PutUint32(raw[:], uint32(stamp>>16-m.start))
	binary.BigEndian.PutUint16(raw[4:], uint16(stamp))
	upperHex(id[2*idPrefixSize:], raw[:])
	return id, nil
}

// stamp returns the time and counter of the next id.
func (s *Source) stamp(now time.Time) int64 {
	first := now.UnixMilli() << 16
	for {
		last := s.last.Load()
		next := max(first, last+1)
		if s.last.CompareAndSwap(last, next) {
			return next
		}
	}
}

// monthOf returns the month that milli lies in. A source that is behind by a
// month gets a new one. An id from just before the month's end that is asked for
// after it shares the new prefix; its time part is then negative, that is, near
// the top of its 32 bits, which no id of the new month reaches.
func (s *Source) monthOf(milli int64) (*month, error) {
	if m := s.month.Load(); milli < m.end {
		return m, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if m := s.month.Load(); milli < m.end {
		return m, nil
	}
	m, err := newMonth(time.UnixMilli(milli))
	if err != nil {
		return nil, err
	}
	s.month.Store(m)
	return m, nil
}

func upperHex(dst, src []byte) {
	hex.Encode(dst, src)
	for i, c := range dst[:2*len(src)] {
		if c >= 'a' {
			dst[i] = c - 'a' + 'A'
		}
	}
}
