package embedded

import (
	"cmp"
	"slices"
	"strings"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/groups"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

// topicGroup is a group that reads a topic.
type topicGroup struct{ topic, group string }

// queryAssignment answers QUERY_ASSIGNMENT (QueryAssignmentProcessor of 5.5.0).
func (b *Broker) queryAssignment(rq *request) answer {
	in, err := headers.ParseQueryAssignmentData(rq.cmd.Body)
	if err != nil {
		return refuse(headers.SystemError, err.Error())
	}
	queues := b.cluster.readableQueues(in.Topic)
	b.mu.Lock()
	mode := b.modes[topicGroup{in.Topic, in.ConsumerGroup}]
	members := b.groups.Members(in.ConsumerGroup)
	b.mu.Unlock()
	out, known := groups.Assign(&in, queues, members, mode)
	if !known {
		return answer{body: []byte("{}")} // no answer to go by
	}
	return encoded(out.Encode())
}

// readableQueues are the queues of a topic, as routes show them, in Java's order.
func (c *Cluster) readableQueues(topic string) []headers.MessageQueue {
	var list []headers.MessageQueue
	for _, b := range c.brokers {
		r, ok := b.route(topic)
		if !ok || r.Perm&headers.PermRead == 0 {
			continue
		}
		for id := range int32(min(r.Read, maxStatsQueues)) {
			list = append(list, headers.MessageQueue{BrokerName: b.name, QueueID: id, Topic: topic})
		}
	}
	slices.SortFunc(list, func(x, y headers.MessageQueue) int {
		return cmp.Or(strings.Compare(x.BrokerName, y.BrokerName), cmp.Compare(x.QueueID, y.QueueID))
	})
	return list
}

// setRequestMode answers SET_MESSAGE_REQUEST_MODE.
func (b *Broker) setRequestMode(rq *request) answer {
	in, err := headers.ParseSetMessageRequestModeData(rq.cmd.Body)
	if err != nil {
		return refuse(headers.SystemError, err.Error())
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	key := topicGroup{in.Topic, in.ConsumerGroup}
	checks := b.cluster.cfg.version >= headers.Version5_3_3
	_, known := b.groupConfig(in.ConsumerGroup)
	switch {
	case strings.HasPrefix(in.Topic, headers.RetryTopicPrefix):
		return refuse(headers.NoPermission, "retry topic is not allowed to set mode")
	case checks && b.topics[in.Topic] == nil:
		return refuse(headers.TopicNotExist, "topic["+in.Topic+"] not exist")
	case checks && !known:
		return refuse(headers.SubscriptionGroupNotExist, "subscription group does not exist")
	case !hasRoom(b.modes, key):
		return full("request modes")
	}
	b.modes[key] = in
	return answer{}
}
