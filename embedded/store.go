package embedded

import (
	"encoding/binary"
	"slices"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/queues"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/body"
)

// logEntry is a message's place in the commit log. raw is nil once the message
// was dropped, see WithRetention.
type logEntry struct {
	offset int64
	raw    []byte
}

// entry is a message on its way into the store.
type entry struct {
	raw     []byte // its place is set when it is stored
	tagHash int32
	// hidden messages are in the commit log only: no queue has them.
	hidden bool
}

// stored says where messages went.
type stored struct {
	firstOffset int64   // of the first, in its queue
	logOffsets  []int64 // of each
}

// put appends entries to a queue, all or none, in one go. It wakes the pulls
// that wait for them.
func (b *Broker) put(t *topic, queueID int32, entries []entry) stored {
	b.mu.Lock()
	s, w := b.putLocked(t, queueID, entries)
	b.mu.Unlock()
	b.wake(w)
	return s
}

// woken are requests that waited for a message, which has come.
type woken struct {
	polls  []*poll
	parked []*parked
}

func (w *woken) add(other woken) {
	w.polls = append(w.polls, other.polls...)
	w.parked = append(w.parked, other.parked...)
}

// wake works on the requests that waited for a message, and tells those who watch the
// store.
func (b *Broker) wake(w woken) {
	for _, p := range w.polls {
		p.finish(b)
	}
	b.resume(w.parked)
	b.cluster.messagesStored()
}

// putLocked is put for those that hold b.mu. They wake without it.
func (b *Broker) putLocked(t *topic, queueID int32, entries []entry) (stored, woken) {
	q := t.queue(queueID)
	now := max(b.cluster.timers.Now().UnixMilli(), b.lastStored)
	b.lastStored = now // store times do not go back, as queues are searched by them
	s := stored{firstOffset: q.Next(), logOffsets: make([]int64, 0, 1)}
	if entries[0].hidden {
		s.firstOffset = 0 // CommitLog gives prepared messages no queue offset
	}
	for _, e := range entries {
		place := body.Place{QueueOffset: q.Next(), CommitLogOffset: b.logEnd, StoreTimestamp: now}
		if e.hidden {
			place.QueueOffset = 0
		}
		if err := body.SetPlace(e.raw, place); err != nil {
			continue // AppendStored made it: there is no such case
		}
		s.logOffsets = append(s.logOffsets, b.logEnd)
		b.log = append(b.log, logEntry{b.logEnd, e.raw})
		b.logEnd += int64(len(e.raw))
		if !e.hidden {
			q.Records = append(q.Records, queues.Record{Raw: e.raw, TagHash: e.tagHash, StoreTime: now})
		}
	}
	if keep := b.cluster.cfg.retention; keep > 0 && len(q.Records) > keep {
		b.drop(q, len(q.Records)-keep)
	}
	w := woken{polls: q.wake(entries)}
	for _, e := range entries {
		if !e.hidden {
			w.parked = append(w.parked, b.pops.Arrived(t.name, queueID, e.tagHash)...)
			w.parked = append(w.parked, b.notices.Arrived(t.name, queueID, e.tagHash)...)
		}
	}
	return s, w
}

// drop removes the n oldest messages of a queue, here and in the commit log.
func (b *Broker) drop(q *queue, n int) {
	for i := range q.Records[:n] {
		if at, ok := b.logIndex(logOffsetOf(q.Records[i].Raw)); ok {
			b.log[at].raw = nil
		}
		q.Records[i] = queues.Record{}
	}
	q.Records = q.Records[n:]
	q.First += int64(n)
	live := 0
	for live < len(b.log) && b.log[live].raw == nil {
		live++
	}
	b.log = b.log[live:]
}

// logOffsetOf is the commit-log offset that a stored message carries.
func logOffsetOf(raw []byte) int64 { return int64(binary.BigEndian.Uint64(raw[28:])) }

// queueOffsetOf is the place in its queue that a stored message carries.
func queueOffsetOf(raw []byte) int64 { return int64(binary.BigEndian.Uint64(raw[20:])) }

func (b *Broker) logIndex(offset int64) (int, bool) {
	return slices.BinarySearchFunc(b.log, offset, func(e logEntry, offset int64) int {
		switch {
		case e.offset < offset:
			return -1
		case e.offset > offset:
			return 1
		}
		return 0
	})
}

// storedAt returns the message that begins at a commit-log offset.
func (b *Broker) storedAt(offset int64) ([]byte, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	at, ok := b.logIndex(offset)
	if !ok || b.log[at].raw == nil {
		return nil, false
	}
	return b.log[at].raw, true
}

// messages decodes all that a broker has of a topic, by queue and offset.
func (b *Broker) messages(name string) []Message {
	b.mu.Lock()
	var raws [][]byte
	if t := b.topics[name]; t != nil {
		for _, id := range t.queueIDs() {
			for _, r := range t.queues[id].Records {
				raws = append(raws, r.Raw)
			}
		}
	}
	b.mu.Unlock()
	list := make([]Message, 0, len(raws))
	for _, raw := range raws {
		if m, _, err := body.ParseStored(raw); err == nil {
			list = append(list, newMessage(b.name, &m))
		}
	}
	return list
}

// stored counts what a topic has ever got, dropped messages included.
func (b *Broker) stored(name string) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := 0
	if t := b.topics[name]; t != nil {
		for _, q := range t.queues {
			n += int(q.Next())
		}
	}
	return n
}

func (t *topic) queueIDs() []int32 {
	ids := make([]int32, 0, len(t.queues))
	for id := range t.queues {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}
