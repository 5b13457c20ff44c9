// Package queues is the queues of topics: where their messages are, and what a look into
// one brings.
package queues

import (
	"sort"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/tags"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

const (
	readMessages = 32        // MessageStoreConfig.maxTransferCountOnMessageInMemory
	readBytes    = 256 << 10 // MessageStoreConfig.maxTransferBytesOnMessageInMemory
	readScan     = 800       // messages looked at in search of a tag: maxFilterMessageSize / 20
)

// Queue is one queue of a topic on one broker.
type Queue struct {
	First   int64 // offset of Records[0], the minimum offset
	Records []Record
}

// Record is a message in a queue.
type Record struct {
	Raw       []byte // in the stored layout, never changed
	TagHash   int32
	StoreTime int64
}

// Next is the offset of the next message to come.
func (q *Queue) Next() int64 { return q.First + int64(len(q.Records)) }

// At returns the records from offset on.
func (q *Queue) At(offset int64) []Record {
	if offset < q.First || offset >= q.Next() {
		return nil
	}
	return q.Records[offset-q.First:]
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
func (q *Queue) Read(offset int64, wished int32, filter *tags.Filter) Reading {
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
		r.collect(q.At(offset), wished, filter)
	}
	return r
}

// collect takes messages that pass the filter, at least one if any does in the
// range that is looked at.
func (r *Reading) collect(records []Record, wished int32, filter *tags.Filter) {
	r.Code, r.Status = headers.PullRetryImmediately, "NO_MATCHED_MESSAGE"
	most := int(min(max(wished, 1), readMessages))
	for i := range records[:min(len(records), readScan)] {
		rec := &records[i]
		if len(r.Found) >= most || len(r.Found) > 0 && r.Size+len(rec.Raw) > readBytes {
			break
		}
		r.Next++
		if filter.Passes(rec.TagHash) {
			r.Found = append(r.Found, rec.Raw)
			r.Size += len(rec.Raw)
			r.Code, r.Status = headers.Success, "FOUND"
		}
	}
}

// Search finds the offset for a store time: of the first message at or after it,
// or with upper of the last one at or before it. Past the last message 5.x gives
// the maximum offset and 4.9 the one before (ConsumeQueue.getOffsetInQueueByTime).
func (q *Queue) Search(millis int64, upper, five bool) int64 {
	n := len(q.Records)
	if n == 0 {
		return q.First
	}
	if upper {
		after := sort.Search(n, func(i int) bool { return q.Records[i].StoreTime > millis })
		switch {
		case after == n && millis > q.Records[n-1].StoreTime:
			return q.Next()
		case after == 0:
			return q.First
		}
		return q.First + int64(after) - 1
	}
	at := sort.Search(n, func(i int) bool { return q.Records[i].StoreTime >= millis })
	if at == n && !five {
		at = n - 1
	}
	return q.First + int64(at)
}
