package embedded

import (
	"fmt"
	"math"
	"strings"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

// Names of topics with a meaning of their own (TopicValidator and MixAll of
// RocketMQ 5.5.0).
const (
	autoCreateTopic = "TBW102"
	halfTopic       = "RMQ_SYS_TRANS_HALF_TOPIC"
	checkMaxTopic   = "TRANS_CHECK_MAX_TIME_TOPIC"
	retryPrefix     = "%RETRY%"
	deadPrefix      = "%DLQ%"

	autoCreateQueues   = 8 // BrokerConfig.defaultTopicQueueNums
	topicNameLimit     = 127
	longTopicNameLimit = 255 // of retry and dead-letter topics
)

// topic is a topic on one broker. The broker's mu guards it.
type topic struct {
	name  string
	read  int
	write int
	perm  int
	// ordered: see SetOrderTopic.
	ordered bool
	queues  map[int32]*queue // made when first used
}

// queue is one queue of a topic on one broker.
type queue struct {
	first   int64 // offset of records[0], the minimum offset
	records []record
	polls   []*poll // pulls that wait for a message
}

// record is a message in a queue.
type record struct {
	raw       []byte // in the stored layout, never changed
	tagHash   int32
	storeTime int64
}

func (q *queue) next() int64 { return q.first + int64(len(q.records)) }

// at returns the records from offset on.
func (q *queue) at(offset int64) []record {
	if offset < q.first || offset >= q.next() {
		return nil
	}
	return q.records[offset-q.first:]
}

// queue returns the queue id, which it makes if need be.
func (t *topic) queue(id int32) *queue {
	q := t.queues[id]
	if q == nil {
		q = &queue{}
		if t.queues == nil {
			t.queues = make(map[int32]*queue)
		}
		t.queues[id] = q
	}
	return q
}

// describe prints t as TopicConfig.toString does, for remarks.
func (t *topic) describe(five bool) string {
	attributes := ""
	if five {
		attributes = ", attributes={}"
	}
	return fmt.Sprintf("TopicConfig [topicName=%s, readQueueNums=%d, writeQueueNums=%d, perm=%s, topicFilterType=SINGLE_TAG, topicSysFlag=0, order=false%s]",
		t.name, t.read, t.write, permText(t.perm), attributes)
}

func permText(perm int) string {
	text := []byte("---")
	if perm&headers.PermRead != 0 {
		text[0] = 'R'
	}
	if perm&headers.PermWrite != 0 {
		text[1] = 'W'
	}
	if perm&headers.PermInherit != 0 {
		text[2] = 'X'
	}
	return string(text)
}

// topicFault says why a topic cannot have this name; empty if it can. The words
// are those of TopicValidator of 5.5.0: clients of 4.9 decide by parts of them.
func topicFault(name string) string {
	if strings.TrimSpace(name) == "" {
		return "The specified topic is blank."
	}
	for i := range len(name) {
		switch c := name[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '%', c == '|', c == '_', c == '-':
		default:
			return "The specified topic: " + name + ", contains illegal characters, allowing only ^[%|a-zA-Z0-9_-]+$"
		}
	}
	limit := topicNameLimit
	if strings.HasPrefix(name, retryPrefix) || strings.HasPrefix(name, deadPrefix) {
		limit = longTopicNameLimit
	}
	if len(name) > limit {
		return fmt.Sprintf("The specified topic: %s, is longer than topic max length: %d", name, limit)
	}
	return ""
}

// closedToClients reports whether clients must not send to the topic.
func closedToClients(name string) bool {
	switch name {
	case "SCHEDULE_TOPIC_XXXX", halfTopic, "RMQ_SYS_TRANS_OP_HALF_TOPIC", checkMaxTopic, "SELF_TEST_TOPIC", "OFFSET_MOVED_EVENT":
		return true
	}
	return false
}

// systemTopic reports whether clients must not create the topic.
func systemTopic(name string) bool {
	switch name {
	case autoCreateTopic, "BenchmarkTest", "RMQ_SYS_TRACE_TOPIC", "CHECKPOINT_TOPIC":
		return true
	}
	return closedToClients(name) || strings.HasPrefix(name, "rmq_sys_")
}

// putTopic sets the queues and the permission of a topic, and makes it if need
// be. Its messages stay.
func (b *Broker) putTopic(name string, read, write, perm int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.putTopicLocked(name, read, write, perm)
}

func (b *Broker) putTopicLocked(name string, read, write, perm int) *topic {
	t := b.topics[name]
	if t == nil {
		t = &topic{name: name}
		b.topics[name] = t
	}
	t.read, t.write, t.perm = read, write, perm
	return t
}

// topicForSend returns the topic of a send, made after the model of the default
// topic if it is not there (TopicConfigManager.createTopicInSendMessageMethod of
// 5.5.0). It returns nil if it is not to be made. The caller holds b.mu.
func (b *Broker) topicForSend(h *headers.SendMessage) *topic {
	if t := b.topics[h.Topic]; t != nil {
		return t
	}
	if model := b.topics[h.DefaultTopic]; model != nil && model.perm&headers.PermInherit != 0 {
		queues := max(0, min(int(h.DefaultTopicQueues), model.write))
		return b.putTopicLocked(h.Topic, queues, queues, model.perm&^headers.PermInherit)
	}
	if strings.HasPrefix(h.Topic, retryPrefix) {
		return b.putTopicLocked(h.Topic, 1, 1, headers.PermRead|headers.PermWrite)
	}
	return nil
}

// createTopic answers UPDATE_AND_CREATE_TOPIC.
func (b *Broker) createTopic(rq *request) answer {
	h, err := headers.ParseCreateTopic(&rq.cmd)
	if err != nil {
		return refuse(headers.SystemError, err.Error())
	}
	if fault := topicFault(h.Topic); fault != "" {
		return refuse(b.cluster.behaviour.badParameter, fault)
	}
	if systemTopic(h.Topic) {
		return refuse(b.cluster.behaviour.badParameter, "The topic["+h.Topic+"] is conflict with system topic.")
	}
	if h.ReadQueues < 0 || h.WriteQueues < 0 {
		return refuse(headers.SystemError, fmt.Sprintf("queue numbers %d and %d", h.ReadQueues, h.WriteQueues))
	}
	b.putTopic(h.Topic, int(h.ReadQueues), int(h.WriteQueues), int(h.Perm))
	// The remark is what 5.5.0 sends with this success.
	return answer{remark: "not set any response code"}
}

// javaHash is String.hashCode of Java, by which brokers filter tags.
func javaHash(s string) int32 {
	var h int32
	for _, r := range s {
		if r > math.MaxUint16 { // two UTF-16 units
			r -= 0x10000
			h = 31*h + (0xD800 + r>>10)
			r = 0xDC00 + r&0x3FF
		}
		h = 31*h + r
	}
	return h
}
