// Package queues is the queues of topics: where their messages are, and what a look into
// one brings.
package queues

import (
	"math"
	"sort"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/filters"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/body"
)

const (
	readMessages = 32        // MessageStoreConfig.maxTransferCountOnMessageInMemory
	readBytes    = 256 << 10 // MessageStoreConfig.maxTransferBytesOnMessageInMemory
	readScan     = 800       // messages looked at in search of a tag: maxFilterMessageSize / 20
)

// Log is where the records of messages lie.
type Log interface {
	// View returns bytes that are not to be changed, nil if they are not there any more.
	View(offset int64, size int) []byte
}

// Queue is one queue of a topic on one broker. The zero value is empty.
type Queue struct {
	Log   Log
	First int64 // offset of Units[0], the minimum offset
	Units []Unit
	// Coming is how many messages have got their offsets, and are not in sight yet.
	Coming int64
	// Delivered counts the messages that were in answers.
	Delivered int64
}

// Unit says where a message is, and how it is filtered.
type Unit struct {
	Offset  int64 // of its record
	Size    int32
	TagHash int32
}

// Next is the offset of the next message to come in sight.
func (q *Queue) Next() int64 { return q.First + int64(len(q.Units)) }

// Assigned is the offset of the next message that gets one.
func (q *Queue) Assigned() int64 { return q.Next() + q.Coming }

// Restore adds a message that was stored with that offset, in the order of the log. If some
// are missing before it the queue begins anew with it, and so it does with a message at
// offset 0: the topic was deleted and made again. Others that the queue has are passed over.
func (q *Queue) Restore(offset int64, u Unit) (added, anew bool) {
	anew = offset > q.Next() || offset == 0 && q.Next() > 0
	switch {
	case anew:
		q.First, q.Units = offset, nil
	case offset < q.Next():
		return false, false
	}
	q.Units = append(q.Units, u)
	return true, anew
}

// Keeps reports whether the queue has not dropped a message that was stored with that offset
// in it, which is no older than the queue. One that is hidden never comes in sight.
func (q *Queue) Keeps(offset, logOffset int64, hidden bool) bool {
	return offset >= q.First && (hidden || len(q.Units) == 0 || logOffset >= q.Units[0].Offset)
}

// Drop forgets the n oldest messages.
func (q *Queue) Drop(n int) {
	q.Units = q.Units[n:]
	q.First += int64(n)
}

// DropBelow forgets the messages whose records lie below an offset of the log.
func (q *Queue) DropBelow(offset int64) {
	q.Drop(sort.Search(len(q.Units), func(i int) bool { return q.Units[i].Offset >= offset }))
}

// Raw is the message with an offset in the stored layout, nil if it is not there.
func (q *Queue) Raw(offset int64) []byte { return q.view(offset, math.MaxInt32) }

// view is what a message begins with, at most so many bytes.
func (q *Queue) view(offset int64, most int32) []byte {
	if offset < q.First || offset >= q.Next() {
		return nil
	}
	u := q.Units[offset-q.First]
	return q.Log.View(u.Offset, int(min(u.Size, most)))
}

// AppendRaws appends all messages, in the stored layout.
func (q *Queue) AppendRaws(raws [][]byte) [][]byte {
	for _, u := range q.Units {
		if raw := q.Log.View(u.Offset, int(u.Size)); raw != nil {
			raws = append(raws, raw)
		}
	}
	return raws
}

// StoreTime is the store time of the message with an offset, and -1 if it is not there.
func (q *Queue) StoreTime(offset int64) int64 {
	raw := q.view(offset, body.StoreTimeEnd)
	if raw == nil {
		return -1
	}
	return body.StoreTimeOf(raw)
}

// Reading is what a look into a queue brought.
type Reading struct {
	// Code and Status, a GetMessageStatus of the store, are what a pull is told of it.
	Code   headers.ResponseCode
	Status string
	// Next is where to go on, Min and Max are the bounds of the queue.
	Next, Min, Max int64
	Found          [][]byte // messages
	Size           int      // of them all
}

// Read looks into the queue from offset on (DefaultMessageStore.getMessage).
func (q *Queue) Read(offset int64, wished int32, filter *filters.Filter) Reading {
	r := Reading{Min: q.First, Max: q.Next(), Next: offset}
	switch {
	case r.Max == 0:
		r.Next, r.Status = 0, "NO_MESSAGE_IN_QUEUE"
		r.Code = headers.PullNotFound
		if offset != 0 {
			r.Code = headers.PullOffsetMoved
		}
	case offset < r.Min:
		r.Code, r.Status, r.Next = headers.PullOffsetMoved, "OFFSET_TOO_SMALL", r.Min
	case offset == r.Max:
		r.Code, r.Status = headers.PullNotFound, "OFFSET_OVERFLOW_ONE"
	case offset > r.Max:
		r.Code, r.Status, r.Next = headers.PullOffsetMoved, "OFFSET_OVERFLOW_BADLY", r.Max
	default:
		r.collect(q, offset, wished, filter)
	}
	return r
}

// collect takes messages that pass the filter, at least one if any does in the
// range that is looked at.
func (r *Reading) collect(q *Queue, offset int64, wished int32, filter *filters.Filter) {
	r.Code, r.Status = headers.PullRetryImmediately, "NO_MATCHED_MESSAGE"
	most := int(min(max(wished, 1), readMessages))
	units := q.Units[offset-q.First:]
	for _, u := range units[:min(len(units), readScan)] {
		if len(r.Found) >= most || len(r.Found) > 0 && r.Size+int(u.Size) > readBytes {
			break
		}
		r.Next++
		if !filter.PassesHash(u.TagHash) {
			continue
		}
		if raw := q.Log.View(u.Offset, int(u.Size)); raw != nil && filter.PassesRecord(raw) {
			r.Found = append(r.Found, raw)
			r.Size += len(raw)
			r.Code, r.Status = headers.Success, "FOUND"
		}
	}
}

// Search finds the offset for a store time: of the first message at or after it,
// or with upper of the last one at or before it. Past the last message 5.x gives
// the maximum offset and 4.9 the one before (ConsumeQueue.getOffsetInQueueByTime).
func (q *Queue) Search(millis int64, upper, five bool) int64 {
	n := len(q.Units)
	if n == 0 {
		return q.First
	}
	storeTime := func(i int) int64 { return q.StoreTime(q.First + int64(i)) }
	if upper {
		after := sort.Search(n, func(i int) bool { return storeTime(i) > millis })
		switch {
		case after == n && millis > storeTime(n-1):
			return q.Next()
		case after == 0:
			return q.First
		}
		return q.First + int64(after) - 1
	}
	at := sort.Search(n, func(i int) bool { return storeTime(i) >= millis })
	if at == n && !five {
		at = n - 1
	}
	return q.First + int64(at)
}
