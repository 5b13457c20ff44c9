package routing

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

const (
	// maxQueues is the most queues a route may have. Nothing in RocketMQ bounds
	// the count; this is beyond any topic in use and keeps a broken answer from
	// claiming gigabytes.
	maxQueues = 1 << 16
	// maxBodySize bounds the body of an answer before it is decoded, since
	// decoding takes many times its size. A broker needs about 200 bytes.
	maxBodySize = 4 << 20

	// Bits of a topic's permission (PermName of 5.5.0).
	permInherit = 1
	permWrite   = 2

	masterID = 0
)

// routeData is the body of the answer to GET_ROUTEINFO_BY_TOPIC (TopicRouteData
// of 5.5.0), as far as a producer needs it.
type routeData struct {
	OrderTopicConf            string                     `json:"orderTopicConf"`
	QueueDatas                []queueData                `json:"queueDatas"`
	BrokerDatas               []brokerData               `json:"brokerDatas"`
	TopicQueueMappingByBroker map[string]json.RawMessage `json:"topicQueueMappingByBroker"`
}

type queueData struct {
	BrokerName     string `json:"brokerName"`
	WriteQueueNums int32  `json:"writeQueueNums"`
	Perm           int32  `json:"perm"`
}

func (q queueData) grants(perm int32) bool { return q.Perm&perm == perm }

type brokerData struct {
	BrokerName  string           `json:"brokerName"`
	BrokerAddrs map[int64]string `json:"brokerAddrs"`
}

// ParseRoute makes the Route of a topic from the body of a name server's answer,
// with numeric member names quoted or bare. It keeps nothing of body. The error
// is a *NoQueueError, a *StaticTopicError, or one that wraps
// headers.ErrMalformed and says where body is wrong.
func ParseRoute(topic string, body []byte) (*Route, error) {
	data, err := parseRouteData(topic, body)
	if err != nil {
		return nil, err
	}
	return data.route(topic)
}

func parseRouteData(topic string, body []byte) (*routeData, error) {
	var data routeData
	if err := decode(body, &data); err != nil {
		return nil, malformed(topic, err)
	}
	if data.QueueDatas == nil || data.BrokerDatas == nil {
		return nil, malformed(topic, errors.New("queueDatas or brokerDatas is missing"))
	}
	if err := data.check(); err != nil {
		return nil, malformed(topic, err)
	}
	return &data, nil
}

func malformed(topic string, err error) error {
	return fmt.Errorf("routing: route of topic %q: %w: %w", topic, headers.ErrMalformed, err)
}

// check verifies what decoding does not: names and counts.
func (d *routeData) check() error {
	total := int64(0)
	for i, q := range d.QueueDatas {
		if q.BrokerName == "" {
			return fmt.Errorf("queueDatas[%d] has no brokerName", i)
		}
		if q.WriteQueueNums < 0 {
			return fmt.Errorf("queueDatas[%d]: writeQueueNums is %d", i, q.WriteQueueNums)
		}
		if q.grants(permWrite) {
			total += int64(q.WriteQueueNums)
		}
	}
	if total > maxQueues {
		return fmt.Errorf("%d queues, want at most %d", total, maxQueues)
	}
	for i, b := range d.BrokerDatas {
		if b.BrokerName == "" {
			return fmt.Errorf("brokerDatas[%d] has no brokerName", i)
		}
	}
	return nil
}

// route applies the rules for publishing of
// MQClientInstance.topicRouteData2TopicPublishInfo of 5.5.0.
func (d *routeData) route(topic string) (*Route, error) {
	r, err := d.publishing(topic)
	if err == nil {
		r.list(d, permWrite, maxQueues)
	}
	return r, err
}

