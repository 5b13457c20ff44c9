package topicadmin

import (
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/topics"
)

// request is the header that creates a topic.
func request(c topics.Config, topic string) *headers.CreateTopic {
	h := &headers.CreateTopic{
		Topic:      topic,
		ReadQueues: int32(c.Queues), WriteQueues: int32(c.Queues),
		Perm: headers.PermRead | headers.PermWrite,
	}
	if c.Permission == topics.WriteOnly {
		h.Perm = headers.PermWrite
	}
	if c.MessageType != "" {
		h.Attributes = "+message.type=" + string(c.MessageType)
	}
	return h
}
