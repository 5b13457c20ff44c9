package routing

import (
	"slices"
	"strings"
)

// known are the routes of a topic so far, by view; nil where there is none.
type known [views]*Route

// addr returns the address that a broker's server had.
func (k known) addr(broker string, id int64) (string, bool) {
	for _, r := range k {
		if r == nil {
			continue
		}
		if at, ok := findReplica(r.replicas, broker, id); ok {
			return r.replicas[at].Addr, true
		}
	}
	return "", false
}

// route makes the Route of a topic. The error is a *StaticTopicError or one that wraps
// headers.ErrMalformed: what one view lacks is for Route.Err to say.
func (d *routeData) route(topic string, old known) (*Route, error) {
	if len(d.TopicQueueMappingByBroker) > 0 {
		return nil, &StaticTopicError{Topic: topic}
	}
	var ordered []MessageQueue
	if d.OrderTopicConf != "" {
		var err error
		if ordered, err = orderedQueues(topic, d.OrderTopicConf); err != nil {
			return nil, malformed(topic, err)
		}
	}
	r := d.newRoute(topic)
	masters := r.place(d, ordered, old)
	r.write(d, ordered, masters)
	r.read(d)
	return r, nil
}

// borrow makes a route for topic out of the default topic's, to write only. The error
// is a *StaticTopicError or a *NoQueueError.
func (d *routeData) borrow(topic, defaultTopic string, most int32, old known) (*Route, error) {
	if len(d.TopicQueueMappingByBroker) > 0 {
		return nil, &StaticTopicError{Topic: defaultTopic}
	}
	r := d.newRoute(topic)
	r.defaultTopic = true
	r.writeBorrowed(d, most, r.place(d, nil, old))
	if none := r.writeFault; none != nil {
		none.Topic = defaultTopic
		return nil, none
	}
	r.readFault = noOwnRoute(topic)
	return r, nil
}

func (d *routeData) newRoute(topic string) *Route {
	return &Route{topic: topic, info: d.info(), turns: newTurns()}
}

// place sets the replicas of the brokers that have a queue of the topic, those of
// ordered included, and returns their masters. Of what is named twice the first counts.
func (r *Route) place(d *routeData, ordered []MessageQueue, old known) masters {
	serving := make(map[string]bool, len(d.QueueDatas))
	for _, q := range d.QueueDatas {
		serving[q.BrokerName] = true
	}
	for _, q := range ordered {
		serving[q.BrokerName] = true
	}
	var all []Replica
	for _, b := range d.BrokerDatas {
		if !serving[b.BrokerName] {
			continue
		}
		for id, addr := range b.BrokerAddrs {
			all = append(all, Replica{BrokerName: b.BrokerName, ID: id, Addr: addr})
		}
	}
	slices.SortStableFunc(all, Replica.compare)
	all = slices.CompactFunc(all, Replica.is)
	var m masters
	r.replicas = all[:0]
	for _, one := range all {
		if err := checkAddr(one.Addr); err != nil {
			if one.IsMaster() {
				m.unusable = append(m.unusable, &BrokerAddressError{Broker: one.BrokerName, Addr: one.Addr, Err: err})
			}
			before, ok := old.addr(one.BrokerName, one.ID)
			if !ok {
				continue
			}
			one.Addr = before
		}
		r.replicas = append(r.replicas, one)
		if one.IsMaster() {
			m.usable = append(m.usable, Broker{Name: one.BrokerName, Addr: one.Addr})
		}
	}
	return m
}

// sorted returns the queues in the order that all clients see them in.
func sorted(queues []MessageQueue) []MessageQueue {
	queues = slices.Clone(queues)
	slices.SortFunc(queues, MessageQueue.Compare)
	return slices.Compact(queues)
}

// info is all that the answer says.
func (d *routeData) info() *TopicInfo {
	info := &TopicInfo{
		Queues:    make([]TopicQueues, len(d.QueueDatas)),
		Brokers:   brokerInfos(d.BrokerDatas),
		OrderConf: d.OrderTopicConf,
		Static:    len(d.TopicQueueMappingByBroker) > 0,
	}
	for i, q := range d.QueueDatas {
		info.Queues[i] = TopicQueues{BrokerName: q.BrokerName, Read: q.ReadQueueNums, Write: q.WriteQueueNums, Perm: q.Perm}
	}
	slices.SortStableFunc(info.Queues, func(a, b TopicQueues) int { return strings.Compare(a.BrokerName, b.BrokerName) })
	return info
}
