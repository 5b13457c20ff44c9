package routing

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

const (
	// maxQueues is the most queues a route may have. Nothing in RocketMQ bounds
	// the count; this is beyond any topic in use and keeps a broken answer from
	// claiming gigabytes.
	maxQueues = 1 << 16
	// maxBrokers is the most brokers a route or a cluster may have, and so how many
	// a name server can make a client dial. It is beyond any cluster in use.
	maxBrokers = 1 << 10
	// maxBrokerName is the longest name of a broker, in bytes: names are found in
	// errors and log lines.
	maxBrokerName = 1 << 10
	// maxAddrs is the most addresses of brokers, slaves included, that a route or a
	// cluster may have.
	maxAddrs = 4 * maxBrokers
	// maxBodySize bounds the body of an answer before it is decoded, since
	// decoding takes many times its size and its time. A broker needs about 200 bytes.
	maxBodySize = 1 << 20
)

// routeData is the body of the answer to GET_ROUTEINFO_BY_TOPIC (TopicRouteData
// of 5.5.0).
type routeData struct {
	OrderTopicConf            string                     `json:"orderTopicConf"`
	QueueDatas                []queueData                `json:"queueDatas"`
	BrokerDatas               []brokerData               `json:"brokerDatas"`
	TopicQueueMappingByBroker map[string]json.RawMessage `json:"topicQueueMappingByBroker"`
}

// queueData is QueueData of 5.5.0.
type queueData struct {
	BrokerName     string `json:"brokerName"`
	ReadQueueNums  int32  `json:"readQueueNums"`
	WriteQueueNums int32  `json:"writeQueueNums"`
	Perm           int32  `json:"perm"`
}

func (q queueData) grants(perm int32) bool { return q.Perm&perm == perm }

// brokerData is BrokerData of 5.5.0.
type brokerData struct {
	Cluster            string           `json:"cluster"`
	BrokerName         string           `json:"brokerName"`
	BrokerAddrs        map[int64]string `json:"brokerAddrs"`
	EnableActingMaster bool             `json:"enableActingMaster"`
}

// ParseRoute makes the Route of a topic from the body of a name server's answer,
// with numeric member names quoted or bare. It keeps nothing of body. The error
// is a *StaticTopicError, or one that wraps headers.ErrMalformed and says where body
// is wrong. That the topic has no queue to write, or none to read, is no error here:
// Route.Err tells it of each view.
func ParseRoute(topic string, body []byte) (*Route, error) {
	data, err := parseRouteData(topic, body)
	if err != nil {
		return nil, err
	}
	return data.route(topic, known{})
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
	if len(d.QueueDatas) > maxBrokers {
		return fmt.Errorf("%d brokers, want at most %d", len(d.QueueDatas), maxBrokers)
	}
	write, read := int64(0), int64(0)
	for i, q := range d.QueueDatas {
		if err := checkBrokerName(q.BrokerName); err != nil {
			return fmt.Errorf("queueDatas[%d] %w", i, err)
		}
		switch {
		case q.WriteQueueNums < 0:
			return fmt.Errorf("queueDatas[%d]: writeQueueNums is %d", i, q.WriteQueueNums)
		case q.ReadQueueNums < 0:
			return fmt.Errorf("queueDatas[%d]: readQueueNums is %d", i, q.ReadQueueNums)
		}
		if q.grants(headers.PermWrite) {
			write += int64(q.WriteQueueNums)
		}
		if q.grants(headers.PermRead) {
			read += int64(q.ReadQueueNums)
		}
	}
	switch {
	case write > maxQueues:
		return fmt.Errorf("%d queues, want at most %d", write, maxQueues)
	case read > maxQueues:
		return fmt.Errorf("%d queues to read, want at most %d", read, maxQueues)
	}
	return checkBrokers(d.BrokerDatas, "brokerDatas")
}

// checkBrokers verifies names and counts of the brokers in the named member.
func checkBrokers(list []brokerData, member string) error {
	if len(list) > maxBrokers {
		return fmt.Errorf("%d brokers, want at most %d", len(list), maxBrokers)
	}
	addrs := 0
	for i, b := range list {
		if err := checkBrokerName(b.BrokerName); err != nil {
			return fmt.Errorf("%s[%d] %w", member, i, err)
		}
		if len(b.Cluster) > maxBrokerName {
			return fmt.Errorf("%s[%d] has a cluster of %d bytes, want at most %d", member, i, len(b.Cluster), maxBrokerName)
		}
		addrs += len(b.BrokerAddrs)
	}
	if addrs > maxAddrs {
		return fmt.Errorf("%d addresses of brokers, want at most %d", addrs, maxAddrs)
	}
	return nil
}

func checkBrokerName(name string) error {
	switch {
	case name == "":
		return errors.New("has no brokerName")
	case len(name) > maxBrokerName:
		return fmt.Errorf("has a brokerName of %d bytes, want at most %d", len(name), maxBrokerName)
	}
	return nil
}

// isEmpty reports whether the route says that the topic is there and nowhere: name
// servers have no route of a topic that no broker has.
func (d *routeData) isEmpty() bool {
	return len(d.TopicQueueMappingByBroker) == 0 && (len(d.QueueDatas) == 0 || len(d.BrokerDatas) == 0)
}
