package embedded_test

import (
	"context"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

func refusesDials(t *testing.T, cluster *embedded.Cluster, addr string) {
	t.Helper()
	_, err := cluster.Dial(context.Background(), "tcp", addr)
	require.ErrorIs(t, err, syscall.ECONNREFUSED)
}

func TestStopAndStart(t *testing.T) {
	onBothNetworks(t, func(t *testing.T, network embedded.Option) {
		cluster := start(t, network, embedded.WithTopic("topic", 1))
		broker := cluster.Broker(0)
		addr := broker.Addr()
		for _, end := range []func(){broker.Stop, broker.Kill} {
			c := dial(t, cluster, addr)
			c.succeed(message("topic"), []byte("body"))
			require.True(t, broker.Running())
			end()
			require.False(t, broker.Running())
			c.closed()
			refusesDials(t, cluster, addr)
			end() // again
			require.NoError(t, broker.Start())
			require.Error(t, broker.Start(), "it runs already")
			require.Equal(t, addr, broker.Addr())
		}
		require.Len(t, messagesIn(cluster, "topic"), 2, "messages stay")
		c := dial(t, cluster, addr)
		require.Equal(t, "2", fields(c.succeed(message("topic"), []byte("body")))["queueOffset"])
	})
}

func TestMove(t *testing.T) {
	onBothNetworks(t, func(t *testing.T, network embedded.Option) {
		cluster := start(t, network, embedded.WithTopic("topic", 1))
		broker := cluster.Broker(0)
		old := broker.Addr()
		c := dial(t, cluster, old)
		require.NoError(t, broker.Move())
		c.closed()
		refusesDials(t, cluster, old)
		c = dial(t, cluster, broker.Addr())
		c.succeed(message("topic"), []byte("body"))
		require.Equal(t, broker.Addr(), messagesIn(cluster, "topic")[0].StoreHost)
	})
}

func TestNameServerStops(t *testing.T) {
	onBothNetworks(t, func(t *testing.T, network embedded.Option) {
		cluster := start(t, network, embedded.WithNameServers(2))
		first := cluster.NameServer(0)
		require.Equal(t, "nameserver-0", first.Name())
		c := dial(t, cluster, first.Addr())
		first.Stop()
		c.closed()
		refusesDials(t, cluster, first.Addr())
		dial(t, cluster, cluster.NameServer(1).Addr()).succeed(routeOf("TBW102"), nil)
		require.NoError(t, first.Start())
		dial(t, cluster, cluster.NameServers()[0]).succeed(routeOf("TBW102"), nil)
		require.Nil(t, cluster.NameServer(2))
		require.Nil(t, cluster.Broker(1))
	})
}

func TestFixedNameServerAddress(t *testing.T) {
	cluster := start(t, embedded.InMemory(), embedded.WithNameServerAddr("127.0.0.1:1234"))
	require.Equal(t, []string{"127.0.0.1:1234"}, cluster.NameServers())
}

func TestStartFails(t *testing.T) {
	for name, opts := range map[string][]embedded.Option{
		"no broker":          {embedded.WithBrokers(0)},
		"too many brokers":   {embedded.WithBrokers(27)},
		"no name server":     {embedded.WithNameServers(0)},
		"addresses":          {embedded.WithNameServerAddr("127.0.0.1:1", "127.0.0.1:2")},
		"version":            {embedded.WithVersion(0)},
		"message size":       {embedded.WithMaxMessageSize(0)},
		"TLS":                {embedded.WithTLSRequired()},
		"idle timeout":       {embedded.WithIdleTimeout(0)},
		"retention":          {embedded.WithRetention(-1)},
		"bytes":              {embedded.WithMaxBytes(-1)},
		"poll scan":          {embedded.WithPollScan(-1)},
		"topic name":         {embedded.WithTopic("a.b", 1)},
		"topic queues":       {embedded.WithTopic("a", 0)},
		"address of brokers": {embedded.InMemory(), embedded.WithNameServerAddr("127.0.0.1:10911")},
		"bad address":        {embedded.WithNameServerAddr("nonsense")},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := embedded.Start(opts...)
			require.ErrorContains(t, err, "embedded: ")
		})
	}
}

func TestCreateTopicFails(t *testing.T) {
	cluster := start(t, embedded.InMemory())
	require.Error(t, cluster.CreateTopic("a.b", 1))
	require.Error(t, cluster.CreateTopic("a", -1))
}

func TestDeleteTopic(t *testing.T) {
	cluster := start(t, embedded.InMemory(), embedded.WithTopic("topic", 1))
	c := dial(t, cluster, cluster.Broker(0).Addr())
	c.succeed(message("topic"), []byte("body"))
	cluster.DeleteTopic("topic")
	cluster.DeleteTopic("none")
	require.Empty(t, messagesIn(cluster, "topic"))
	require.EqualValues(t, headers.SystemError, c.call(&headers.ViewMessage{}, nil).Code)
}

func TestAwaitMessages(t *testing.T) {
	inBubble(t, func(t *testing.T, cluster *embedded.Cluster) {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		c := dial(t, cluster, cluster.Broker(0).Addr())
		done := make(chan int, 1)
		go func() {
			messages, err := cluster.AwaitMessages(ctx, "topic", 3)
			if err != nil {
				done <- -1
				return
			}
			done <- len(messages)
		}()
		for range 3 {
			synctest.Wait()
			require.Empty(t, done)
			c.succeed(message("topic"), []byte("body"))
		}
		require.Equal(t, 3, <-done)

		messages, err := cluster.AwaitMessages(ctx, "topic", 4)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Len(t, messages, 3)
		require.NotContains(t, err.Error(), "others")

		_, err = cluster.AwaitMessages(ctx, "another", 1)
		require.ErrorContains(t, err, "0 of 1 messages in topic another (others have some: topic)")
	})
}

func TestStats(t *testing.T) {
	inBubble(t, func(t *testing.T, cluster *embedded.Cluster) {
		one, two := dial(t, cluster, cluster.Broker(0).Addr()), dial(t, cluster, cluster.Broker(0).Addr())
		one.succeed(message("topic"), []byte("body"))
		one.succeed(message("topic"), []byte("body"))
		two.call(routeOf("topic"), nil)
		require.NoError(t, two.conn.Close())
		synctest.Wait()
		stats := cluster.Stats()
		require.Equal(t, embedded.Stats{
			"broker-a": {Accepted: 2, Open: 1, Requests: map[headers.RequestCode]int{
				headers.CodeSendMessageV2: 2, headers.CodeTopicRoute: 1,
			}},
			"nameserver-0": {Requests: map[headers.RequestCode]int{}},
		}, stats)
		require.Equal(t, 3, stats.Requests(headers.CodeSendMessageV2, headers.CodeTopicRoute))
		require.Equal(t, 2, stats.Accepted())
	})
}
