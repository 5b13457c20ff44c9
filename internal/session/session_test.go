package session_test

import (
	"sync"
	"testing"
	"testing/synctest"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/stretchr/testify/require"

	rocketmq "github.com/watermill-rocketmq/watermill-rocketmq"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/session"
)

// topic has two queues on each broker of the clusters in bubbles.
const topic = "orders"

// inBubble runs a test with a cluster in memory in a bubble of its own, which fails if a
// goroutine outlives its owner's Close.
func inBubble(t *testing.T, test func(t *testing.T, c *embedded.Cluster), opts ...embedded.Option) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		c, err := embedded.Start(append([]embedded.Option{embedded.InMemory(), embedded.WithTopic(topic, 2)}, opts...)...)
		require.NoError(t, err)
		defer func() { require.NoError(t, c.Close()) }()
		test(t, c)
	})
}

// open returns a session with the cluster. The caller closes it before the cluster.
func open(t *testing.T, c *embedded.Cluster, change func(*rocketmq.Cluster)) *session.Session {
	t.Helper()
	cfg := c.Config()
	if change != nil {
		change(&cfg)
	}
	client, err := rocketmq.Connect(cfg, watermill.NopLogger{})
	require.NoError(t, err)
	return client.Session()
}

// join returns a member that has joined.
func join(t *testing.T, s *session.Session, role session.Role) *session.Member {
	t.Helper()
	m := s.NewMember(role)
	require.NoError(t, m.Join())
	return m
}

// consumer returns a group that subscribes to topics, to all of their messages.
func consumer(group string, topics ...string) headers.ConsumerData {
	data := headers.ConsumerData{
		Group: group, ConsumeType: headers.ConsumePassively, MessageModel: headers.Clustering, ConsumeFromWhere: headers.ConsumeFromFirstOffset,
	}
	for _, topic := range topics {
		data.Subscriptions = append(data.Subscriptions, headers.SubscriptionData{
			Topic: topic, Expression: headers.ExpressionAll, ExpressionType: headers.ExpressionTag, Version: 1, Tags: []string{}, Codes: []int32{},
		})
	}
	return data
}

// read has the member know the route of a topic, and consume it in a group.
func read(t *testing.T, m *session.Member, group string, topics ...string) {
	t.Helper()
	for _, topic := range topics {
		_, err := m.Routes().ReadRoute(t.Context(), topic)
		require.NoError(t, err)
	}
	require.NoError(t, m.SetConsumers([]headers.ConsumerData{consumer(group, topics...)}))
}

// membersOf returns the client ids that a broker has in a group, as m is told.
func membersOf(t *testing.T, m *session.Member, b *embedded.Broker, group string) []string {
	t.Helper()
	synctest.Wait()
	answer, err := m.Client().Invoke(t.Context(), b.Addr(), &headers.GroupRequest{Code: headers.CodeConsumerList, ConsumerGroup: group}, nil)
	require.NoError(t, err)
	if headers.ResponseCode(answer.Code) == headers.SystemError {
		return nil // there is no such group
	}
	require.NoError(t, answer.Err())
	list, err := headers.ParseConsumerListData(answer.Body)
	require.NoError(t, err)
	return list.ClientIDs
}

// heard keeps the heartbeats that a broker has got.
type heard struct {
	mu    sync.Mutex
	beats []headers.HeartbeatData
}

// listenTo has the heartbeats of a broker kept.
func listenTo(t *testing.T, c *embedded.Cluster, broker string) *heard {
	h := &heard{}
	c.Intercept(func(r embedded.Request) embedded.Fault {
		if r.Server == broker && r.Code == headers.CodeHeartbeat {
			data, err := headers.ParseHeartbeatData(r.Command.Body)
			if err != nil {
				t.Error(err)
			}
			h.mu.Lock()
			h.beats = append(h.beats, data)
			h.mu.Unlock()
		}
		return embedded.Fault{}
	})
	return h
}

// take returns what was heard since it was last called.
func (h *heard) take() []headers.HeartbeatData {
	synctest.Wait()
	h.mu.Lock()
	defer h.mu.Unlock()
	beats := h.beats
	h.beats = nil
	return beats
}

// topicsIn returns the topics that the heartbeat subscribes to in a group, nil if it does
// not name it.
func topicsIn(data headers.HeartbeatData, group string) (topics []string) {
	for _, c := range data.Consumers {
		if c.Group != group {
			continue
		}
		topics = append(topics, "") // it is named
		for _, sub := range c.Subscriptions {
			topics = append(topics, sub.Topic)
		}
	}
	if len(topics) == 0 {
		return nil
	}
	return topics[1:]
}
