// Package keeper keeps what a broker knows in its folder, and knows which messages wait for
// their time.
package keeper

import (
	"sync/atomic"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/offsets"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/queues"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/store"
)

// Keeper belongs to a broker with a folder. A nil one, of a broker without, does nothing.
type Keeper struct {
	Store *store.Store
	// turn has one token: who has it saves.
	turn  chan struct{}
	saved atomic.Int64
	// waiting are the messages that wait, by their offsets. The broker guards it.
	waiting map[parkedIn]map[int64]struct{}
	// moving are the messages that are on the move, by their offsets, and how often. The broker
	// guards it.
	moving map[offsets.Queue]map[int64]int
}

// parkedIn is a queue of messages that wait for their time.
type parkedIn struct {
	topic string
	id    int32
}

// New makes one.
func New(s *store.Store) *Keeper {
	k := &Keeper{Store: s, turn: make(chan struct{}, 1), waiting: make(map[parkedIn]map[int64]struct{}), moving: make(map[offsets.Queue]map[int64]int)}
	k.turn <- struct{}{}
	return k
}

// Damage says what of the log was dropped when the folder was opened, and where that is now.
func (k *Keeper) Damage() string {
	if k == nil || k.Store.Recovery.Dropped == "" {
		return ""
	}
	return k.Store.Recovery.Dropped + "; moved to " + k.Store.Recovery.Kept
}

// Wait notes that the message with an offset in a queue waits. It is not for concurrent use,
// as are Delivered and Next.
func (k *Keeper) Wait(topic string, id int32, offset int64) {
	if k == nil {
		return
	}
	in := parkedIn{topic, id}
	if k.waiting[in] == nil {
		k.waiting[in] = make(map[int64]struct{})
	}
	k.waiting[in][offset] = struct{}{}
}

// Delivered notes that it does not any more.
func (k *Keeper) Delivered(topic string, id int32, offset int64) {
	if k != nil {
		delete(k.waiting[parkedIn{topic, id}], offset)
	}
}

// Next is the offset of the first message of a queue that waits, or that of the next one to
// come.
func (k *Keeper) Next(topic string, id int32, q *queues.Queue) int64 {
	next := q.Next()
	for offset := range k.waiting[parkedIn{topic, id}] {
		next = min(next, offset)
	}
	return next
}

// NextOfLevel is Next of the queue of a delay level, for what snapshot returns to Save. A
// broker with fewer levels delivers nothing of it, so it is what was saved before.
func (k *Keeper) NextOfLevel(topic string, id int32, levels int, q *queues.Queue) int64 {
	if int(id) >= levels {
		return k.Store.State().Delays[int(id)+1]
	}
	return k.Next(topic, id, q)
}

// Save writes what has changed of a state, which snapshot returns with the number of the
// change that was the last. Callers take turns.
func (k *Keeper) Save(snapshot func() (store.State, int64), nowInMilli int64) error {
	<-k.turn
	defer func() { k.turn <- struct{}{} }()
	state, change := snapshot()
	err := k.Store.Save(state, nowInMilli)
	if err == nil {
		k.saved.Store(change)
	}
	return err
}

// Saved reports whether a change is saved. It does not wait for a turn.
func (k *Keeper) Saved(change int64) bool { return k.saved.Load() >= change }

// DiskFull reports whether the disk was too full at the last look.
func (k *Keeper) DiskFull() bool { return k != nil && k.Store.Full() }
