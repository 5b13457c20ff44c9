package embedded

import (
	"fmt"
	"strings"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/attributes"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/clock"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/names"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/queues"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

const autoCreateQueues = 8 // BrokerConfig.defaultTopicQueueNums

// topic is a topic on one broker. The broker's mu guards it.
type topic struct {
	name  string
	read  int
	write int
	perm  int
	made  int64 // the change that made it, which does not change itself; 0 if it was in the folder
	// ordered: see SetOrderTopic.
	ordered bool
	// unlisted topics are not in routes, see NameServer.removeTopic.
	unlisted bool
	relist   *clock.Alarm     // that ends it
	queues   map[int32]*queue // those with messages, now or before, and those that pulls wait at
	// attributes are those of 5.x; replaced as a whole
	attributes map[string]string
}

// queue is one queue of a topic on one broker.
type queue struct {
	queues.Queue
	polls []*poll // pulls that wait for a message
}

// look returns the queue id as it is: one that nothing was put into is empty, also
// that of a topic which is nil. A question must not make a queue, since anybody may
// ask for any id.
func (t *topic) look(id int32) *queue {
	if t == nil || t.queues[id] == nil {
		return &queue{}
	}
	return t.queues[id]
}

// dropUnused forgets the queue id if there is nothing in it and never was.
func (t *topic) dropUnused(id int32) {
	if q := t.queues[id]; q != nil && q.Assigned() == 0 && len(q.polls) == 0 {
		delete(t.queues, id)
	}
}

// queue returns the queue id, which it makes if need be: for a message or a pull
// that waits for one.
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
	return attributes.DescribeTopic(t.name, t.read, t.write, t.perm, t.attributes, five)
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
		t = &topic{name: name, made: b.changes.Load() + 1}
		b.topics[name] = t
	}
	t.read, t.write, t.perm, t.unlisted = read, write, perm, false
	b.changes.Add(1)
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
	if strings.HasPrefix(h.Topic, headers.RetryTopicPrefix) {
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
	if fault := names.Fault(h.Topic); fault != "" {
		return refuse(b.cluster.behaviour.BadParameter, fault)
	}
	if headers.IsSystemTopic(h.Topic) {
		return refuse(b.cluster.behaviour.BadParameter, "The topic["+h.Topic+"] is conflict with system topic.")
	}
	if h.ReadQueues < 0 || h.WriteQueues < 0 {
		return refuse(headers.SystemError, fmt.Sprintf("queue numbers %d and %d", h.ReadQueues, h.WriteQueues))
	}
	if fault := b.setTopic(&h, rq.cmd.Fields.Bool("order")); fault != nil {
		return *fault
	}
	// The remark is what 5.5.0 sends with this success.
	return answer{remark: noCode}
}

// setTopic does what UPDATE_AND_CREATE_TOPIC asks for, or says why not.
func (b *Broker) setTopic(h *headers.CreateTopic, ordered bool) *answer {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !hasRoom(b.topics, h.Topic) {
		fault := full("topics")
		return &fault
	}
	old := b.topics[h.Topic]
	var altered map[string]string
	if b.cluster.behaviour.Five {
		var before map[string]string
		if old != nil {
			before = old.attributes
		}
		var err error
		if altered, err = attributes.Alter(before, h.Attributes, old == nil); err != nil {
			fault := refuse(headers.SystemError, err.Error())
			return &fault
		}
		if altered["message.type"] == "MIXED" && b.cluster.behaviour.Version >= attributes.VersionNoMixed {
			// enableMixedMessageType is off unless configured.
			fault := refuse(headers.InvalidParameter, "MIXED message type is not supported.")
			return &fault
		}
	}
	t := b.putTopicLocked(h.Topic, int(h.ReadQueues), int(h.WriteQueues), int(h.Perm))
	t.attributes, t.ordered = altered, ordered
	return nil
}
