package embedded

import (
	"time"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/fields"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/offsets"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

// saveEvery is how often brokers write offsets to disk (flushConsumerOffsetInterval).
const saveEvery = 5 * time.Second

// offsetRound counts how often offsets were written to disk.
func (c *Cluster) offsetRound() int64 { return int64(c.timers.Now().Sub(c.started) / saveEvery) }

// lastSave is when offsets were written to disk last.
func (c *Cluster) lastSave() int64 {
	return c.started.Add(time.Duration(c.offsetRound()) * saveEvery).UnixMilli()
}

// offsetAnswer is a success that says an offset.
func offsetAnswer(offset int64) answer { return numberAnswer("offset", offset) }

func numberAnswer(name string, value int64) answer {
	return answer{fields: fields.Number{Name: name, Value: value}}
}

// queryConsumerOffset answers QUERY_CONSUMER_OFFSET (ConsumerManageProcessor). A
// group without an offset gets 0 while the queue's first message is still there:
// it is a young queue. After that there is no answer but QUERY_NOT_FOUND.
func (b *Broker) queryConsumerOffset(rq *request) answer {
	h, err := headers.ParseQueueRequest(&rq.cmd)
	if err != nil {
		return refuse(headers.SystemError, err.Error())
	}
	five := b.cluster.behaviour.Five
	b.mu.Lock()
	defer b.mu.Unlock()
	if offset, ok := b.offsets.Get(offsets.Queue{Group: h.ConsumerGroup, Topic: h.Topic, ID: h.QueueID}); ok {
		return offsetAnswer(offset)
	}
	t := b.topics[h.Topic]
	switch {
	case five && h.KeepUnset:
		return refuse(headers.QueryNotFound, "Not found, do not set to zero, maybe this group boot first")
	case five && t == nil, t != nil && t.look(h.QueueID).First > 0:
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
	q := offsets.Queue{Group: h.ConsumerGroup, Topic: h.Topic, ID: h.QueueID}
	b.mu.Lock()
	defer b.mu.Unlock()
	_, known := b.configs[q.Group]
	switch {
	case b.cluster.cfg.version >= headers.Version5_3_0 && !known:
		return refuse(headers.SubscriptionGroupNotExist, "Group "+q.Group+" not exist!")
	case b.cluster.behaviour.Five && b.topics[q.Topic] == nil:
		return refuse(headers.TopicNotExist, "Topic "+q.Topic+" not exist!")
	case b.offsets.WasReset(q):
		return answer{remark: "Offset has been previously reset"}
	case !b.offsets.Commit(q, h.CommitOffset):
		return full("offsets")
	}
	return answer{}
}

func (b *Broker) hasTopic(name string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.topics[name] != nil
}

// commitOffset reports whether there was room for the offset.
func (b *Broker) commitOffset(q offsets.Queue, offset int64) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.offsets.Commit(q, offset)
}

// ConsumerOffset returns the offset that a group has committed for a queue of
// this broker.
func (b *Broker) ConsumerOffset(group, topic string, queueID int32) (offset int64, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.offsets.Get(offsets.Queue{Group: group, Topic: topic, ID: queueID})
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
	q := b.topics[h.Topic].look(h.QueueID)
	switch h.Code {
	case headers.CodeMaxOffset:
		return offsetAnswer(q.Next())
	case headers.CodeMinOffset:
		return offsetAnswer(q.First)
	case headers.CodeEarliestStoreTime:
		return numberAnswer("timestamp", q.StoreTime(q.First))
	default:
		return offsetAnswer(q.Search(h.Timestamp, h.Boundary == "UPPER", b.cluster.behaviour.Five))
	}
}
