package store

import (
	"bytes"
	"slices"
	"strconv"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/delays"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/queues"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/store/commitlog"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/tags"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/body"
)

// OpTopic has the decisions about half messages: a message for each, or for several, whose
// body are the queue offsets of the halves (TransactionalMessageUtil.buildOpTopic). Its tag
// is OpTag.
const (
	OpTopic = "RMQ_SYS_TRANS_OP_HALF_TOPIC"
	OpTag   = "d"
)

// Contents is what a log has. The zero value is empty.
type Contents struct {
	// Queues by topic and id.
	Queues map[string]map[int32]*queues.Queue
	// LastStored is the store time of the last message, to the millisecond.
	LastStored int64

	halves  []half
	decided map[int64]struct{} // queue offsets
	// delivered are the timer messages that have been delivered, by unique id and time.
	delivered map[string]struct{}
}

// half is a half message.
type half struct {
	queueOffset, logOffset int64
	id                     string
}

// Add adds the next message of the log.
func (c *Contents) Add(r commitlog.Record) {
	m := &r.Message
	c.LastStored = max(c.LastStored, m.StoreTimestamp)
	switch m.SysFlag & headers.SysFlagTransactionMask {
	case headers.SysFlagPrepared, headers.SysFlagRollback:
		return // no queue has it
	}
	if c.Queues == nil {
		c.Queues = make(map[string]map[int32]*queues.Queue)
	}
	byID := c.Queues[m.Topic]
	if byID == nil {
		byID = make(map[int32]*queues.Queue)
		c.Queues[m.Topic] = byID
	}
	q := byID[m.QueueID]
	if q == nil {
		q = &queues.Queue{}
		byID[m.QueueID] = q
	}
	q.Restore(m.QueueOffset, queues.Unit{Offset: r.Offset, Size: int32(r.Size), TagHash: tags.HashOf(m.Properties)})
	switch m.Topic {
	case headers.HalfTopic:
		c.halves = append(c.halves, half{m.QueueOffset, r.Offset, property(m.Properties, headers.PropertyUniqueKey)})
	case OpTopic:
		c.decide(m)
	case headers.TimerTopic:
	default:
		if id, ok := timerID(m); ok && property(m.Properties, delays.PropertyDequeued) != "" {
			if c.delivered == nil {
				c.delivered = make(map[string]struct{})
			}
			c.delivered[id] = struct{}{}
		}
	}
}

// QueueCount is how many queues a topic needs for all of its messages.
func (c *Contents) QueueCount(topic string) int {
	n := 0
	for id := range c.Queues[topic] {
		n = max(n, int(id)+1)
	}
	return n
}

// decide notes the half messages that a message of OpTopic names: one in 4.9, and several,
// each with a comma behind it, in 5.x.
func (c *Contents) decide(m *body.StoredMessage) {
	if c.decided == nil {
		c.decided = make(map[int64]struct{})
	}
	for number := range bytes.SplitSeq(m.Body, []byte(",")) {
		if offset, err := strconv.ParseInt(string(number), 10, 64); err == nil {
			c.decided[offset] = struct{}{}
		}
	}
}

// OpenHalves returns where in the log the half messages are that nobody has decided, the
// oldest first. Those below from, a queue offset, were dealt with. Each check writes a half
// message anew, so the last one of an id counts.
func (c *Contents) OpenHalves(from int64) []int64 {
	last := make(map[string]int64)
	for _, h := range c.halves {
		last[h.id] = h.queueOffset
	}
	var open []int64
	for _, h := range c.halves {
		_, decided := c.decided[h.queueOffset]
		if !decided && h.queueOffset >= from && (h.id == "" || last[h.id] == h.queueOffset) {
			open = append(open, h.logOffset)
		}
	}
	slices.Sort(open)
	return open
}

// Delivered reports whether a message that waits for its time has been delivered.
func (c *Contents) Delivered(m *body.StoredMessage) bool {
	id, ok := timerID(m)
	if !ok {
		return false
	}
	_, delivered := c.delivered[id]
	return delivered
}

// timerID names a timer message, also when it has been delivered.
func timerID(m *body.StoredMessage) (string, bool) {
	id, out := property(m.Properties, headers.PropertyUniqueKey), property(m.Properties, delays.PropertyOut)
	return id + "@" + out, id != "" && out != ""
}

func property(properties []byte, name string) string {
	for n, value := range headers.Properties(properties) {
		if string(n) == name {
			return string(value)
		}
	}
	return ""
}
