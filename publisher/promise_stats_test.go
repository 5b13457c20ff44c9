package publisher_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	rocketmq "github.com/watermill-rocketmq/watermill-rocketmq"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
)

// Stats has what is there at the moment, and nothing of it when it is over.
func TestPromiseStats(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		began := time.Now()
		p := unclosedPublisherOn(t, c, withCheck(judging(publisher.TransactionCommit)))
		require.Equal(t, publisher.Stats{Client: rocketmq.ClientStats{Connections: []rocketmq.ConnectionStats{}, Routes: []rocketmq.RouteStats{}}}, p.Stats())
		tx := begin(t, p, "half")
		release, _ := p.Hold()
		everySend(c, embedded.DelayAnswer(time.Second))
		done := make(chan error)
		go func() { done <- p.Publish(orders, newMessages(3)...) }()
		synctest.Wait()
		broker, nameServer := c.Brokers()[0].Addr(), c.NameServers()[0]
		s := p.Stats()
		require.Positive(t, s.Waiting.Bytes)
		s.Waiting.Bytes = 0
		require.Equal(t, publisher.Stats{
			Waiting: publisher.WaitingConfig{Messages: 3}, Calls: 2, Requests: 1, Transactions: 1,
			Client: rocketmq.ClientStats{
				Connections: []rocketmq.ConnectionStats{{Addr: broker, Requests: 1}, {Addr: nameServer}},
				Routes:      []rocketmq.RouteStats{{Topic: orders, WriteQueues: 1, ReadQueues: 1, Updated: began}},
			},
		}, s)
		require.NoError(t, <-done)
		require.NoError(t, tx.Commit(t.Context()))
		release()
		time.Sleep(time.Minute)
		s = p.Stats()
		require.True(t, s.Client.Routes[0].Updated.After(began), "the route was looked up again")
		s.Client.Routes, s.Client.Connections = nil, nil
		require.Zero(t, s)
		require.NoError(t, p.Close())
		require.Empty(t, p.Stats().Client.Connections)
	})
}

// Publishers that share a Client have its connections, and requests of their own.
func TestPromiseStatsShared(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		client := connect(t, c)
		p, other := publisherOn(t, c, lent(client, "a")), publisherOn(t, c, lent(client, "b"))
		everySend(c, embedded.DelayAnswer(time.Second))
		done := make(chan error)
		go func() { done <- p.Publish(orders, newMessage("x")) }()
		synctest.Wait()
		require.Equal(t, 1, p.Stats().Requests)
		require.Zero(t, other.Stats().Requests)
		require.Len(t, client.Stats().Connections, 2)
		require.Equal(t, client.Stats(), other.Stats().Client)
		require.Same(t, client, p.Client())
		require.Same(t, client, other.Client())
		require.NoError(t, <-done)
	})
}