func (d *routeData) publishing(topic string) (*Route, error) {
	if len(d.TopicQueueMappingByBroker) > 0 {
		return nil, &StaticTopicError{Topic: topic}
	}
	masters := d.masters()
	if d.OrderTopicConf != "" {
		queues, err := orderedQueues(topic, d.OrderTopicConf)
		if err != nil {
			return nil, malformed(topic, err)
		}
		return newRoute(topic, queues, masters, NoWriteQueues)
	}
	queues, reason := d.queues(topic, masters, permWrite, maxQueues)
	return newRoute(topic, sorted(queues), masters, reason)
}

// borrow makes a route for topic out of the default topic's, with at most most
// queues per broker. Java looks at the write permission only; the broker that
// creates the topic insists on the inherit permission too
// (TopicConfigManager.createTopicInSendMessageMethod of 5.5.0), so that a broker
// without it would refuse the message.
func (d *routeData) borrow(topic, defaultTopic string, most int32) (*Route, error) {
	if len(d.TopicQueueMappingByBroker) > 0 {
		return nil, &StaticTopicError{Topic: defaultTopic}
	}
	masters := d.masters()
	queues, reason := d.queues(topic, masters, permWrite|permInherit, most)
	r, err := newRoute(topic, sorted(queues), masters, reason)
	if err != nil {
		return nil, &NoQueueError{Topic: defaultTopic, Reason: reason, Unusable: masters.unusable}
	}
	r.defaultTopic = true
	r.list(d, permWrite|permInherit, most)
	return r, nil
}

// masters are the brokers of a route that have a master.
type masters struct {
	usable []Broker // each once, sorted by name
	// unusable have an address that nobody can dial. No broker is in both.
	unusable []*BrokerAddressError
}

// masters sorts the brokers by name. Of a broker that is named twice the first
// entry counts.
func (d *routeData) masters() masters {
	brokers := make([]Broker, 0, len(d.BrokerDatas))
	for _, b := range d.BrokerDatas {
		if addr, ok := b.BrokerAddrs[masterID]; ok {
			brokers = append(brokers, Broker{Name: b.BrokerName, Addr: addr})
		}
	}
	slices.SortStableFunc(brokers, Broker.compareName)
	brokers = slices.CompactFunc(brokers, func(a, b Broker) bool { return a.Name == b.Name })
	var m masters
	m.usable = slices.DeleteFunc(brokers, func(b Broker) bool {
		err := checkAddr(b.Addr)
		if err != nil {
			m.unusable = append(m.unusable, &BrokerAddressError{Broker: b.Name, Addr: b.Addr, Err: err})
		}
		return err != nil
	})
	return m
}

func (m masters) isUnusable(broker string) bool {
	return slices.ContainsFunc(m.unusable, func(e *BrokerAddressError) bool { return e.Broker == broker })
}

// queues lists the queues of the brokers that grant perm and have a master, at
// most most of each. The reason counts when there is none; NoMaster goes before
// the others because it may pass by itself, BadMasterAddress before those that a
// look at the topic explains.
func (d *routeData) queues(topic string, m masters, perm, most int32) (queues []MessageQueue, reason NoQueueReason) {
	reason = NoWritePermission
	for _, q := range d.QueueDatas {
		at, hasMaster := findBroker(m.usable, q.BrokerName)
		switch {
		case !q.grants(permWrite):
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
	for part := range strings.SplitSeq(conf, ";") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		broker, count, ok := strings.Cut(part, ":")
		n, err := strconv.ParseUint(count, 10, 31)
		if !ok || broker == "" || err != nil {
			return nil, fmt.Errorf("orderTopicConf has %q, want broker:count", part)
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

// sorted puts queues into the order that all clients see them in.
func sorted(queues []MessageQueue) []MessageQueue {
	slices.SortFunc(queues, MessageQueue.Compare)
	return slices.Compact(queues)
}

func newRoute(topic string, queues []MessageQueue, m masters, reason NoQueueReason) (*Route, error) {
	if len(queues) == 0 {
		return nil, &NoQueueError{Topic: topic, Reason: reason, Unusable: m.unusable}
	}
	return &Route{topic: topic, queues: queues, brokers: m.usable, unusable: m.unusable, turns: newTurns()}, nil
}
