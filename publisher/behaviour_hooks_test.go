package publisher_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	rocketmq "github.com/watermill-rocketmq/watermill-rocketmq"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
)

// What hooks are told of agrees with what the cluster has.
func TestHooks(t *testing.T) {
	inEveryWorld(t, func(t *testing.T, w *world) {
		topic := newTopic(t, "hooks")
		w.createTopic(t, topic, 1)
		var log hookLog
		seen := newResults()
		cfg := publisher.Config{Cluster: rocketmq.Cluster{NameServers: w.nameServers, Dial: w.dial}, Hooks: []publisher.Hooks{log.hooks()}, OnResult: seen.add}
		patiently(&cfg)
		p, err := publisher.New(cfg, nil)
		require.NoError(t, err)
		call := newMessages(5)
		require.NoError(t, p.Publish(topic, call...))
		require.NoError(t, p.Close())

		all := w.read(t, topic, len(call))
		require.Len(t, log.sends, 1)
		require.Len(t, log.attempts, 1)
		require.Empty(t, log.retries)
		send, attempt := log.sends[0], log.attempts[0]
		for i, msg := range call {
			s := at(t, all, seen.next(t))
			require.Equal(t, msg.UUID, s.Keys)
			require.Equal(t, msg.UUID, send.uuids[i])
			require.Equal(t, s.Broker, attempt.Attempt.MessageQueue.BrokerName)
			require.Equal(t, s.QueueID, attempt.Attempt.MessageQueue.QueueID)
		}
		require.Equal(t, send.uuids, attempt.uuids)
		require.Equal(t, send.Attempt.MessageQueue, attempt.Attempt.MessageQueue)
		require.Equal(t, publisher.Stored, attempt.Attempt.Outcome)
		require.Positive(t, attempt.Attempt.Took)
		require.Len(t, log.routes, 1)
		require.Len(t, log.routes[0][1].WriteQueues(), 1)
		require.Contains(t, log.ups, attempt.Attempt.Addr)
		require.ElementsMatch(t, log.ups, log.downs)
	})
}
