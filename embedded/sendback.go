package embedded

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/delays"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/properties"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/sends"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/body"
)

// sendBack answers CONSUMER_SEND_MSG_BACK: the message goes to the group's retry topic, after
// a delay, or to its dead letters.
func (b *Broker) sendBack(rq *request) answer {
	h, err := headers.ParseConsumerSendBack(&rq.cmd)
	if err != nil {
		return refuse(headers.SystemError, err.Error())
	}
	m, most, a, ok := b.sentBack(&h)
	if !ok {
		return a
	}
	set, level := sends.Back(&m, &h, most)
	return b.storeAgain(&m, &set, min(level, len(b.cluster.cfg.delayLevels)))
}

// sentBack finds the message that is sent back, in memory of its own, and how often that
// may happen.
func (b *Broker) sentBack(h *headers.ConsumerSendBack) (m body.StoredMessage, most int32, refusal answer, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	cfg, known := b.groupConfig(h.ConsumerGroup)
	retry, dead := headers.RetryTopicPrefix+h.ConsumerGroup, headers.DeadLetterTopicPrefix+h.ConsumerGroup
	switch {
	case !known && b.cluster.cfg.noGroups:
		return m, 0, refuse(headers.SubscriptionGroupNotExist, "subscription group not exist, "+h.ConsumerGroup+" "+b.cluster.behaviour.FAQ()), false
	case !known, !hasRoom(b.topics, retry), !hasRoom(b.topics, dead), !hasRoom(b.topics, headers.ScheduleTopic):
		return m, 0, full("consumer groups and topics"), false
	case b.readOnly:
		return m, 0, refuse(headers.NoPermission, "the broker["+b.storeHost.Addr().String()+"] sending message is forbidden"), false
	case cfg.RetryQueues <= 0:
		return m, 0, answer{}, false // it is done: the message is gone
	}
	if b.topics[retry] == nil {
		b.putTopicLocked(retry, int(cfg.RetryQueues), int(cfg.RetryQueues), headers.PermRead|headers.PermWrite)
	}
	if b.topics[retry].perm&headers.PermWrite == 0 {
		return m, 0, refuse(headers.NoPermission, "the topic["+retry+"] sending message is forbidden"), false
	}
	_, raw, found := b.storedAt(h.Offset)
	if !found {
		return m, 0, refuse(headers.SystemError, fmt.Sprintf("look message by offset failed, %d", h.Offset)), false
	}
	m, _, err := body.ParseStored(bytes.Clone(raw))
	if err != nil {
		return m, 0, refuse(headers.SystemError, err.Error()), false
	}
	b.turn++
	m.QueueID = int32(b.turn % int(cfg.RetryQueues))
	most = cfg.RetryMaxTimes
	if h.HasMaxReconsumeTimes {
		most = h.MaxReconsumeTimes
	}
	return m, most, answer{}, true
}

// storeAgain stores a message in a retry topic, after a delay if level is not 0, or among
// dead letters, whose topic has one queue that can be read.
func (b *Broker) storeAgain(m *body.StoredMessage, set *properties.Set, level int) answer {
	b.mu.Lock()
	target := b.topics[m.Topic]
	if strings.HasPrefix(m.Topic, headers.DeadLetterTopicPrefix) {
		m.QueueID, target = 0, b.deadLetters(m.Topic)
	}
	b.mu.Unlock()
	if target == nil {
		return refuse(headers.SystemError, "topic["+m.Topic+"] not exist")
	}
	if err := b.keepTopic(target); err != nil {
		return notStored(err)
	}
	wait, e := delays.Delay{Level: level}, entry{TagHash: headers.HashCode(string(set.Get(headers.PropertyTags)))}
	if level > 0 {
		delays.DropTimer(set)
		target = b.park(m, set, wait)
		e.Arrived = func(_, offset int64) { b.keeper.Wait(m.Topic, m.QueueID, offset) }
	}
	m.Properties = set.Append(nil, b.cluster.behaviour.Five)
	m.StoreHost = b.host()
	raw, err := body.AppendStored(make([]byte, 0, m.Size()), m)
	if err != nil {
		return refuse(headers.SystemError, "MESSAGE_ILLEGAL")
	}
	e.Raw = raw
	s, err := b.put(target, m.QueueID, []entry{e})
	if err != nil {
		return notStored(err)
	}
	s.Write.Then(0, nil, func(err error) {
		if err == nil && level > 0 {
			b.awaitDelay(wait, raw)
		}
	})
	if err := s.Write.WaitFor(b.cluster.cfg.syncFlushTimeout); err != nil {
		return notStored(err)
	}
	return answer{}
}

// deadLetter makes a dead letter of a send to a retry topic that comes too often, or
// whose group has members that read in order, and returns its topic
// (SendMessageProcessor.handleRetryAndDLQ of 5.5.0, and of 4.9.7, which counts by one
// less and does not look at order). Other sends stay as they are.
func (b *Broker) deadLetter(h *headers.SendMessage) *topic {
	group, retry := strings.CutPrefix(h.Topic, headers.RetryTopicPrefix)
	if !retry {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	cfg, known := b.groupConfig(group)
	most := cfg.RetryMaxTimes
	if h.HasMaxReconsumeTimes {
		most = h.MaxReconsumeTimes
	}
	five := b.cluster.behaviour.Five
	if !five {
		most--
	}
	inOrder := five && b.locks.Any(group, b.cluster.timers.Now())
	name := headers.DeadLetterTopicPrefix + group
	if !known || h.ReconsumeTimes <= most && !inOrder || !hasRoom(b.topics, name) {
		return nil
	}
	h.Topic, h.QueueID = name, 0
	if five { // before, it waits for its delay first
		h.Properties = delays.WithoutLevel(h.Properties)
	}
	return b.deadLetters(name)
}

// deadLetters is the topic of that name, which is made if need be. The caller holds b.mu.
func (b *Broker) deadLetters(name string) *topic {
	if t := b.topics[name]; t != nil {
		return t
	}
	return b.putTopicLocked(name, 1, 1, headers.PermRead|headers.PermWrite)
}
