package publisher_test

import (
	"strings"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"

	rocketmq "github.com/watermill-rocketmq/watermill-rocketmq"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/marshaler"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
)

// Messages of a namespace are in the topic that the Java client with that
// namespace puts its own into, single ones and batches, with the same property;
// the message and the names that the caller sees stay as they were.
func TestNamespace(t *testing.T) {
	inEveryWorld(t, func(t *testing.T, w *world) {
		topic, group := newTopic(t, "spaced"), newTopic(t, "group")
		w.createTopic(t, "space%"+topic, 2)
		seen := newResults()
		p := publisherIn(t, w, func(c *publisher.Config) {
			c.Cluster.Namespace, c.ProducerGroup, c.OnResult = "space", group, seen.add
		})
		single := message.NewMessage("1", []byte("x"))
		single.Metadata.Set("a", "b")
		kept := single.Copy()
		require.NoError(t, p.Publish(topic, single))
		requireSameMessage(t, kept, single)
		require.NoError(t, p.Publish(topic, newMessages(3)...))

		all := w.read(t, "space%"+topic, 4)
		for range all {
			r := seen.next(t)
			require.Equal(t, topic, r.MessageQueue.Topic, "as in the SendResult of the Java client")
			r.MessageQueue.Topic = "space%" + topic
			require.Equal(t, "space", at(t, all, r).Properties["INSTANCE_ID"])
		}
		require.Empty(t, w.read(t, topic, 0))
		if w.embedded != nil {
			require.Eventually(t, func() bool { return len(w.embedded.Broker(0).Producers("space%"+group)) == 1 }, patience, time.Millisecond)
			require.Empty(t, w.embedded.Broker(0).Producers(group))
			require.NoError(t, p.Close())
			require.Empty(t, w.embedded.Broker(0).Producers("space%"+group))
			return
		}
		require.Eventually(t, func() bool { return len(w.real.Producers(t, "space%"+group)) == 1 }, patience, 50*time.Millisecond)
		require.Empty(t, w.real.Producers(t, group))
		require.NoError(t, p.Close())
		require.Empty(t, w.real.Producers(t, "space%"+group))

		require.Equal(t, topic, w.real.JavaProduce(t, topic, 1, "--namespace", "space")[0].Topic)
		for _, s := range w.read(t, "space%"+topic, 5) {
			require.Equal(t, "space", s.Properties["INSTANCE_ID"])
		}
		// The Java client gives the property to a batch as a whole, which 4.9.7
		// passes on to its messages and 5.5.0 does not.
		w.real.JavaProduce(t, topic, 2, "--namespace", "space", "--batch")
		require.Len(t, w.read(t, "space%"+topic, 7), 7)
	})
}

// Topics that brokers create are created under the wrapped name, and retry topics
// keep their prefix in front.
func TestNamespaceOfNewTopics(t *testing.T) {
	inEveryWorld(t, func(t *testing.T, w *world) {
		topic, group := newTopic(t, "new"), newTopic(t, "group")
		retry := "%RETRY%space%" + group
		w.createTopic(t, retry, 1)
		publishTo := func(c *publisher.Config) { c.Cluster.Namespace = "space" }
		require.NoError(t, publisherIn(t, w, publishTo).Publish(topic, newMessage("x")))
		require.Len(t, w.read(t, "space%"+topic, 1), 1)
		p := publisherIn(t, w, func(c *publisher.Config) { publishTo(c); c.Topics = fixedTopic("%RETRY%" + group) })
		require.NoError(t, p.Publish("any", newMessage("x")))
		require.Len(t, w.read(t, retry, 1), 1)
	})
}

// The keys of ordering keep to the queues that the Java client with the namespace
// takes.
func TestNamespaceKeepsKeys(t *testing.T) {
	inRealWorlds(t, func(t *testing.T, w *world) {
		topic := newTopic(t, "keyed")
		w.createTopic(t, "space%"+topic, 5)
		seen := newResults()
		p := publisherIn(t, w, func(c *publisher.Config) { byPayload(c); c.Cluster.Namespace, c.OnResult = "space", seen.add })
		for _, key := range []string{"a", "order", "k😀"} {
			require.NoError(t, p.Publish(topic, newMessage(key+"-0")))
			java := w.real.JavaProduce(t, topic, 1, "--hash", key, "--namespace", "space")[0]
			require.Equal(t, java.QueueID, seen.next(t).MessageQueue.QueueID, key)
		}
	})
}

// Errors name the topic that the caller gave, and inside the one that brokers were
// asked for. The lengths that brokers allow are those of the whole name.
func TestNamespaceErrors(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		p := publisherOn(t, c, func(c *publisher.Config) { c.Cluster.Namespace = "space" })
		err := p.Publish("nowhere", newMessage("x"))
		require.Equal(t, "nowhere", failureOf(t, err).Topic)
		var missing *routing.NoRouteError
		require.ErrorAs(t, err, &missing)
		require.Equal(t, "space%nowhere", missing.Topic)

		plain := publisherOn(t, c, func(c *publisher.Config) { c.Cluster.Namespace, c.Topics = "space", marshaler.PlainTopics{} })
		err = plain.Publish(strings.Repeat("t", 127-len("space%")), newMessage("x"))
		require.ErrorAs(t, err, &missing, "long, but not too long")
		err = plain.Publish(strings.Repeat("t", 128-len("space%")), newMessage("x"))
		require.ErrorIs(t, err, marshaler.ErrTopicTooLong)

		everySend(c, embedded.Answer(headers.SystemBusy, "later"))
		require.NoError(t, c.CreateTopic("space%"+orders, 1))
		failed := failureOf(t, p.Publish(orders, newMessage("x"))).Results[0].Failed[0]
		require.Equal(t, orders, failed.MessageQueue.Topic)
	}, embedded.WithoutAutoCreateTopic())
}

func TestNamespaceConfig(t *testing.T) {
	valid := []string{"a:1"}
	for text, cfg := range map[string]publisher.Config{
		"Namespace is \"a%b\"":  {Cluster: rocketmq.Cluster{NameServers: valid, Namespace: "a%b"}},
		"Namespace is \"a.b\"":  {Cluster: rocketmq.Cluster{NameServers: valid, Namespace: "a.b"}},
		"NamespaceV2 is":        {Cluster: rocketmq.Cluster{NameServers: valid, NamespaceV2: "\xff"}},
		"are both set":          {Cluster: rocketmq.Cluster{NameServers: valid, Namespace: "a", NamespaceV2: "b"}},
		"ProducerGroup is \"n%": {Cluster: rocketmq.Cluster{NameServers: valid, Namespace: "n"}, ProducerGroup: strings.Repeat("g", 119)},
		"Topics.Namespace is \"b\", want that of Cluster.Namespace, \"a\"": {Cluster: rocketmq.Cluster{NameServers: valid, Namespace: "a"}, Topics: marshaler.EscapeTopics{Namespace: "b"}},
		"Topics.Namespace is \"a\", want that of Cluster.Namespace, \"\"":  {Cluster: rocketmq.Cluster{NameServers: valid}, Topics: &marshaler.EscapeTopics{Namespace: "a"}},
		"namespace of 81 bytes, want at most 80":                           {Cluster: rocketmq.Cluster{NameServers: valid, Namespace: strings.Repeat("n", 81)}},
	} {
		require.ErrorContains(t, cfg.Validate(), text)
	}
	require.NoError(t, publisher.Config{Cluster: rocketmq.Cluster{NameServers: valid, Namespace: "n"}, ProducerGroup: strings.Repeat("g", 118)}.Validate())
}
