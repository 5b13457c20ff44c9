package keeper

import (
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/offsets"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

// Move notes that the message with an offset in a queue goes on as another one, which is not
// stored yet: a copy for a group to get it again, or what a transaction comes to. Until
// Moved is called Behind does not let the group go beyond it. It is not for concurrent use, as
// are Moved and Behind.
func (k *Keeper) Move(q offsets.Queue, offset int64) {
	if k == nil {
		return
	}
	if k.moving[q] == nil {
		k.moving[q] = make(map[int64]int)
	}
	k.moving[q][offset]++
}

// Moved ends Move, which may have been called several times.
func (k *Keeper) Moved(q offsets.Queue, offset int64) {
	if k == nil {
		return
	}
	if k.moving[q][offset]--; k.moving[q][offset] <= 0 {
		delete(k.moving[q], offset)
	}
	if len(k.moving[q]) == 0 {
		delete(k.moving, q)
	}
}

// Behind takes the offsets of groups back to messages that they have to get again after a
// crash: those that are on the move, and the first ones that are not acknowledged.
func (k *Keeper) Behind(table, unacked map[offsets.Queue]int64) {
	back := func(q offsets.Queue, offset int64) {
		if at, ok := table[q]; ok {
			table[q] = min(at, offset)
		}
	}
	for q, offset := range unacked {
		back(q, offset)
	}
	for q, moving := range k.moving {
		for offset := range moving {
			back(q, offset)
		}
	}
}

// Halves is the queue of half messages, for the group whose offset says which of them are
// decided (TransactionalMessageUtil.buildConsumerGroup).
func Halves() offsets.Queue {
	return offsets.Queue{Group: "CID_RMQ_SYS_TRANS", Topic: headers.HalfTopic}
}
