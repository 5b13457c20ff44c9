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

// Route is what a name server said about a topic at one moment. It does not
// change: a refresh makes another Route. It always has at least one queue.
type Route struct {
	topic        string
	queues       []MessageQueue
	listed       []MessageQueue // nil if it is the same as queues
	brokers      []Broker
	unusable     []*BrokerAddressError
	defaultTopic bool
	turns        *turns
}

// Topic returns the topic that the route was asked for, which is also the topic
// of its queues when they were borrowed from the default topic.
func (r *Route) Topic() string { return r.topic }

// Queues returns the queues to publish to, sorted by broker name, then queue id.
// Those of an order topic (orderTopicConf in the route) have the order of its
// configuration instead, and may be there more than once: it is the same list as
// in the Java client (MQClientInstance.topicRouteData2TopicPublishInfo, 5.5.0).
// The slice is shared: do not modify it.
func (r *Route) Queues() []MessageQueue { return r.queues }

// Brokers returns the topic's brokers that have a master, sorted by name. The
// slice is shared: do not modify it.
func (r *Route) Brokers() []Broker { return r.brokers }

// Unusable returns the topic's brokers whose master has an address that nobody
// can dial, sorted by name. They are not among Brokers, and their queues are left
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

func (r *Route) servedFrom(addr string) bool {
	return slices.ContainsFunc(r.brokers, func(b Broker) bool { return b.Addr == addr })
}

func (r *Route) equal(o *Route) bool {
	return r.defaultTopic == o.defaultTopic && slices.Equal(r.queues, o.queues) && slices.Equal(r.listed, o.listed) && slices.Equal(r.brokers, o.brokers) &&
		slices.EqualFunc(r.unusable, o.unusable, func(a, b *BrokerAddressError) bool { return a.Broker == b.Broker && a.Addr == b.Addr })
}
