package publisher_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	rocketmq "github.com/watermill-rocketmq/watermill-rocketmq"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/marshaler"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
)

// Results have the topic without the namespace, however the message was sent.
func TestPromiseNamespaceOneway(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		require.NoError(t, c.CreateTopic("ns%orders", 1))
		var seen []publisher.Result
		p := publisherOn(t, c, func(cfg *publisher.Config) {
			cfg.Cluster.Namespace = "ns"
			cfg.OnResult = func(r publisher.Result) { seen = append(seen, r) }
		})
		require.NoError(t, p.Publish(orders, newMessage("x")))
		require.Equal(t, orders, seen[0].MessageQueue.Topic)
		require.NoError(t, p.PublishOneway(orders, newMessage("x")))
		require.Equal(t, orders, seen[1].MessageQueue.Topic)
	})
}

// So have attempts, of callers that leave, and those that hooks are told of.
func TestPromiseNamespaceAttempts(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		require.NoError(t, c.CreateTopic("ns%orders", 1))
		var attempts []publisher.AttemptEvent
		p := publisherOn(t, c, func(cfg *publisher.Config) {
			cfg.Cluster.Namespace = "ns"
			cfg.Hooks = append(cfg.Hooks, publisher.Hooks{AttemptEnd: func(_ context.Context, e publisher.AttemptEvent) { attempts = append(attempts, e) }})
		})
		require.NoError(t, p.Publish(orders, newMessage("x")))
		firstSend(c, embedded.Ignore())
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		own, cancelOwn := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer cancelOwn()
		e := failureOf(t, p.Publish(orders, messageIn(ctx), messageIn(own)))
		for _, r := range e.Results {
			for _, a := range r.Failed {
				require.Contains(t, []string{"", orders}, a.MessageQueue.Topic, "of a caller that left")
			}
		}
		synctest.Wait() // the attempt that all callers have left ends by itself
		for _, a := range attempts {
			require.Equal(t, orders, a.Attempt.MessageQueue.Topic)
		}
	})
}

// Whatever the topics are called, each is a RocketMQ topic of its own in the namespace,
// and none is outside.
func TestPromiseNamespaceKeepsTopicsApart(t *testing.T) {
	topics := []string{
		orders, "ns%orders", "ns%ns%orders", "ns%", "%orders", "other%orders", "nsx%orders", "ns", "CID_RMQ_SYS_orders", "CID_RMQ_SYS_",
		"_wm_ns-25orders", "ns.orders", "ns%orders.new", strings.Repeat("x", 124), strings.Repeat("x", 125), strings.Repeat("x", 128),
		"ns%" + strings.Repeat("x", 121), "ns%" + strings.Repeat("x", 122), strings.Repeat(".", 40), strings.Repeat(".", 41), strings.Repeat("é", 500),
	}
	for _, mapper := range []marshaler.TopicMapper{nil, marshaler.EscapeTopics{}, &marshaler.EscapeTopics{}, marshaler.EscapeTopics{Namespace: "ns"}, marshaler.PlainTopics{}} {
		inBubble(t, func(t *testing.T, c *embedded.Cluster) {
			p := publisherOn(t, c, func(cfg *publisher.Config) { cfg.Cluster.Namespace, cfg.Topics = "ns", mapper })
			taken := make(map[string]bool)
			for _, topic := range topics {
				err := p.Publish(topic, newMessage(topic))
				if _, plain := mapper.(marshaler.PlainTopics); plain && err != nil {
					var refused *marshaler.TopicError
					require.ErrorAs(t, err, &refused, topic)
					continue
				}
				require.NoError(t, err, topic)
				taken[topic] = true
			}
			require.Contains(t, taken, "other%orders")
			found := make(map[string]bool)
			for _, topic := range c.Broker(0).Topics() {
				for _, m := range messagesIn(c, topic.Name) {
					name := unmarshal(t, fromEmbedded(t, m)).Payload
					require.False(t, found[string(name)], "twice")
					found[string(name)] = true
					require.True(t, strings.HasPrefix(topic.Name, "ns%"), topic.Name)
				}
				require.LessOrEqual(t, len(messagesIn(c, topic.Name)), 1, "%s is more than one topic", topic.Name)
			}
			require.Equal(t, taken, found)
		})
	}
}

// A mapper that has EscapeTopics in it maps by itself; what it makes is checked.
func TestPromiseNamespaceOfAMapperOfOnesOwn(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		p := publisherOn(t, c, func(cfg *publisher.Config) { cfg.Cluster.Namespace, cfg.Topics = "ns", prefixed{} })
		require.NoError(t, p.Publish("x", newMessage("x")))
		require.Len(t, messagesIn(c, "ns%own-x"), 1)
		err := p.Publish("", newMessage("x"))
		require.ErrorIs(t, err, marshaler.ErrTopicNotInNamespace)
		var refused *marshaler.TopicError
		require.ErrorAs(t, err, &refused)
		require.Equal(t, "CID_RMQ_SYS_x", refused.Topic)
	})
}

// prefixed maps all topics but one.
type prefixed struct{ marshaler.EscapeTopics }

func (prefixed) MapTopic(topic string) (marshaler.MappedTopic, error) {
	if topic == "" {
		return marshaler.MappedTopic{Name: "CID_RMQ_SYS_x"}, nil
	}
	return marshaler.MappedTopic{Name: "own-" + topic}, nil
}

// Any group and namespace that a publisher may have will do for traces too.
func TestTraceInNamespace(t *testing.T) {
	for _, traced := range []bool{false, true} {
		p, err := publisher.New(publisher.Config{
			Cluster:       rocketmq.Cluster{NameServers: []string{"127.0.0.1:1"}, Namespace: strings.Repeat("n", 20)},
			ProducerGroup: strings.Repeat("g", 80),
			Trace:         publisher.TraceConfig{Enabled: traced},
		}, nil)
		require.NoError(t, err)
		require.NoError(t, p.Close())
	}
}
