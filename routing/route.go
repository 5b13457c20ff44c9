package routing

import (
	"cmp"
	"slices"
	"strings"
)

// MessageQueue is one queue of a topic on one broker.
type MessageQueue struct {
	Topic      string
	BrokerName string
	QueueID    int32
}

// Compare orders queues by broker name, then queue id, as every client must, so
// that all see the same list. It is negative if q goes before o.
func (q MessageQueue) Compare(o MessageQueue) int {
	return cmp.Or(strings.Compare(q.BrokerName, o.BrokerName), cmp.Compare(q.QueueID, o.QueueID))
}

// Broker is a broker that has a master, the only kind that takes messages.
type Broker struct {
	Name string
	// Addr is the host:port of the master (broker id 0).
	Addr string
}

func (b Broker) compareName(o Broker) int { return strings.Compare(b.Name, o.Name) }

// findBroker looks name up in brokers, which are sorted by name.
func findBroker(brokers []Broker, name string) (at int, ok bool) {
	return slices.BinarySearchFunc(brokers, name, func(b Broker, name string) int {
		return strings.Compare(b.Name, name)
	})
}

// findUnusable is findBroker for brokers whose address cannot be dialed.
func findUnusable(list []*BrokerAddressError, name string) (at int, ok bool) {
	return slices.BinarySearchFunc(list, name, func(e *BrokerAddressError, name string) int {
		return strings.Compare(e.Broker, name)
	})
}

// Route is what a name server said about a topic at one moment. It does not
// change: a refresh makes another Route. There are two views of it, for publishers and
// for subscribers, and Err says of each whether it has queues.
type Route struct {
	topic        string
	info         *TopicInfo
	defaultTopic bool
	turns        *turns
	replicas     []Replica // sorted

	queues     []MessageQueue // to write
	listed     []MessageQueue // nil if it is the same as queues
	brokers    []Broker       // sorted
	unusable   []*BrokerAddressError
	writeFault *NoQueueError // nil if there are queues

	readable  []MessageQueue // to read; the slice of queues if it is the same
	readFault *NoQueueError  // nil if readable has some
}

// Topic returns the topic that the route was asked for, which is also the topic
// of its queues when they were borrowed from the default topic.
func (r *Route) Topic() string { return r.topic }

// Err is a *NoQueueError that says why the view has no queue; nil if it has.
func (r *Route) Err(v View) error {
	fault := r.writeFault
	if v == Reading {
		fault = r.readFault
	}
	if fault == nil {
		return nil // not as an error that has a type
	}
	return fault
}

// Info returns all that the name server said, before any rule of a view. Of a route
// that is FromDefaultTopic it tells of the default topic. It is shared: do not modify
// it.
func (r *Route) Info() *TopicInfo { return r.info }

// WriteQueues returns the queues to publish to, sorted by broker name, then queue id.
// Those of an order topic (orderTopicConf in the route) have the order of its
// configuration instead, and may be there more than once: it is the same list as
// in the Java client (MQClientInstance.topicRouteData2TopicPublishInfo, 5.5.0).
// The slice is shared: do not modify it.
func (r *Route) WriteQueues() []MessageQueue { return r.queues }

// ReadQueues returns the queues to read, sorted by broker name, then queue id: all of
// each broker that grants the read permission, more or fewer than there are to write.
// The broker needs no master; see Replica. The configuration of an order topic does
// not count. It is the same list as in the Java client
// (MQClientInstance.topicRouteData2TopicSubscribeInfo, 5.5.0). The slice is shared: do
// not modify it.
func (r *Route) ReadQueues() []MessageQueue { return r.readable }

// Brokers returns the brokers that have a queue of the topic and a master, sorted by
// name. A queue that cannot be written to counts, too. The slice is shared: do not
// modify it.
func (r *Route) Brokers() []Broker { return r.brokers }

// Unusable returns the topic's brokers whose master has an address that nobody
// can dial, sorted by name. One that had an address in the topic's route before keeps
// that one, and is among Brokers. The others are not, and their queues are left
// out, except on an order topic. The slice is shared: do not modify it.
func (r *Route) Unusable() []*BrokerAddressError { return r.unusable }

// FromDefaultTopic reports whether the topic had no route of its own, so that
// the queues are those of the default topic. The broker that gets the first
// message creates the topic.
func (r *Route) FromDefaultTopic() bool { return r.defaultTopic }

// BrokerAddr returns the master address of the named broker.
func (r *Route) BrokerAddr(name string) (addr string, ok bool) {
	at, ok := findBroker(r.brokers, name)
	if !ok {
		return "", false
	}
	return r.brokers[at].Addr, true
}

// Turn counts how often it was called for this topic, from a random start on. The
// routes of a topic share the count, so that a refresh does not disturb a
// round robin. It is safe for concurrent use, and no two calls get the same
// number.
func (r *Route) Turn() uint64 { return r.turns.all.Add(1) }

// servedFrom reports whether one of the addresses is that of a server of the topic.
func (r *Route) servedFrom(addrs map[string]bool) bool {
	return slices.ContainsFunc(r.replicas, func(s Replica) bool { return addrs[s.Addr] })
}

// equal reports whether both say the same of a topic.
func (r *Route) equal(o *Route) bool {
	return r.sameIn(Writing, o) && r.sameIn(Reading, o) && r.info.equal(o.info)
}

// sameIn reports whether the view is the same in both. The replicas are the servers
// to read from, the brokers those to write to.
func (r *Route) sameIn(v View, o *Route) bool {
	if v == Reading {
		return slices.Equal(r.readable, o.readable) && slices.Equal(r.replicas, o.replicas)
	}
	return r.defaultTopic == o.defaultTopic && slices.Equal(r.queues, o.queues) && slices.Equal(r.listed, o.listed) && slices.Equal(r.brokers, o.brokers) &&
		slices.EqualFunc(r.unusable, o.unusable, func(a, b *BrokerAddressError) bool { return a.Broker == b.Broker && a.Addr == b.Addr })
}
