package pull

import (
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/receive"
	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber/internal/delivery"
)

// AnswerError means that a broker's answer to a pull cannot be: what it says contradicts
// itself, or the question. Nothing of it is used.
type AnswerError struct {
	Queue  routing.MessageQueue
	Offset int64 // that was asked for
	Err    error // wraps headers.ErrMalformed
}

// Error names the queue and what is wrong.
func (e *AnswerError) Error() string {
	return fmt.Sprintf("answer to a pull of queue %s/%s/%d at offset %d: %v", e.Queue.Topic, e.Queue.BrokerName, e.Queue.QueueID, e.Offset, e.Err)
}

// Unwrap returns the cause.
func (e *AnswerError) Unwrap() error { return e.Err }

// answer is what a broker has said to a pull.
type answer struct {
	code   headers.ResponseCode
	result headers.PullResult
	// messages are those that pass the filter, by offset.
	messages []*delivery.Message
}

// parseAnswer reads the answer to a pull at an offset. An answer without offsets, by which
// brokers refuse a pull, is a *headers.StatusError, one that cannot be an *AnswerError.
// Messages alias the answer's body.
func parseAnswer(cmd *headers.Command, q routing.MessageQueue, offset int64, filter *headers.SubscriptionData) (answer, error) {
	a := answer{code: headers.ResponseCode(cmd.Code)}
	switch a.code {
	case headers.Success, headers.PullNotFound, headers.PullRetryImmediately, headers.PullOffsetMoved:
	default:
		return a, cmd.Err()
	}
	var err error
	if a.result, err = headers.ParsePullResult(cmd); err == nil {
		if a.code == headers.Success {
			err = a.parseMessages(cmd.Body, q, offset, filter)
		} else {
			err = a.check(offset)
		}
	}
	if err != nil {
		return answer{}, &AnswerError{Queue: q, Offset: offset, Err: err}
	}
	return a, nil
}

// maxScan is how many entries of a queue a broker looks at for one answer
// (DefaultMessageStore.getMessage of 4.9.7: 16,000 bytes of 20 each).
const maxScan = 800

// end is the last offset up to which an answer may take a queue. Brokers before 5.0 look at
// the end of the queue first, and then at messages that may have come since.
func (a *answer) end(offset int64) int64 { return max(a.result.MaxOffset, offset+maxScan) }

// check looks at the offsets of an answer without messages.
func (a *answer) check(offset int64) error {
	next := a.result.NextOffset
	switch {
	case a.code == headers.PullOffsetMoved && next >= 0 && next <= max(a.result.MaxOffset, 0):
	case a.code != headers.PullOffsetMoved && next == offset:
	case a.code == headers.PullRetryImmediately && next > offset && next <= a.end(offset):
	case a.code == headers.PullNotFound && next > offset && next <= a.result.MaxOffset:
	default:
		return fmt.Errorf("%w: %s with next offset %d of %d to %d", headers.ErrMalformed, a.code, next, a.result.MinOffset, a.result.MaxOffset)
	}
	return nil
}

func (a *answer) parseMessages(body []byte, q routing.MessageQueue, offset int64, filter *headers.SubscriptionData) error {
	block := make([]delivery.Message, countStored(body))
	a.messages = make([]*delivery.Message, 0, len(block))
	lowest := offset
	for n := 0; len(body) > 0; n++ {
		if n == len(block) {
			block, n = make([]delivery.Message, 1), 0 // countStored has found an end too early
		}
		m := &block[n]
		var err error
		if m.Message, body, err = receive.ParseFrom(q.Topic, body); err != nil {
			return err
		}
		at := m.Stored.QueueOffset
		if m.Stored.QueueID != q.QueueID || at < lowest {
			return fmt.Errorf("%w: message of queue %d with offset %d, want at least %d", headers.ErrMalformed, m.Stored.QueueID, at, lowest)
		}
		lowest = at + 1
		m.Broker = q.BrokerName
		m.Deliveries = int(max(m.Stored.ReconsumeTimes, 0)) + 1
		if passes(m, filter) {
			a.messages = append(a.messages, m)
		}
	}
	if next := a.result.NextOffset; lowest == offset || next < lowest || next > a.end(lowest) {
		return fmt.Errorf("%w: messages before offset %d, and next offset %d of %d to %d",
			headers.ErrMalformed, lowest, next, a.result.MinOffset, a.result.MaxOffset)
	}
	return nil
}

// countStored returns the number of stored messages, as far as their sizes make sense.
func countStored(body []byte) (n int) {
	for len(body) >= 4 {
		size := int64(int32(binary.BigEndian.Uint32(body)))
		if size < 8 || size > int64(len(body)) {
			return n
		}
		body = body[size:]
		n++
	}
	return n
}

// passes reports whether a message has one of the tags that are wanted. The broker has
// only compared their hash codes.
func passes(m *delivery.Message, filter *headers.SubscriptionData) bool {
	return len(filter.Tags) == 0 || slices.Contains(filter.Tags, m.Property(headers.PropertyTags))
}
