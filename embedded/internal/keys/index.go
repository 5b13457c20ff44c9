package keys

import (
	"math"
	"slices"
	"sync"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/body"
)

// blockEntries is how many keys are sorted together: few enough that it takes a fraction of
// a millisecond.
const blockEntries = 4096

// Index finds the records of a log by the keys of their messages. It takes 8 bytes for a key
// and reads the log when it is asked, so it costs nothing until then. Its methods are safe for
// concurrent use; callers take turns.
type Index struct {
	tags bool
	turn chan *table // has one
}

// NewIndex makes an index, of tags as well.
func NewIndex(tags bool) *Index {
	x := &Index{tags: tags, turn: make(chan *table, 1)}
	x.turn <- &table{}
	return x
}

// Log is what an index is made of.
type Log interface {
	// First is the offset of the oldest record.
	First() int64
	// Run returns records that lie next to each other, from an offset on or from the first
	// one behind it, and the offset of the first of them. There are none at the end of the
	// log, and one at least before. The rest behind the last whole one is not looked at.
	Run(from int64) (raw []byte, offset int64)
}

// Guarded is a log that is looked at with a lock held, a moment at a time.
func Guarded(mu sync.Locker, log Log) Log { return guarded{mu, log} }

type guarded struct {
	mu  sync.Locker
	log Log
}

func (g guarded) First() int64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.log.First()
}

func (g guarded) Run(from int64) (raw []byte, offset int64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.log.Run(from)
}

// Place is where a message is.
type Place struct {
	Offset int64
	// StoreTimestamp is to the millisecond.
	StoreTimestamp int64
}

// find returns the offsets of records that may be those of messages of a topic with a key,
// the newest first, and once for each time that a message has the key: others have the same
// hash. last is the last message of the log that has keys.
func (x *Index) find(log Log, topic, key string) (offsets []int64, last Place) {
	t := <-x.turn
	defer func() { x.turn <- t }()
	t.drop(log.First())
	t.follow(log, x.tags)
	return t.find(Hash(topic, key)), t.last
}

// table is the entries of an index.
type table struct {
	blocks []block // by offset; the last one is added to
	next   int64   // where to go on in the log
	last   Place
	topic  string
	seed   int32 // of topic
}

// block is the entries of a stretch of the log. An entry is a hash, and how far the record is
// behind base. All but the last block are sorted.
type block struct {
	base    int64
	last    int64 // offset of the last record
	entries []uint64
}

// drop forgets what lies below an offset, a block at a time.
func (t *table) drop(below int64) {
	n := 0
	for n < len(t.blocks) && t.blocks[n].last < below {
		n++
	}
	t.blocks = slices.Delete(t.blocks, 0, n)
}

// follow adds what has come since.
func (t *table) follow(log Log, tags bool) {
	for {
		raw, offset := log.Run(t.next)
		if len(raw) == 0 {
			return
		}
		t.next = offset
		for {
			m, rest, err := body.ParseStoredFrom(t.topic, raw)
			if err != nil {
				break
			}
			t.add(&m, t.next, tags)
			t.next += int64(len(raw) - len(rest))
			raw = rest
		}
		if t.next == offset {
			return // what no reader of the log takes for a record
		}
	}
}

func (t *table) add(m *body.StoredMessage, offset int64, tags bool) {
	if m.SysFlag&headers.SysFlagTransactionMask == headers.SysFlagRollback {
		return
	}
	if m.Topic != t.topic || t.seed == 0 {
		t.topic, t.seed = m.Topic, seed(m.Topic)
	}
	for key := range Of(m.Properties, tags) {
		t.put(hashOf(t.seed, key), offset)
		t.last = Place{offset, m.StoreTimestamp}
	}
}

func (t *table) put(hash int32, offset int64) {
	n := len(t.blocks)
	if n == 0 || len(t.blocks[n-1].entries) == blockEntries || offset-t.blocks[n-1].base > math.MaxUint32 {
		if n > 0 {
			slices.Sort(t.blocks[n-1].entries)
		}
		t.blocks = append(t.blocks, block{base: offset})
		n++
	}
	b := &t.blocks[n-1]
	b.entries = append(b.entries, uint64(hash)<<32|uint64(offset-b.base))
	b.last = offset
}

// find returns the offsets of a hash, the newest first.
func (t *table) find(hash int32) (offsets []int64) {
	from, to := uint64(hash)<<32, uint64(hash)<<32|math.MaxUint32
	for i, b := range slices.Backward(t.blocks) {
		entries := b.entries
		if i < len(t.blocks)-1 {
			at, _ := slices.BinarySearch(entries, from)
			entries = entries[at:]
			if end, found := slices.BinarySearch(entries, to); found {
				entries = entries[:end+1]
			} else {
				entries = entries[:end]
			}
		}
		for _, e := range slices.Backward(entries) {
			if e >= from && e <= to {
				offsets = append(offsets, b.base+int64(uint32(e)))
			}
		}
	}
	return offsets
}
