package publisher

import (
	"fmt"
	"strings"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

// CreateTopicsConfig says whether the publisher creates topics that do not exist,
// and how. Publish creates a topic that has no route of its own, before the first
// message goes there, on every master of the cluster: unlike the topics that
// brokers create by themselves (AutoCreateConfig), which are there on those that
// got a message. Brokers with access control take this from administrators only.
type CreateTopicsConfig struct {
	// Enabled lets Publish create topics. CreateTopic does so in any case.
	Enabled bool
	// Queues is the number of queues on each broker, to read from and to write
	// to. 4 by default.
	Queues int
	// MessageType says which kind of messages the topic is for, as
	// RocketMQ 5.x knows it. None by default, which brokers take for NormalTopic.
	// Brokers of 4.9 know no types: there a type ends in an *UnsupportedError.
	MessageType TopicMessageType
	// Permission is ReadWrite by default.
	Permission TopicPermission
	// Cluster is the name of the cluster to create topics in. It is needed where
	// several clusters share name servers.
	Cluster string
}

// TopicMessageType is the attribute message.type of a topic
// (org.apache.rocketmq.common.attribute.TopicMessageType, 5.5.0). RocketMQ Proxy
// holds messages to it; brokers themselves do not.
type TopicMessageType string

// The message types.
const (
	NormalTopic      TopicMessageType = "NORMAL"
	FIFOTopic        TopicMessageType = "FIFO"
	DelayTopic       TopicMessageType = "DELAY"
	TransactionTopic TopicMessageType = "TRANSACTION"
	// MixedTopic needs brokers with enableMixedMessageType.
	MixedTopic TopicMessageType = "MIXED"
)

// TopicPermission says what clients may do with a topic.
type TopicPermission string

// The permissions of topics that can be published to.
const (
	ReadWrite TopicPermission = "RW"
	// WriteOnly keeps consumers out until an operator lets them in.
	WriteOnly TopicPermission = "W"
)

func (c *CreateTopicsConfig) setDefaults() {
	setDefault(&c.Queues, 4)
	setDefault(&c.Permission, ReadWrite)
}

// faults returns what is wrong with the settings.
func (c *CreateTopicsConfig) faults() []error {
	var faults []error
	if c.Queues < 1 || c.Queues > maxTopicQueues {
		faults = append(faults, fmt.Errorf("CreateTopics.Queues is %d, want 1 to %d", c.Queues, maxTopicQueues))
	}
	switch c.MessageType {
	case "", NormalTopic, FIFOTopic, DelayTopic, TransactionTopic, MixedTopic:
	default:
		faults = append(faults, fmt.Errorf("CreateTopics.MessageType is %q, want NORMAL, FIFO, DELAY, TRANSACTION or MIXED", c.MessageType))
	}
	if c.Permission != ReadWrite && c.Permission != WriteOnly {
		faults = append(faults, fmt.Errorf("CreateTopics.Permission is %q, want RW or W", c.Permission))
	}
	return faults
}

// maxTopicQueues is the most queues that a topic may have on a broker. Nothing in
// RocketMQ bounds them; a route may have as many, all brokers together.
const maxTopicQueues = 1 << 16

// request is the header that creates a topic.
func (c *CreateTopicsConfig) request(topic string) *headers.CreateTopic {
	h := &headers.CreateTopic{
		Topic:      topic,
		ReadQueues: int32(c.Queues), WriteQueues: int32(c.Queues),
		Perm: headers.PermRead | headers.PermWrite,
	}
	if c.Permission == WriteOnly {
		h.Perm = headers.PermWrite
	}
	if c.MessageType != "" {
		h.Attributes = "+message.type=" + string(c.MessageType)
	}
	return h
}

// String tells the settings in a few words.
func (c *CreateTopicsConfig) String() string {
	parts := []string{fmt.Sprintf("%d queues on each broker", c.Queues)}
	if c.MessageType != "" {
		parts = append(parts, "message type "+string(c.MessageType))
	}
	if c.Permission == WriteOnly {
		parts = append(parts, "write only")
	}
	return strings.Join(parts, ", ")
}
