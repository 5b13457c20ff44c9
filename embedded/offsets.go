package embedded

import (
	"sort"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

// groupQueue names a queue of this broker from a group's point of view.
type groupQueue struct {
	group string
	topic string
	queue int32
}

// offsetAnswer is a success that says an offset.
func offsetAnswer(offset int64) answer { return numberAnswer("offset", offset) }

func numberAnswer(name string, value int64) answer {
	return answer{fields: numberField{name, value}}
}

// numberField is a header of one number.
type numberField struct {
	name  string
	value int64
}

// AppendFields appends the number.
func (f numberField) AppendFields(dst []byte, s headers.Serialization) []byte {
	return headers.AppendIntField(dst, s, f.name, f.value)
}

// queryConsumerOffset answers QUERY_CONSUMER_OFFSET (ConsumerManageProcessor). A
// group without an offset gets 0 while the queue's first message is still there:
// it is a young queue. After that there is no answer but QUERY_NOT_FOUND.
func (b *Broker) queryConsumerOffset(rq *request) answer {
	h, err := headers.ParseQueueRequest(&rq.cmd)
	if err != nil {
		return refuse(headers.SystemError, err.Error())
	}
	five := b.cluster.behaviour.five
	b.mu.Lock()
	defer b.mu.Unlock()
	if offset, ok := b.offsets[groupQueue{h.ConsumerGroup, h.Topic, h.QueueID}]; ok {
		return offsetAnswer(offset)
	}
	t := b.topics[h.Topic]
	switch {
	case five && h.KeepUnset:
		return refuse(headers.QueryNotFound, "Not found, do not set to zero, maybe this group boot first")
	case five && t == nil, t != nil && t.queue(h.QueueID).first > 0:
		return refuse(headers.QueryNotFound, "Not found, V3_0_6_SNAPSHOT maybe this group consumer boot first")
	}
	return offsetAnswer(0)
}

// updateConsumerOffset answers UPDATE_CONSUMER_OFFSET. Any value is stored.
func (b *Broker) updateConsumerOffset(rq *request) answer {
	h, err := headers.ParseUpdateConsumerOffset(&rq.cmd)
	if err != nil {
		return refuse(headers.SystemError, err.Error())
	}
	if b.cluster.behaviour.five && !b.hasTopic(h.Topic) {
		return refuse(headers.TopicNotExist, "Topic "+h.Topic+" not exist!")
	}
	b.commitOffset(groupQueue{h.ConsumerGroup, h.Topic, h.QueueID}, h.CommitOffset)
	return answer{}
}

func (b *Broker) hasTopic(name string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.topics[name] != nil
}

func (b *Broker) commitOffset(key groupQueue, offset int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.offsets[key] = offset
}

// ConsumerOffset returns the offset that a group has committed for a queue of
// this broker.
func (b *Broker) ConsumerOffset(group, topic string, queueID int32) (offset int64, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	offset, ok = b.offsets[groupQueue{group, topic, queueID}]
	return offset, ok
}

// queueNumber answers the requests for one number of a queue. An unknown topic
// or queue has offset 0 and no error, as in RocketMQ.
func (b *Broker) queueNumber(rq *request) answer {
	h, err := headers.ParseQueueRequest(&rq.cmd)
	if err != nil {
		return refuse(headers.SystemError, err.Error())
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	q := &queue{}
	if t := b.topics[h.Topic]; t != nil && t.queues[h.QueueID] != nil {
		q = t.queues[h.QueueID]
	}
	switch h.Code {
	case headers.CodeMaxOffset:
		return offsetAnswer(q.next())
	case headers.CodeMinOffset:
		return offsetAnswer(q.first)
	case headers.CodeEarliestStoreTime:
		if len(q.records) == 0 {
			return numberAnswer("timestamp", -1)
		}
		return numberAnswer("timestamp", q.records[0].storeTime)
	default:
		return offsetAnswer(q.search(h.Timestamp, h.Boundary == "UPPER", b.cluster.behaviour.five))
	}
}

// search finds the offset for a store time: of the first message at or after it,
// or with upper of the last one at or before it. Past the last message 5.x gives
// the maximum offset and 4.9 the one before (ConsumeQueue.getOffsetInQueueByTime).
func (q *queue) search(millis int64, upper, five bool) int64 {
	n := len(q.records)
	if n == 0 {
		return q.first
	}
	if upper {
		after := sort.Search(n, func(i int) bool { return q.records[i].storeTime > millis })
		switch {
		case after == n && millis > q.records[n-1].storeTime:
			return q.next()
		case after == 0:
			return q.first
		}
		return q.first + int64(after) - 1
	}
	at := sort.Search(n, func(i int) bool { return q.records[i].storeTime >= millis })
	if at == n && !five {
		at = n - 1
	}
	return q.first + int64(at)
}
