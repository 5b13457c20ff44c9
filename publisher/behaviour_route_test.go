package publisher_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
	"github.com/watermill-rocketmq/watermill-rocketmq/transport"
)

// While a topic is made smaller, and when it is read-only, its route has queues to read
// that are not written. On a real cluster they are those of the Java client, which reads
// what is in them.
func TestBothViewsOfATopicThatIsDrained(t *testing.T) {
	inEveryWorld(t, func(t *testing.T, w *world) {
		topic := newTopic(t, "drained")
		w.createTopic(t, topic, 6)
		p := publisherIn(t, w, func(c *publisher.Config) { c.Batch.MaxMessages = 1 })
		require.NoError(t, p.Publish(topic, newMessages(12)...))

		client, err := transport.New(transport.Config{Dial: w.dial})
		require.NoError(t, err)
		defer func() { require.NoError(t, client.Close()) }()
		table, err := routing.New(routing.Config{NameServers: w.nameServers, RefreshInterval: time.Hour, NameServerTimeout: time.Minute}, client)
		require.NoError(t, err)
		defer func() { require.NoError(t, table.Close()) }()

		route, err := table.Route(t.Context(), topic)
		require.NoError(t, err)
		require.Len(t, route.Brokers(), 1)
		master := routing.Replica{BrokerName: route.Brokers()[0].Name, Addr: route.Brokers()[0].Addr}

		const both = headers.PermRead | headers.PermWrite
		for _, step := range []struct {
			name              string
			read, write, perm int32
			toWrite, toRead   int
			writeFault        routing.NoQueueReason
			readFault         routing.NoQueueReason
		}{
			{"as created", 6, 6, both, 6, 6, "", ""},
			{"made smaller", 6, 2, both, 2, 6, "", ""},
			{"closed to writers", 6, 0, both, 0, 6, routing.NoWriteQueues, ""},
			{"read-only", 6, 2, headers.PermRead, 0, 6, routing.NoWritePermission, ""},
			{"write-only", 6, 2, headers.PermWrite, 2, 0, "", routing.NoReadPermission},
			{"smaller for all", 2, 2, both, 2, 2, "", ""},
			{"as before", 6, 6, both, 6, 6, "", ""},
		} {
			setQueues(t, client, master.Addr, topic, step.read, step.write, step.perm)
			require.EventuallyWithT(t, func(c *assert.CollectT) {
				write, err := table.Reload(t.Context(), topic)
				requireView(c, routing.Writing, step.writeFault, err)
				if err == nil {
					require.Len(c, write.WriteQueues(), step.toWrite)
				}
				read, err := table.ReadRoute(t.Context(), topic)
				requireView(c, routing.Reading, step.readFault, err)
				if err == nil {
					require.Len(c, read.ReadQueues(), step.toRead)
				}
			}, patience, 100*time.Millisecond, step.name)
			if w.real != nil {
				requireQueuesOfJava(t, w, table, topic)
			}
			if step.name == "read-only" {
				require.Len(t, w.read(t, topic, 12), 12, "what is in queues that are not written can be read")
			}
		}

		route, err = table.ReadRoute(t.Context(), topic)
		require.NoError(t, err)
		require.Equal(t, []routing.Replica{master}, route.Replicas())
		require.Equal(t, "DefaultCluster", route.Info().Brokers[0].Cluster)
		s, err := table.Replica(t.Context(), topic, master.BrokerName, 1, false)
		require.NoError(t, err)
		require.Equal(t, master, s, "there is no slave")
		_, err = table.Replica(t.Context(), topic, master.BrokerName, 1, true)
		var notFound *routing.BrokerNotFoundError
		require.ErrorAs(t, err, &notFound)
	})
}

// setQueues changes a topic, as mqadmin updateTopic does.
func setQueues(t *testing.T, client *transport.Client, addr, topic string, read, write, perm int32) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	answer, err := client.Invoke(ctx, addr, &headers.CreateTopic{Topic: topic, ReadQueues: read, WriteQueues: write, Perm: perm}, nil)
	require.NoError(t, err)
	require.NoError(t, answer.Err())
}

// requireView checks why a view has no queue; that it has, if the reason is empty.
func requireView(t require.TestingT, v routing.View, reason routing.NoQueueReason, err error) {
	if reason == "" {
		require.NoError(t, err)
		return
	}
	var none *routing.NoQueueError
	require.ErrorAs(t, err, &none)
	require.Equal(t, v, none.View)
	require.Equal(t, reason, none.Reason)
}

// requireQueuesOfJava compares both views with what the Java client makes of the route.
func requireQueuesOfJava(t *testing.T, w *world, table *routing.Table, topic string) {
	t.Helper()
	toWrite, toRead := w.real.Queues(t, topic)
	var write, read []routing.MessageQueue
	for _, q := range toWrite {
		write = append(write, routing.MessageQueue{Topic: topic, BrokerName: q.BrokerName, QueueID: q.QueueID})
	}
	for _, q := range toRead {
		read = append(read, routing.MessageQueue{Topic: topic, BrokerName: q.BrokerName, QueueID: q.QueueID})
	}
	if r, err := table.Route(t.Context(), topic); err == nil {
		require.Equal(t, write, r.WriteQueues())
	} else {
		require.Empty(t, write)
	}
	if r, err := table.ReadRoute(t.Context(), topic); err == nil {
		require.Equal(t, read, r.ReadQueues())
	} else {
		require.Empty(t, read)
	}
}
