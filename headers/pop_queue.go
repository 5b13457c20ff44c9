package headers

import (
	"bytes"
	"math"
	"strconv"
)

// PopQueue is what one pop has read of one queue (org.apache.rocketmq.remoting.protocol.header.ExtraInfoUtil
// of 5.5.0).
type PopQueue struct {
	// Retry is the topic that has the queue.
	Retry   RetryKind
	QueueID int32
	// StartOffset is where the read began: that of the first message or, if messages
	// before it were filtered out, less.
	StartOffset int64
	// Offsets are those of the messages, which ascend.
	Offsets []int64
	// OrderCounts say how often each of the messages was delivered before. They are nil
	// except for ordered pops, whose messages do not say it themselves.
	OrderCounts []int32
}

// maxPopOffsets bounds what an answer may make the parser allocate. Brokers answer with
// MaxPopMessages at most.
const maxPopOffsets = 1024

// An info field is a list of entries, divided by ';'. Each has three parts, divided by
// a space: the kind of the topic, the queue, and what is said of the queue.
const (
	infoEnd  = ';'
	partEnd  = ' '
	offsetOf = "qo" // before the queue of an entry that is about one offset of it
	inQueue  = '%'  // between the queue and that offset
)

// cutInfo takes the first entry off an info field.
func cutInfo(info []byte) (kind RetryKind, queue, value, rest []byte, ok bool) {
	entry, rest, more := bytes.Cut(info, []byte{infoEnd})
	if more && len(rest) == 0 {
		return 0, nil, nil, nil, false
	}
	first, entry, _ := bytes.Cut(entry, []byte{partEnd})
	queue, value, two := bytes.Cut(entry, []byte{partEnd})
	kind, known := parseRetryKind(first)
	return kind, queue, value, rest, known && two && len(value) > 0
}

// parsePopQueues reads the three info fields of a pop's answer.
func parsePopQueues(start, offsets, counts []byte) ([]PopQueue, error) {
	if len(offsets) == 0 {
		if len(start) != 0 {
			return nil, malformed("startOffsetInfo %q without msgOffsetInfo", clip(start))
		}
		return nil, nil // what counts say is of no message
	}
	queues, err := parseMessageOffsets(offsets)
	if err == nil {
		err = parseStartOffsets(start, queues)
	}
	if err == nil && len(counts) > 0 {
		err = parseOrderCounts(counts, queues)
	}
	if err != nil {
		return nil, err
	}
	return queues, nil
}

// parseMessageOffsets makes the queues. Their start offsets are still to come: -1. They are
// for the first of a queue that is there twice, so that the second never gets one.
func parseMessageOffsets(info []byte) ([]PopQueue, error) {
	entries := bytes.Count(info, []byte{infoEnd}) + 1
	total := entries + bytes.Count(info, []byte{','})
	if total > maxPopOffsets {
		return nil, malformed("msgOffsetInfo has %d offsets, limit %d", total, maxPopOffsets)
	}
	queues := make([]PopQueue, 0, entries)
	all := make([]int64, 0, total)
	for len(info) > 0 {
		kind, id, list, rest, ok := cutInfo(info)
		queue, valid := parseQueueID(id)
		if !ok || !valid {
			return nil, malformed("msgOffsetInfo goes on with %q", clip(info))
		}
		first := len(all)
		for more := true; more; {
			var text []byte
			text, list, more = bytes.Cut(list, []byte{','})
			offset, valid := parseOffset(text)
			if !valid || len(all) > first && offset <= all[len(all)-1] {
				return nil, malformed("msgOffsetInfo goes on with %q", clip(info))
			}
			all = append(all, offset)
		}
		queues = append(queues, PopQueue{Retry: kind, QueueID: queue, StartOffset: -1, Offsets: all[first:len(all):len(all)]})
		info = rest
	}
	return queues, nil
}

func parseStartOffsets(info []byte, queues []PopQueue) error {
	n := 0
	for len(info) > 0 {
		kind, id, text, rest, ok := cutInfo(info)
		queue, validID := parseQueueID(id)
		offset, validOffset := parseOffset(text)
		if !ok || !validID || !validOffset {
			return malformed("startOffsetInfo goes on with %q", clip(info))
		}
		q := findQueue(queues, kind, queue)
		switch {
		case q == nil:
			return malformed("startOffsetInfo goes on with %q, which msgOffsetInfo does not have", clip(info))
		case q.StartOffset >= 0:
			return malformed("startOffsetInfo goes on with %q, a queue that it had before", clip(info))
		case offset > q.Offsets[0]:
			return malformed("startOffsetInfo goes on with %q, and the first message is %d", clip(info), q.Offsets[0])
		}
		q.StartOffset = offset
		info = rest
		n++
	}
	if n < len(queues) {
		return malformed("startOffsetInfo has %d of %d queues", n, len(queues))
	}
	return nil
}

// notCounted stands for a message that has no entry of its own.
const notCounted = -1

