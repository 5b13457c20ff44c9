package embedded_test

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"testing"
	"time"

	wm "github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber"
)

// What a broker has to show of queues, groups and clients, while a publisher and a
// subscriber of either engine use it.
func TestInspect(t *testing.T) {
	for _, engine := range []subscriber.Engine{subscriber.POP, subscriber.Pull} {
		t.Run(string(engine), func(t *testing.T) {
			cluster, err := embedded.Start(embedded.InMemory(), embedded.WithTopic("orders", 1))
			require.NoError(t, err)
			t.Cleanup(func() { require.NoError(t, cluster.Close()) })
			broker := cluster.Broker(0)
			require.Equal(t, headers.Version5_5_0, cluster.Version())
			require.True(t, cluster.NameServer(0).Running())
			require.Equal(t, embedded.Well, broker.Condition())
			require.Nil(t, broker.Queues("none"))
			require.Empty(t, broker.Groups())
			require.Empty(t, broker.Clients())

			config := patientPublisher(cluster.Config())
			config.ProducerGroup = "shop"
			pub, err := publisher.New(config, nil)
			require.NoError(t, err)
			defer pub.Close()
			for _, uuid := range []string{"a", "b c", "d"} {
				require.NoError(t, pub.Publish("orders", wm.NewMessage(uuid, []byte("payload of "+uuid))))
			}
			queue := broker.Queues("orders")[0]
			require.EqualValues(t, 0, queue.MinOffset)
			require.EqualValues(t, 3, queue.MaxOffset)
			require.Zero(t, queue.Delivered)
			require.WithinDuration(t, time.Now(), queue.LastStored, patience)
			require.NoError(t, broker.AwaitProducer(t.Context(), "shop"))
			require.Equal(t, []string{"shop"}, broker.Clients()[0].ProducerGroups)

			stored := broker.MessagesAt("orders", 0, 1, 1)
			require.Len(t, stored, 1)
			for _, name := range []string{stored[0].UniqueKey, "b c", stored[0].OffsetMessageID} {
				require.Equal(t, stored, broker.FindMessages("orders", name, 10), name)
			}
			require.Equal(t, "a", broker.FindMessages("orders", "a", 10)[0].Keys)
			require.Empty(t, broker.FindMessages("orders", "e", 10))
			require.Empty(t, broker.MessagesAt("orders", 7, 0, 10))
			require.Len(t, broker.MessagesAt("orders", 0, -5, 10), 3)

			sub, err := subscriber.New(subscriber.Config{Cluster: cluster.Config(), Group: "billing", Engine: engine}, nil)
			require.NoError(t, err)
			defer sub.Close()
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			messages, err := sub.Subscribe(ctx, "orders")
			require.NoError(t, err)
			receive := func() *wm.Message {
				m, ok := <-messages
				require.True(t, ok, "no message came in time")
				return m
			}
			first := receive()
			lag := func() int64 {
				for _, g := range broker.Groups() {
					for _, p := range g.Positions {
						if g.Name == "billing" && p.Topic == "orders" {
							return p.Lag()
						}
					}
				}
				return -1
			}
			if engine == subscriber.POP {
				require.EqualValues(t, 3, lag(), "popped messages are not consumed before they are acknowledged")
			}
			first.Ack()
			receive().Ack()
			receive().Ack()
			require.Eventually(t, func() bool { return lag() == 0 }, patience, time.Millisecond)
			require.EqualValues(t, 3, broker.Queues("orders")[0].Delivered)
			group := broker.Groups()[0]
			require.Equal(t, "billing", group.Name)
			if engine == subscriber.POP { // whose clients are no members by heartbeat
				require.Empty(t, group.Members)
				return
			}
			require.Len(t, group.Members, 1)
			require.Equal(t, headers.Clustering, group.MessageModel)
			i := slices.IndexFunc(broker.Clients(), func(c embedded.ClientState) bool { return len(c.ConsumerGroups) > 0 })
			client := broker.Clients()[i]
			require.Equal(t, []string{"billing"}, client.ConsumerGroups)
			require.Equal(t, group.Members[0].ClientID, client.ClientID)
			require.Equal(t, group.Members[0].Addr, client.Addr)
		})
	}
}

// A search for a message does not have its topic in memory.
func TestFindMessagesInAFolder(t *testing.T) {
	const n, size = 64, 128 << 10
	cluster := opened(t, t.TempDir(), embedded.WithTopic("orders", 2))
	broker := cluster.Broker(0)
	c := dial(t, cluster, broker.Addr())
	payload := make([]byte, size)
	for i := range n {
		c.succeed(message("orders", toQueue(int32(i%2)), with("KEYS", fmt.Sprint("twice ", i))), payload)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	found := broker.FindMessages("orders", "0", 1)
	runtime.ReadMemStats(&after)
	require.Len(t, found, 1)
	require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(n*size/2))
	found = broker.FindMessages("orders", "twice", 4)
	require.Len(t, found, 4)
	for i, m := range found {
		require.Equal(t, fmt.Sprint("twice ", i), m.Keys, "the oldest first, of both queues")
	}
	require.Len(t, broker.FindMessages("orders", "twice", n+1), n)
}
