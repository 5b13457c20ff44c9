package publisher_test

import (
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"

	rocketmq "github.com/watermill-rocketmq/watermill-rocketmq"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/realbroker"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
)

// requireTypeRefused asserts that the proxy refused a message for its type, with a
// topic of the expected one, and at once.
func requireTypeRefused(t *testing.T, err error, expected string) {
	t.Helper()
	require.ErrorIs(t, err, &headers.StatusError{Code: headers.MessageIllegal})
	require.ErrorContains(t, err, "the expected type is "+expected)
	require.NotErrorIs(t, err, publisher.ErrPermanent, "the topic can be given another type")
	failed := failureOf(t, err)
	require.Equal(t, publisher.NotSent, failed.Outcome())
	requireOneAttempt(t, failed.Results[0])
}

// Everything goes through the remoting port of a proxy in cluster mode, which
// names itself as the address of every broker: single messages, batches, keys,
// large bodies, JSON headers, heartbeats and the goodbye. The Java client reads the
// messages from the brokers themselves. A proxy checks each message against the
// type of its topic (enableTopicMessageTypeCheck, on by default): keys need a FIFO
// topic, and no topic is created by sending to it.
func TestProxy(t *testing.T) {
	w := ownCluster(t, realbroker.Config{Version: realbroker.Versions()[0], Brokers: 2, Proxy: true})
	through := func(change func(*publisher.Config)) *publisher.Publisher {
		return publisherIn(t, w, func(c *publisher.Config) {
			c.Cluster.NameServers = []string{w.real.Proxy()}
			if change != nil {
				change(c)
			}
		})
	}
	t.Run("messages", func(t *testing.T) {
		topic, group := newTopic(t, "proxied"), newTopic(t, "group")
		w.createTopic(t, topic, 2)
		seen, dials := newResults(), new(dialed)
		p := through(func(c *publisher.Config) {
			c.OnResult, c.ProducerGroup, c.Cluster.Dial = seen.add, group, dials.through(nil)
		})
		for range 8 {
			require.NoError(t, p.Publish(topic, newMessage("x")))
		}
		require.NoError(t, p.Publish(topic, newMessages(20)...))
		large := message.NewMessage("large", make([]byte, 100_000))
		require.NoError(t, p.Publish(topic, large))
		brokers := make(map[string]int)
		all := w.read(t, topic, 29)
		for range all {
			r := seen.next(t)
			require.Equal(t, publisher.SendOK, r.Status)
			require.Equal(t, w.real.Proxy(), r.BrokerAddr)
			require.Equal(t, r.MessageID, at(t, all, r).UniqueID)
			require.Equal(t, r.OffsetMessageID, at(t, all, r).OffsetMessageID)
			brokers[r.MessageQueue.BrokerName]++
		}
		require.Len(t, brokers, 2)
		require.Len(t, dials.addrs, 1, "the proxy is all that is dialed")
		require.NoError(t, p.Close())
	})
	t.Run("keys", func(t *testing.T) {
		topic := newTopic(t, "proxied-keys")
		w.real.CreateTopic(t, topic, 5, "+message.type=FIFO") // a proxy refuses keys to others
		seen := newResults()
		p := through(func(c *publisher.Config) { byPayload(c); c.OnResult = seen.add })
		for _, key := range []string{"a", "order", "k😀"} {
			require.NoError(t, p.Publish(topic, newMessage(key+"-0")))
			ours, java := seen.next(t).MessageQueue, w.real.JavaProduce(t, topic, 1, "--hash", key)[0]
			require.Equal(t, java.BrokerName, ours.BrokerName, key)
			require.Equal(t, java.QueueID, ours.QueueID, key)
		}
	})
	t.Run("keys to a topic without order", func(t *testing.T) {
		topic := newTopic(t, "proxied-normal")
		w.createTopic(t, topic, 1)
		requireTypeRefused(t, through(byPayload).Publish(topic, newMessage("key-0")), "NORMAL")
		require.Empty(t, w.read(t, topic, 0))
	})
	t.Run("new topic", func(t *testing.T) {
		topic := newTopic(t, "proxied-new")
		requireTypeRefused(t, through(nil).Publish(topic, newMessage("x")), "UNSPECIFIED")
		require.NotContains(t, w.real.Topics(t), topic)
	})
	t.Run("unknown topic", func(t *testing.T) {
		// A proxy does not say which brokers there are (code 106).
		topic := newTopic(t, "proxied-unknown")
		p := through(func(c *publisher.Config) { c.AutoCreate.DefaultTopic = newTopic(t, "no-default") })
		err := p.Publish(topic, newMessage("x"))
		var missing *routing.NoRouteError
		require.ErrorAs(t, err, &missing)
		requireOneAttempt(t, failureOf(t, err).Results[0])
	})
	t.Run("namespace", func(t *testing.T) {
		topic := newTopic(t, "proxied-spaced")
		w.createTopic(t, "space%"+topic, 2)
		p := through(func(c *publisher.Config) { c.Cluster.Namespace = "space" })
		require.NoError(t, p.Publish(topic, newMessages(3)...))
		require.Len(t, w.read(t, "space%"+topic, 3), 3)
	})
	t.Run("JSON headers", func(t *testing.T) {
		topic := newTopic(t, "proxied-json")
		w.createTopic(t, topic, 2)
		p := through(func(c *publisher.Config) { c.Cluster.Headers = rocketmq.JSONHeaders })
		require.NoError(t, p.Publish(topic, newMessages(3)...))
		require.Len(t, w.read(t, topic, 3), 3)
	})
	t.Run("broker down", func(t *testing.T) {
		topic := newTopic(t, "proxied-down")
		w.createTopic(t, topic, 2)
		p := through(func(c *publisher.Config) { c.SendTimeout = 10 * time.Minute })
		require.NoError(t, p.Publish(topic, newMessage("x")))
		require.NoError(t, w.real.Broker(1).Kill())
		for range 8 {
			require.NoError(t, p.Publish(topic, newMessage("x")))
		}
		require.NoError(t, w.real.Broker(1).Start())
		require.Len(t, w.read(t, topic, 9), 9)
	})
}
