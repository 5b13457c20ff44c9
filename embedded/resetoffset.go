package embedded

import (
	"fmt"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/offsets"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/queues"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

// versionServerReset is the first version that resets offsets without its clients
// (useServerSideResetOffset).
const versionServerReset = headers.Version5_2_0

// resetOffset answers INVOKE_BROKER_TO_RESET_OFFSET. From 5.2.0 on the broker notes the
// new offsets, and the next pull or pop of each queue begins there
// (AdminBrokerProcessor.resetOffsetInner of 5.5.0). Before, it tells the members of the
// group (Broker2Client.resetOffset of 4.9.7).
func (b *Broker) resetOffset(rq *request) answer {
	h, err := headers.ParseResetOffset(&rq.cmd)
	if err != nil {
		return refuse(headers.SystemError, err.Error())
	}
	server := b.cluster.cfg.version >= versionServerReset
	b.mu.Lock()
	out, a := b.resetPlaces(&h, server)
	var members []*conn
	if a.code == headers.Success && !server {
		members = b.groups.Connections(h.ConsumerGroup)
	}
	b.mu.Unlock()
	switch {
	case a.code != headers.Success:
		return a
	case server:
		return answer{body: out.Encode()}
	case len(members) == 0:
		return refuse(headers.ConsumerNotOnline, fmt.Sprintf("Consumer not online, so can not reset offset, Group: %s Topic: %s Timestamp: %d",
			h.ConsumerGroup, h.Topic, h.Timestamp))
	}
	push := h
	push.Push = true
	for _, c := range members {
		c.Push(&push, out.Encode())
	}
	return answer{body: out.Encode()}
}

// resetPlaces finds where the group is to be in each queue, and with note has the broker
// note it. The caller holds b.mu.
func (b *Broker) resetPlaces(h *headers.ResetOffset, note bool) (out headers.ResetOffsetData, refusal answer) {
	t := b.topics[h.Topic]
	_, known := b.configs[h.ConsumerGroup]
	switch {
	case t == nil && note:
		return out, refuse(headers.TopicNotExist, "Topic "+h.Topic+" does not exist")
	case t == nil:
		return out, refuse(headers.SystemError, "[reset-offset] reset offset failed, no topic in this broker. topic="+h.Topic)
	case !known && note:
		return out, refuse(headers.SubscriptionGroupNotExist, "Group "+h.ConsumerGroup+" does not exist")
	}
	first, count := int32(0), int32(min(t.read, maxStatsQueues))
	if note && h.QueueID >= 0 {
		first, count = h.QueueID, 1
	}
	for i := range count {
		id := first + i
		q := offsets.Queue{Group: h.ConsumerGroup, Topic: h.Topic, ID: id}
		queue := t.look(id)
		offset := queue.Next()
		switch {
		case note && h.QueueID >= 0 && h.HasOffset && h.Offset != -1:
			if offset = h.Offset; offset < queue.First || offset > queue.Next()+1 {
				return out, refuse(headers.SystemError, fmt.Sprintf("Target offset %d not in consume queue range [%d-%d]", offset, queue.First, queue.Next()))
			}
		case h.Timestamp >= 0:
			offset = queue.Search(h.Timestamp, false, b.cluster.behaviour.Five)
		}
		if !note {
			at, ok := b.offsets.Get(q)
			if !ok {
				return out, refuse(headers.SystemError, "THe consumer group <"+h.ConsumerGroup+"> not exist")
			}
			if !h.Force {
				offset = min(offset, at)
			}
		} else if !b.offsets.Reset(q, offset) {
			return out, full("offsets")
		}
		out.Offsets = append(out.Offsets, headers.QueueOffset{MessageQueue: headers.MessageQueue{BrokerName: b.name, QueueID: id, Topic: h.Topic}, Offset: offset})
	}
	return out, answer{}
}

// wasReset is the answer to a pull of a group that was reset and does not know it yet
// (PullMessageProcessor of 5.5.0, OFFSET_RESET).
func (b *Broker) wasReset(q offsets.Queue, five bool) (answer, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	offset, ok := b.offsets.TakeReset(q)
	if !ok {
		return answer{}, false
	}
	queue := b.topics[q.Topic].look(q.ID)
	r := queues.Reading{Code: headers.PullOffsetMoved, Status: "OFFSET_RESET", Next: offset, Min: queue.First, Max: queue.Next()}
	return pullAnswer(&r, five), true
}
