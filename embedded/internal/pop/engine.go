// Package pop is what a broker knows of messages that were popped: check points and
// what is acknowledged of them, who has the batch of a queue in order, and the requests
// that wait for messages. It has no locks, no clock and no wire: its users call it under
// a lock of theirs and tell it the time, in milliseconds since 1970.
//
// Real brokers keep check points and acknowledgements as messages in their commit log,
// and bring them together when a revive service reads them. Here an acknowledgement is
// noted in its check point at once, which no client can tell from that.
package pop

import (
	"math/rand/v2"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/filters"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/offsets"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/versions"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

const (
	// retryFirst is how many pops of a hundred look at the retry topic first
	// (popFromRetryProbability).
	retryFirst = 20
	// reviveQueues is BrokerConfig.reviveQueueNum.
	reviveQueues = 8
)

// Store is what an Engine needs of its broker, which calls the Engine and is called by
// it with the same lock held.
type Store interface {
	// ReadQueues is how many queues of a topic are read: 0 if there is no such topic.
	ReadQueues(topic string) int
	// Bounds are the offsets of a queue's first message and of the next one to come.
	Bounds(topic string, queue int32) (first, next int64)
	// Read looks for messages that pass the filter, at most so many.
	Read(topic string, queue int32, offset int64, most int, filter *filters.Filter) Reading
	// Delivered is told how many messages of a queue are in an answer.
	Delivered(topic string, queue int32, n int)
	// WhenFree has Freed called when no batch of the queue is in the way any more, which
	// is at a time, unless it is put off by another call for the queue.
	WhenFree(q offsets.Queue, at int64)
}

// Reading is what a look into a queue brought.
type Reading struct {
	Offsets []int64 // of the messages
	Raw     [][]byte
	// Next is where to go on. If OffsetMoved, there is nothing at the offset that was
	// asked for and never will be: Next is the nearest that there is.
	Next        int64
	OffsetMoved bool
}

// Config sets up an Engine.
type Config struct {
	BrokerName string
	// ReviveLag is how long after its invisible time a message is delivered again.
	ReviveLag int64
	// MaxInvisible is the longest invisible time that a check point can be kept for
	// (timerMaxDelaySec). Messages that are hidden for longer are never delivered again.
	MaxInvisible int64
	// KV is popConsumerKVServiceEnable: a group is locked as a whole, there is one revive
	// queue, and offsets are committed behind the position of pops.
	KV bool
	// RetryV2 is enableRetryTopicV2.
	RetryV2 bool
	// YoungFromFirst has a new group start at the first message of a queue that is young,
	// wherever it wants to start (initPopOffsetByCheckMsgInMem).
	YoungFromFirst bool
	// NamedAcks has acknowledgements count only if they name the broker of the check point.
	NamedAcks bool
	// Attempts is set if ordered pops have attempt ids.
	Attempts bool
	// BlockedRest has what is left in a queue that a batch keeps counted, as before 5.3.1.
	BlockedRest bool
	// OriginGroup has messages that are delivered again tell their group.
	OriginGroup bool
	// RetryWithoutFlag has messages that are delivered again lose their flag, as before 5.1.1.
	RetryWithoutFlag bool
	// Most is how many check points are kept, and how many batches.
	Most int
}

// ConfigOf is what depends on the version that is played.
func ConfigOf(v headers.Version) Config {
	return Config{
		YoungFromFirst: v >= headers.Version5_1_4,
		NamedAcks:      v >= versions.NamedAcks,
		Attempts:       v >= headers.Version5_1_1,
		BlockedRest:    v < headers.Version5_3_1,
		OriginGroup:    v >= versions.OriginGroup,

		RetryWithoutFlag: v < headers.Version5_1_1,
	}
}

// Engine is the state of one broker. It is not safe for concurrent use.
type Engine struct {
	cfg     Config
	store   Store
	offsets *offsets.Table
	// popped has where pops are in each queue, with KV.
	popped  *offsets.Table
	random  *rand.Rand
	pops    int32 // counts those that take a revive queue
	points  map[pointKey]*checkPoint
	due     dueHeap
	batches map[offsets.Queue]*batch
}

// NewEngine makes an Engine for a broker with these offsets. popped is another table,
// needed with Config.KV only.
func NewEngine(cfg Config, store Store, committed, popped *offsets.Table) *Engine {
	return &Engine{
		cfg: cfg, store: store, offsets: committed, popped: popped,
		random:  rand.New(rand.NewPCG(1, 2)), // the same in each test
		points:  make(map[pointKey]*checkPoint),
		batches: make(map[offsets.Queue]*batch),
	}
}

// Crash forgets what a broker has in memory only. Check points are on disk.
func (e *Engine) Crash(savedBefore int64) {
	for q, b := range e.batches {
		if b.changed >= savedBefore {
			delete(e.batches, q)
		}
	}
	if e.popped != nil {
		e.popped.Crash()
	}
}

// Restore is for a broker whose offsets were read from its folder, which has no others:
// pops go on from there.
func (e *Engine) Restore() {
	if !e.cfg.KV {
		return
	}
	for q, offset := range e.offsets.All() {
		e.popped.Commit(q, offset)
	}
	e.popped.Save()
}

// Save is for a broker that is stopped in good order.
func (e *Engine) Save() {
	if e.popped != nil {
		e.popped.Save()
	}
}

// positions is the table that pops go by.
func (e *Engine) positions(ordered bool) *offsets.Table {
	if e.cfg.KV && !ordered {
		return e.popped
	}
	return e.offsets
}

// position is where a pop goes on in a queue, without taking notice of it.
func (e *Engine) position(q offsets.Queue, ordered, fromLast bool) int64 {
	if offset, ok := e.positions(ordered).Get(q); ok {
		return offset
	}
	return e.initial(q, fromLast)
}

// initial is where a group begins in a queue that it has no offset in
// (PopMessageProcessor.getInitOffset of 5.5.0).
func (e *Engine) initial(q offsets.Queue, fromLast bool) int64 {
	first, next := e.store.Bounds(q.Topic, q.ID)
	switch {
	case !fromLast, isRetryTopic(q.Topic):
		return first
	case e.cfg.YoungFromFirst && first <= 0 && next > 0:
		return 0 // all that is here is in memory
	default:
		return max(0, next-1)
	}
}

// begin is where a pop goes on in a queue. A group that has no offset gets one, and one
// that was reset takes notice (PopMessageProcessor.getPopOffset).
func (e *Engine) begin(q offsets.Queue, ordered, fromLast bool) int64 {
	if offset, ok := e.offsets.TakeReset(q); ok {
		delete(e.batches, q)
		e.positions(ordered).Commit(q, offset)
		return offset
	}
	table := e.positions(ordered)
	if offset, ok := table.Get(q); ok {
		return offset
	}
	offset := e.initial(q, fromLast)
	table.Commit(q, offset)
	e.offsets.Commit(q, offset)
	return offset
}

// advance moves the group on after a pop.
func (e *Engine) advance(q offsets.Queue, from, next int64) {
	if e.cfg.KV {
		e.popped.Commit(q, next)
		e.offsets.Commit(q, from)
		return
	}
	e.offsets.Commit(q, next)
}

// hasRoom reports whether a pop of q finds a place for what is to be remembered of it.
func (e *Engine) hasRoom(q offsets.Queue) bool {
	_, batch := e.batches[q]
	return len(e.points) < e.cfg.Most && (batch || len(e.batches) < e.cfg.Most) &&
		e.offsets.HasRoom(q) && (e.popped == nil || e.popped.HasRoom(q))
}

// HasMessage reports whether a pop would find something, as NOTIFICATION sees it: a
// filter is no part of it but when it is given (NotificationProcessor of 5.5.0).
func (e *Engine) HasMessage(h *headers.Notification, filter *filters.Filter, now int64) bool {
	start := e.random.IntN(100)
	if h.QueueID >= 0 {
		if e.hasIn(h, h.Topic, h.QueueID, filter, now) {
			return true
		}
	} else if e.hasInTopic(h, h.Topic, start, filter, now) {
		return true
	}
	for _, kind := range e.retryKinds() {
		if e.hasInTopic(h, kind.Topic(h.ConsumerGroup, h.Topic), start, filter, now) {
			return true
		}
	}
	return false
}

func (e *Engine) hasInTopic(h *headers.Notification, topic string, start int, filter *filters.Filter, now int64) bool {
	n := e.store.ReadQueues(topic)
	for i := range n {
		if e.hasIn(h, topic, int32((start+i)%n), filter, now) {
			return true
		}
	}
	return false
}

func (e *Engine) hasIn(h *headers.Notification, topic string, id int32, filter *filters.Filter, now int64) bool {
	base := offsets.Queue{Group: h.ConsumerGroup, Topic: h.Topic, ID: id}
	if b := e.batches[base]; h.Order && b != nil && b.blocks(e.attempt(h.AttemptID), 0, now) {
		return false
	}
	q := offsets.Queue{Group: h.ConsumerGroup, Topic: topic, ID: id}
	first, next := e.store.Bounds(topic, id)
	offset, ok := e.positions(h.Order).Get(q)
	if !ok {
		offset = first
	}
	if offset >= next {
		return false
	}
	if filter == nil {
		return true
	}
	return len(e.store.Read(topic, id, max(offset, first), 1, filter).Raw) > 0
}

// attempt is the attempt id as this version of the broker understands it.
func (e *Engine) attempt(id string) string {
	if e.cfg.Attempts {
		return id
	}
	return ""
}