// parseOrderCounts reads the entries of both forms. That of an offset goes before that
// of its queue, which is the least of its messages (ConsumerOrderInfoManager.update of
// 5.5.0). An entry about no message of the answer is passed over, as Java does.
func parseOrderCounts(info []byte, queues []PopQueue) error {
	total := 0
	for i := range queues {
		total += len(queues[i].Offsets)
	}
	all := make([]int32, total)
	for i := range all {
		all[i] = notCounted
	}
	for i := range queues {
		n := len(queues[i].Offsets)
		queues[i].OrderCounts, all = all[:n:n], all[n:]
	}
	if err := walkOrderCounts(info, queues, true); err != nil {
		return err
	}
	if err := walkOrderCounts(info, queues, false); err != nil {
		return err
	}
	for i := range queues {
		q := &queues[i]
		for j, count := range q.OrderCounts {
			q.OrderCounts[j] = max(count, 0)
		}
	}
	return nil
}

// walkOrderCounts takes the entries about offsets, or those about queues.
func walkOrderCounts(info []byte, queues []PopQueue, offsets bool) error {
	for len(info) > 0 {
		kind, place, text, rest, ok := cutInfo(info)
		count, validCount := parseInRange(text, math.MaxInt32)
		place, ofOffset := bytes.CutPrefix(place, []byte(offsetOf))
		id, of, cut := bytes.Cut(place, []byte{inQueue})
		queue, validID := parseQueueID(id)
		offset, validOffset := parseOffset(of)
		if !ok || !validCount || !validID || ofOffset != cut || cut && !validOffset {
			return malformed("orderCountInfo goes on with %q", clip(info))
		}
		if q := findQueue(queues, kind, queue); q != nil && ofOffset == offsets {
			for i := range q.Offsets {
				switch {
				case ofOffset && q.Offsets[i] != offset:
				case q.OrderCounts[i] == notCounted:
					q.OrderCounts[i] = int32(count)
				case ofOffset:
					return malformed("orderCountInfo goes on with %q, an offset that it had before", clip(info))
				}
			}
		}
		info = rest
	}
	return nil
}

func findQueue(queues []PopQueue, kind RetryKind, id int32) *PopQueue {
	for i := range queues {
		if q := &queues[i]; q.Retry == kind && q.QueueID == id {
			return q
		}
	}
	return nil
}

func parseQueueID(text []byte) (int32, bool) {
	n, ok := parseInRange(text, math.MaxInt32)
	return int32(n), ok
}

func parseOffset(text []byte) (int64, bool) { return parseInRange(text, math.MaxInt64) }

// parseInRange reads decimal digits, and nothing but those, as a number of at most
// limit.
func parseInRange(text []byte, limit int64) (int64, bool) {
	n, err := strconv.ParseInt(string(text), 10, 64)
	return n, err == nil && n >= 0 && n <= limit && text[0] >= '0'
}

// appendStartOffsets writes startOffsetInfo.
func appendStartOffsets(dst []byte, queues []PopQueue) []byte {
	for i := range queues {
		q := &queues[i]
		dst = strconv.AppendInt(appendInfoQueue(dst, q, ""), q.StartOffset, 10)
	}
	return dst
}

// appendMessageOffsets writes msgOffsetInfo.
func appendMessageOffsets(dst []byte, queues []PopQueue) []byte {
	for i := range queues {
		q := &queues[i]
		dst = appendInfoQueue(dst, q, "")
		for j, offset := range q.Offsets {
			if j > 0 {
				dst = append(dst, ',')
			}
			dst = strconv.AppendInt(dst, offset, 10)
		}
	}
	return dst
}

// appendOrderCounts writes orderCountInfo: the messages that were delivered before, and
// then the least of each queue.
func appendOrderCounts(dst []byte, queues []PopQueue) []byte {
	for i := range queues {
		q := &queues[i]
		if len(q.OrderCounts) == 0 {
			continue
		}
		least := q.OrderCounts[0]
		for j, count := range q.OrderCounts {
			least = min(least, count)
			if count > 0 {
				dst = appendInfoQueue(dst, q, offsetOf)
				dst[len(dst)-1] = inQueue // instead of the space
				dst = strconv.AppendInt(dst, q.Offsets[j], 10)
				dst = strconv.AppendInt(append(dst, partEnd), int64(count), 10)
			}
		}
		dst = strconv.AppendInt(appendInfoQueue(dst, q, ""), int64(least), 10)
	}
	return dst
}

// appendInfoQueue writes the first two parts of an entry and the space after each.
func appendInfoQueue(dst []byte, q *PopQueue, prefix string) []byte {
	if len(dst) > 0 {
		dst = append(dst, infoEnd)
	}
	dst = append(dst, q.Retry.digit(), partEnd)
	dst = append(dst, prefix...)
	return append(strconv.AppendInt(dst, int64(q.QueueID), 10), partEnd)
}
