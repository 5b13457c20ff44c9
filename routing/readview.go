package routing

import (
	"slices"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

// read makes the view of a subscriber by the rules of
// MQClientInstance.topicRouteData2TopicSubscribeInfo of 5.5.0: all queues that may be
// read, whether or not a server of their broker is there, so that all members of a
// consumer group divide the same list. The configuration of an order topic does not
// count.
func (r *Route) read(d *routeData) {
	var queues []MessageQueue
	reason := NoReadPermission
	if len(d.QueueDatas) == 0 {
		reason = NoQueuesListed
	}
	for _, q := range d.QueueDatas {
		switch {
		case !q.grants(headers.PermRead):
		case q.ReadQueueNums == 0:
			reason = NoReadQueues
		default:
			for id := range q.ReadQueueNums {
				queues = append(queues, MessageQueue{Topic: r.topic, BrokerName: q.BrokerName, QueueID: id})
			}
		}
	}
	if len(queues) == 0 {
		r.readFault = &NoQueueError{Topic: r.topic, View: Reading, Reason: reason}
		return
	}
	r.readable = sorted(queues)
	if slices.Equal(r.readable, r.queues) {
		r.readable = r.queues // as on most topics
	}
}

// noOwnRoute is the fault of the view of a subscriber where there is no route, or one
// that was borrowed from the default topic.
func noOwnRoute(topic string) *NoQueueError {
	return &NoQueueError{Topic: topic, View: Reading, Reason: NoOwnRoute}
}

// canBeRead reports whether a broker with a queue to read has a server that can be
// dialed.
func (r *Route) canBeRead() bool {
	return slices.ContainsFunc(r.replicas, func(s Replica) bool {
		at, _ := slices.BinarySearchFunc(r.readable, MessageQueue{BrokerName: s.BrokerName}, MessageQueue.Compare)
		return at < len(r.readable) && r.readable[at].BrokerName == s.BrokerName
	})
}
