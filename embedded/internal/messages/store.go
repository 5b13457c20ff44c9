// Package messages puts the messages of a broker into its log and brings them in sight of
// queues when the log has them.
package messages

import (
	"encoding/binary"
	"math"
	"slices"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/filters"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/queues"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/store"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/body"
)

// Store is the messages of a broker. It is not safe for concurrent use.
type Store struct {
	records    store.Records
	arrivals   []Arrival // in the order of the log
	lastStored int64
	first      int64
}

// NewStore makes a store whose last message was stored at a time to the millisecond, 0 if
// there is none.
func NewStore(records store.Records, lastStored int64) *Store {
	return &Store{records: records, lastStored: lastStored, first: records.First()}
}

// Entry is a message on its way into the store.
type Entry struct {
	Raw     []byte // its place is set when it is stored
	TagHash int32
	// Hidden messages are in the log only: no queue has them.
	Hidden bool
	// Arrived is called by Arrive when the message comes in sight, with its offsets in the
	// log and in its queue. It may be nil.
	Arrived func(logOffset, queueOffset int64)
}

// Stored says where messages went.
type Stored struct {
	FirstOffset int64   // of the first, in its queue
	LogOffsets  []int64 // of each
	// Write is what is to be waited for.
	Write store.Write
}

// Arrival is a message that has its place, and is in sight when the log has it.
type Arrival struct {
	Topic   string
	QueueID int32
	TagHash int32
	hidden  bool
	queue   *queues.Queue
	unit    queues.Unit
	noted   func(logOffset, queueOffset int64)
}

// Passes reports whether a filter passes the message.
func (a *Arrival) Passes(f *filters.Filter) bool {
	return f.PassesHash(a.TagHash) && f.PassesRecord(a.queue.Log.View(a.unit.Offset, int(a.unit.Size)))
}

// Put gives entries their places in the queue of a topic and in the log, all or none. Store
// times do not go back, as queues are searched by them. Arrive brings them in sight: at once
// if there is nothing to wait for.
func (s *Store) Put(topic string, id int32, q *queues.Queue, entries []Entry, nowInMilli int64) (Stored, error) {
	q.Log = s.records
	s.lastStored = max(nowInMilli, s.lastStored)
	out := Stored{FirstOffset: q.Assigned(), LogOffsets: make([]int64, 0, len(entries))}
	if entries[0].Hidden {
		out.FirstOffset = 0 // CommitLog gives prepared messages no queue offset
	}
	raws := make([][]byte, 0, len(entries))
	for _, e := range entries {
		raws = append(raws, e.Raw)
	}
	var err error
	out.Write, err = s.records.Append(raws, func(i int, offset int64) {
		e := &entries[i]
		place := body.Place{CommitLogOffset: offset, StoreTimestamp: s.lastStored}
		if !e.Hidden {
			place.QueueOffset = q.Assigned()
			q.Coming++
		}
		// AppendStored made it: there is no error.
		_ = body.SetPlace(e.Raw, place)
		out.LogOffsets = append(out.LogOffsets, offset)
		unit := queues.Unit{Offset: offset, Size: int32(len(e.Raw)), TagHash: e.TagHash}
		s.arrivals = append(s.arrivals, Arrival{topic, id, e.TagHash, e.Hidden, q, unit, e.Arrived})
	})
	return out, err
}

// All is behind the end of any log.
const All = math.MaxInt64

// Arrive brings messages in sight whose records lie below an offset of the log, and calls
// arrived for each that a queue has.
func (s *Store) Arrive(end int64, arrived func(*Arrival)) {
	n := 0
	for ; n < len(s.arrivals) && s.arrivals[n].unit.Offset < end; n++ {
		if a := &s.arrivals[n]; !a.hidden {
			a.queue.Coming--
			a.queue.Units = append(a.queue.Units, a.unit)
			if a.noted != nil {
				a.noted(a.unit.Offset, a.queue.Next()-1)
			}
			arrived(a)
		}
	}
	s.arrivals = slices.Delete(s.arrivals, 0, n)
}

// Lose takes back the places of messages whose records would lie from an offset of the log
// on.
func (s *Store) Lose(from int64) {
	for n := len(s.arrivals); n > 0 && s.arrivals[n-1].unit.Offset >= from; n-- {
		if a := &s.arrivals[n-1]; !a.hidden {
			a.queue.Coming--
		}
		s.arrivals = s.arrivals[:n-1]
	}
}

// Dropped reports whether the log has dropped records since it was asked last: those below
// an offset.
func (s *Store) Dropped() (below int64, yes bool) {
	first := s.records.First()
	yes, s.first = first != s.first, first
	return first, yes
}

// At returns the message that begins at an offset of the log. It aliases the log.
func (s *Store) At(offset int64) (m body.StoredMessage, raw []byte, ok bool) {
	head := s.records.View(offset, 4)
	if head == nil {
		return m, nil, false
	}
	raw = s.records.View(offset, int(int32(binary.BigEndian.Uint32(head))))
	m, _, err := body.ParseStored(raw)
	if err != nil || m.CommitLogOffset != offset {
		return m, nil, false
	}
	return m, raw, true
}
