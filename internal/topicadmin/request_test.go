package topicadmin

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/topics"
)

func TestRequest(t *testing.T) {
	set := topics.Config{Enabled: true, Queues: 1, MessageType: topics.FIFO, Permission: topics.WriteOnly, Cluster: "c"}
	require.Equal(t, headers.CreateTopic{
		Topic: "t", ReadQueues: 1, WriteQueues: 1, Perm: headers.PermWrite, Attributes: "+message.type=FIFO",
	}, *request(set, "t"))
}
