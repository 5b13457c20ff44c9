package pop

import (
	"fmt"
	"time"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/receive"
	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber/internal/delivery"
)

// answer is what a pop has brought.
type answer struct {
	messages []*delivery.Message
	points   []*checkPoint // of queues that have some of the messages
	rest     int64         // about how many are left
	// reviveQueueID is -1 if the answer has no messages.
	reviveQueueID int32
	// filtered are messages that are none of the group's: they are acked already.
	filtered int
	// fault says what is wrong with the answer, nil if nothing is. Messages that it is
	// about are left out.
	fault error
}

// isNone reports whether a broker says that there are no messages.
func isNone(code headers.ResponseCode) bool {
	switch code {
	case headers.PollingTimeout, headers.PollingFull, headers.PullNotFound, headers.NoMessage:
		return true
	}
	return false
}

// read makes messages of the answer to a pop for at most that many messages of a queue, or
// of all queues if it is negative, that was sent at that time.
func (f *Fetcher) read(b *broker, command *headers.Command, queueID int32, most int, sent time.Time) answer {
	a := answer{reviveQueueID: -1}
	if len(command.Body) == 0 {
		if result, err := headers.ParsePopResult(command); err == nil {
			a.rest = result.RestNum
			if n := len(result.Queues); n > 0 {
				a.fault = fmt.Errorf("%w: messages of %d queues, and no body", headers.ErrMalformed, n)
			}
		}
		return a
	}
	result, err := headers.ParsePopResult(command)
	if err != nil {
		a.fault = err
		return a
	}
	a.rest, a.reviveQueueID = result.RestNum, result.ReviveQueueID
	list := f.parse(&a, command.Body, &result, most)
	places := match(result.Queues, f.names(), list)
	f.place(&a, b, &result, queueID, list, places, sent)
	return a
}

// parse reads the messages of a body. It stops at the first that is malformed, and behind
// as many as were asked for.
func (f *Fetcher) parse(a *answer, stored []byte, result *headers.PopResult, most int) []delivery.Message {
	promised := 0
	for i := range result.Queues {
		promised += len(result.Queues[i].Offsets)
	}
	list := make([]delivery.Message, 0, min(promised, most))
	for len(stored) > 0 {
		if len(list) == most {
			a.fault = fmt.Errorf("%w: more than the %d messages asked for", headers.ErrMalformed, most)
			break
		}
		m, rest, err := receive.ParseFrom(f.topic.Name, stored)
		if err != nil {
			a.fault = err
			break
		}
		list = append(list, delivery.Message{Message: m})
		stored = rest
	}
	if a.fault == nil && len(list) != promised {
		a.fault = fmt.Errorf("%w: %d messages, and offsets of %d", headers.ErrMalformed, len(list), promised)
	}
	return list
}

// place gives the messages to the check points of their queues.
func (f *Fetcher) place(a *answer, b *broker, result *headers.PopResult, queueID int32, list []delivery.Message, places []place, sent time.Time) {
	cfg := &f.e.cfg
	lease := sent.Add(cfg.Lease)
	if result.InvisibleMillis < cfg.Lease.Milliseconds() {
		lease = sent.Add(time.Duration(max(0, result.InvisibleMillis)) * time.Millisecond)
	}
	a.messages = make([]*delivery.Message, 0, len(list))
	points := make([]checkPoint, len(result.Queues))
	for i := range list {
		m, at := &list[i], places[i]
		if at.queue < 0 || queueID >= 0 && (result.Queues[at.queue].QueueID != queueID || result.Queues[at.queue].Retry != headers.RetryNone) {
			a.fault = fmt.Errorf("%w: message at %d of queue %d of topic %q, which is not where the answer says", headers.ErrMalformed,
				m.Stored.QueueOffset, m.Stored.QueueID, m.Stored.Topic)
			continue
		}
		q, c := &result.Queues[at.queue], &points[at.queue]
		if c.f == nil {
			*c = checkPoint{
				f: f, b: b, retry: q.Retry, queueID: q.QueueID, reviveQueueID: result.ReviveQueueID, startOffset: q.StartOffset,
				popTime: result.PopTime, invisibleMillis: result.InvisibleMillis, lease: lease,
			}
			if c.ordered() {
				c.done = make(chan struct{})
			}
			a.points = append(a.points, c)
		}
		c.open++
		m.Source, m.Broker, m.Lease, m.LeaseTime = c, b.name, lease, cfg.Lease
		m.Deliveries = int(m.Stored.ReconsumeTimes) + 1
		if q.OrderCounts != nil {
			m.Deliveries = int(q.OrderCounts[at.index]) + 1
		}
		a.messages = append(a.messages, m)
	}
}
