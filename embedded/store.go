package embedded

import (
	"encoding/binary"
	"net/netip"
	"slices"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
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
	s, woken := b.putLocked(t.queue(queueID), entries)
	b.mu.Unlock()
	for _, p := range woken {
		p.finish(b)
	}
	b.cluster.messagesStored()
	return s
}

func (b *Broker) putLocked(q *queue, entries []entry) (stored, []*poll) {
	now := max(b.cluster.timers.now().UnixMilli(), b.lastStored)
	b.lastStored = now // store times do not go back, as queues are searched by them
	s := stored{firstOffset: q.next(), logOffsets: make([]int64, 0, 1)}
	if entries[0].hidden {
		s.firstOffset = 0 // CommitLog gives prepared messages no queue offset
	}
	for _, e := range entries {
		place := body.Place{QueueOffset: q.next(), CommitLogOffset: b.logEnd, StoreTimestamp: now}
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
			q.records = append(q.records, record{raw: e.raw, tagHash: e.tagHash, storeTime: now})
		}
	}
	if keep := b.cluster.cfg.retention; keep > 0 && len(q.records) > keep {
		b.drop(q, len(q.records)-keep)
	}
	return s, q.wake(entries)
}

// drop removes the n oldest messages of a queue, here and in the commit log.
func (b *Broker) drop(q *queue, n int) {
	for i := range q.records[:n] {
		if at, ok := b.logIndex(logOffsetOf(q.records[i].raw)); ok {
			b.log[at].raw = nil
		}
		q.records[i] = record{}
	}
	q.records = q.records[n:]
	q.first += int64(n)
	live := 0
	for live < len(b.log) && b.log[live].raw == nil {
		live++
	}
	b.log = b.log[live:]
}

// logOffsetOf is the commit-log offset that a stored message carries.
func logOffsetOf(raw []byte) int64 { return int64(binary.BigEndian.Uint64(raw[28:])) }

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

// offsetMessageID names a stored message by the broker's address and its place
// in the commit log (MessageDecoder.createMessageId).
func offsetMessageID(host netip.AddrPort, offset int64) string {
	var room [16 + 4 + 8]byte
	id := room[:0]
	if addr := host.Addr().Unmap(); addr.Is6() {
		ip := addr.As16()
		id = append(id, ip[:]...)
	} else if addr.Is4() {
		ip := addr.As4()
		id = append(id, ip[:]...)
	}
	id = binary.BigEndian.AppendUint32(id, uint32(host.Port()))
	id = binary.BigEndian.AppendUint64(id, uint64(offset))
	return upperHex(id)
}

// upperHex is how RocketMQ writes ids.
func upperHex(id []byte) string {
	const digits = "0123456789ABCDEF"
	text := make([]byte, 0, 2*(16+4+8))
	for _, b := range id {
		text = append(text, digits[b>>4], digits[b&15])
	}
	return string(text)
}

// messages decodes all that a broker has of a topic, by queue and offset.
func (b *Broker) messages(name string) []Message {
	b.mu.Lock()
	var raws [][]byte
	if t := b.topics[name]; t != nil {
		for _, id := range t.queueIDs() {
			for _, r := range t.queues[id].records {
				raws = append(raws, r.raw)
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
			n += int(q.next())
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

// tagHashOf is the filter code of a message's tag: 0 without one.
func tagHashOf(properties []byte) int32 {
	var tag []byte
	for name, value := range headers.Properties(properties) {
		if string(name) == headers.PropertyTags {
			tag = value
		}
	}
	return javaHash(string(tag))
}
