package publisher_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/check"
	"github.com/watermill-rocketmq/watermill-rocketmq/marshaler"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
)

// A broker from between the two lines that all other tests run on takes each kind of
// message as these do, one of each.
func TestMiddleVersion(t *testing.T) {
	w := realWorld(t, sharedCluster(t, "5.1.4"))
	topicOf := func(t *testing.T, queues int) string {
		topic := newTopic(t, "middle")
		w.createTopic(t, topic, queues)
		return topic
	}
	t.Run("attributes", func(t *testing.T) {
		topic := topicOf(t, 1)
		msg := messageWith(marshaler.MetadataTag, "paid", marshaler.MetadataKeys, "order-1", marshaler.MetadataFlag, "-7", "user", "data")
		require.NoError(t, publisherIn(t, w, nil).Publish(topic, msg))
		s := w.read(t, topic, 1)[0]
		require.Equal(t, "paid", s.Tags)
		require.Equal(t, msg.UUID+" order-1", s.Keys)
		require.EqualValues(t, -7, s.Flag)
		requireSameMessage(t, msg, unmarshal(t, s))
		requireNothingLeaked(t, s, republished(t, w, s), "user", "TAGS")
	})
	t.Run("keys", func(t *testing.T) {
		topic := topicOf(t, 5)
		seen := newResults()
		p := publisherIn(t, w, func(c *publisher.Config) { byPayload(c); c.OnResult = seen.add })
		for _, key := range []string{"a", "order", "polygenelubricants", "k😀"} {
			require.NoError(t, p.Publish(topic, newMessage(key+"-0")))
			require.Equal(t, w.real.JavaProduce(t, topic, 1, "--hash", key)[0].QueueID, seen.next(t).MessageQueue.QueueID, key)
		}
	})
	t.Run("manners", func(t *testing.T) {
		topic := topicOf(t, 4)
		seen := newResults()
		p := publisherIn(t, w, func(c *publisher.Config) { c.OnResult = seen.add; c.Queues.Selector = routing.Random{} })
		require.NoError(t, p.Publish(topic, newMessages(20)...))
		require.NoError(t, p.PublishAsync(topic, newMessages(20)...))
		require.NoError(t, p.Flush(t.Context()))
		require.NoError(t, p.PublishOneway(topic, newMessages(20)...))
		all := w.read(t, topic, 60)
		for range 40 {
			r := seen.next(t)
			require.Equal(t, r.UUID, at(t, all, r).Keys)
		}
	})
	t.Run("size", func(t *testing.T) {
		topic := topicOf(t, 1)
		p := publisherIn(t, w, func(c *publisher.Config) { c.Compression.Codec = publisher.NoCompression })
		require.NoError(t, p.Publish(topic, newMessage(string(make([]byte, maxBody)))))
		var tooLarge *publisher.MessageTooLargeError
		require.ErrorAs(t, p.Publish(topic, newMessage(string(make([]byte, maxBody+1)))), &tooLarge)
		require.Len(t, w.read(t, topic, 1)[0].Body, maxBody)
	})
	t.Run("addressing", func(t *testing.T) {
		topic := topicOf(t, 1)
		w.createTopic(t, "space%"+topic, 1)
		endpoint := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, _ *http.Request) {
			_, _ = fmt.Fprintln(out, strings.Join(w.nameServers, ";"))
		}))
		defer endpoint.Close()
		p := publisherIn(t, w, func(c *publisher.Config) {
			c.Cluster.NameServers, c.Cluster.Resolver, c.Cluster.VIPChannel = nil, routing.NewHTTPResolver(endpoint.URL), true
			c.Cluster.Namespace = "space"
		})
		require.NoError(t, p.Publish(topic, newMessage("x")))
		require.Equal(t, "space", w.read(t, "space%"+topic, 1)[0].Properties["INSTANCE_ID"])
		require.NoError(t, publisherIn(t, w, func(c *publisher.Config) { c.Cluster.NamespaceV2 = "space" }).Publish(topic, newMessage("x")))
		require.Len(t, w.read(t, topic, 1), 1)
	})
	t.Run("hooks and check", func(t *testing.T) {
		topic := topicOf(t, 1)
		var log hookLog
		p := publisherIn(t, w, func(c *publisher.Config) { c.Hooks, c.ProducerGroup = []publisher.Hooks{log.hooks()}, topic })
		before := stateOf(t, w)
		report := checkedInTime(t, p, topic)
		require.NoError(t, report.Without(check.AutoCreate).Err(), report)
		require.Equal(t, before, stateOf(t, w))
		require.NoError(t, p.Publish(topic, newMessages(3)...))
		require.Len(t, w.read(t, topic, 3), 3)
		require.Len(t, log.sends, 1)
		require.Eventually(t, func() bool { return len(w.real.Producers(t, topic)) == 1 }, patience, 50*time.Millisecond)
	})
}
