package routing

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

// write makes the view of a publisher by the rules of
// MQClientInstance.topicRouteData2TopicPublishInfo of 5.5.0. ordered is the
// configuration of an order topic.
func (r *Route) write(d *routeData, ordered []MessageQueue, m masters) {
	listed, reason := d.queues(r.topic, m, headers.PermWrite, maxQueues)
	if d.OrderTopicConf == "" {
		r.setQueues(sorted(listed), listed, m, reason)
	} else {
		r.setQueues(ordered, listed, m, NoWriteQueues)
	}
}

// writeBorrowed makes the view of a publisher out of the default topic's route, with at
// most most queues per broker. Java looks at the write permission only; the broker that
// creates the topic insists on the inherit permission too
// (TopicConfigManager.createTopicInSendMessageMethod of 5.5.0), so that a broker
// without it would refuse the message.
func (r *Route) writeBorrowed(d *routeData, most int32, m masters) {
	listed, reason := d.queues(r.topic, m, headers.PermWrite|headers.PermInherit, most)
	r.setQueues(sorted(listed), listed, m, reason)
}

// setQueues sets the queues to write, with the order that the name server lists them
// in, or the reason why there is none.
func (r *Route) setQueues(queues, listed []MessageQueue, m masters, reason NoQueueReason) {
	r.brokers, r.unusable = m.usable, m.unusable
	if len(queues) == 0 {
		r.writeFault = &NoQueueError{Topic: r.topic, Reason: reason, Unusable: m.unusable}
		return
	}
	r.queues = queues
	r.list(listed)
}

// masters are the brokers of a route that have a master.
type masters struct {
	usable []Broker // each once, sorted by name
	// unusable have an address that nobody can dial, sorted by name. One that had a
	// better address in the route before is usable as well, with that one.
	unusable []*BrokerAddressError
}

func (m masters) isUnusable(broker string) bool {
	_, ok := findUnusable(m.unusable, broker)
	return ok
}

// queues lists the queues of the brokers that grant perm and have a master, at
// most most of each. The reason counts when there is none; NoMaster goes before
// the others because it may pass by itself, BadMasterAddress before those that a
// look at the topic explains.
func (d *routeData) queues(topic string, m masters, perm, most int32) (queues []MessageQueue, reason NoQueueReason) {
	reason = NoWritePermission
	if len(d.QueueDatas) == 0 {
		reason = NoQueuesListed
	}
	for _, q := range d.QueueDatas {
		at, hasMaster := findBroker(m.usable, q.BrokerName)
		switch {
		case !q.grants(headers.PermWrite):
		case !q.grants(perm):
			if reason == NoWritePermission {
				reason = NoInheritPermission
			}
		case !hasMaster && m.isUnusable(q.BrokerName):
			if reason != NoMaster {
				reason = BadMasterAddress
			}
		case !hasMaster:
			reason = NoMaster
		case q.WriteQueueNums == 0:
			if reason != NoMaster && reason != BadMasterAddress {
				reason = NoWriteQueues
			}
		default:
			for id := range min(q.WriteQueueNums, most) {
				queues = append(queues, MessageQueue{Topic: topic, BrokerName: m.usable[at].Name, QueueID: id})
			}
		}
	}
	return queues, reason
}

// orderedQueues reads an order topic's configuration, "brokerA:4;brokerB:4". It
// is fixed by hand, so that keys stay with their queue while a broker is down:
// whether the brokers have a master does not count. The order of the text is that
// of the queues, and what it names twice is there twice, as in the Java client:
// the hash of a key is a place in this list.
func orderedQueues(topic, conf string) ([]MessageQueue, error) {
	var queues []MessageQueue
	parts := 0
	for part := range strings.SplitSeq(conf, ";") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		if parts++; parts > maxBrokers {
			return nil, fmt.Errorf("orderTopicConf names more than %d brokers", maxBrokers)
		}
		broker, count, ok := strings.Cut(part, ":")
		n, err := strconv.ParseUint(count, 10, 31)
		if !ok || broker == "" || len(broker) > maxBrokerName || err != nil {
			return nil, fmt.Errorf("orderTopicConf has %.*q, want broker:count", maxQuoted, part)
		}
		if n > maxQueues-uint64(len(queues)) {
			return nil, fmt.Errorf("orderTopicConf has more than %d queues", maxQueues)
		}
		for id := range int32(n) {
			queues = append(queues, MessageQueue{Topic: topic, BrokerName: broker, QueueID: id})
		}
	}
	return queues, nil
}
