package publisher_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/pubsub/gochannel"
	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/marshaler"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
)

// pipeline runs a Watermill router that takes messages from a Go channel and
// publishes what handle makes of them to the topic orders. It returns the way in.
func pipeline(t *testing.T, p message.Publisher, handle message.HandlerFunc, middlewares ...message.HandlerMiddleware) func(payload string) {
	t.Helper()
	in := gochannel.NewGoChannel(gochannel.Config{Persistent: true}, watermill.NopLogger{})
	t.Cleanup(func() { require.NoError(t, in.Close()) }) // after the router
	runRouter(t, in, p, orders, handle, middlewares...)
	return func(payload string) { require.NoError(t, in.Publish("in", newMessage(payload))) }
}

func relay(msg *message.Message) ([]*message.Message, error) {
	return []*message.Message{message.NewMessage(msg.UUID, msg.Payload)}, nil
}

func bodies(c *embedded.Cluster, topic string) []string {
	var list []string
	for _, m := range messagesIn(c, topic) {
		list = append(list, string(m.Body))
	}
	return list
}

// awaitStored waits until the topic has n messages.
func awaitStored(t *testing.T, c *embedded.Cluster, topic string, n int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
	defer cancel()
	_, err := c.AwaitMessages(ctx, topic, n)
	require.NoError(t, err)
}

// The router acknowledges its input only when the output is published, so a
// broker's failure makes it deliver the message again: none is lost.
func TestPromiseInARouter(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		onSend(c, func(n int, _ embedded.Request) embedded.Fault {
			if n == 2 {
				return embedded.Answer(headers.MessageIllegal, "") // ends the Publish call
			}
			return embedded.Fault{}
		})
		put := pipeline(t, publisherOn(t, c, oneByOne), relay)
		put("1")
		awaitStored(t, c, orders, 1)
		put("2")
		put("3")
		awaitStored(t, c, orders, 3)
		require.ElementsMatch(t, []string{"1", "2", "3"}, bodies(c, orders))
		require.Equal(t, 4, sends(c))
	})
}

// retry and poisonQueue do what Watermill's middleware.Retry and
// middleware.PoisonQueue do. That package is not imported, as it would bring
// modules of its own along.
func retry(next message.HandlerFunc) message.HandlerFunc {
	return func(msg *message.Message) (produced []*message.Message, err error) {
		for range 5 {
			if produced, err = next(msg); err == nil {
				break
			}
			time.Sleep(time.Second)
		}
		return produced, err
	}
}

func poisonQueue(p message.Publisher, topic string) message.HandlerMiddleware {
	return func(next message.HandlerFunc) message.HandlerFunc {
		return func(msg *message.Message) ([]*message.Message, error) {
			produced, err := next(msg)
			if err == nil {
				return produced, nil
			}
			msg.Metadata.Set("reason_poisoned", err.Error())
			msg.Metadata.Set("topic_poisoned", message.SubscribeTopicFromCtx(msg.Context()))
			msg.Metadata.Set("handler_poisoned", message.HandlerNameFromCtx(msg.Context()))
			msg.Metadata.Set("subscriber_poisoned", message.SubscriberNameFromCtx(msg.Context()))
			return nil, p.Publish(topic, msg)
		}
	}
}

func TestPromiseUnderRetry(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		onSend(c, func(n int, _ embedded.Request) embedded.Fault {
			if n < 3 {
				return embedded.Answer(headers.MessageIllegal, "")
			}
			return embedded.Fault{}
		})
		p := publisherOn(t, c, nil)
		publishes := func(msg *message.Message) ([]*message.Message, error) { return nil, p.Publish(orders, msg) }
		put := pipeline(t, p, publishes, retry)
		put("1")
		awaitStored(t, c, orders, 1)
		require.Equal(t, 3, sends(c))
	})
}

// A poisoned message carries the reason in its metadata, whatever that is made
// of, and is the very message that came in.
func TestPromiseAsPoisonQueue(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		p := publisherOn(t, c, nil)
		reason := "line one\nline \x01 two \xff"
		fails := func(*message.Message) ([]*message.Message, error) { return nil, errors.New(reason) }
		put := pipeline(t, p, fails, poisonQueue(p, "orders.poison"))
		put("bad")
		topic, err := marshaler.EscapeTopics{}.MapTopic("orders.poison")
		require.NoError(t, err)
		awaitStored(t, c, topic.Name, 1)
		msg := unmarshal(t, fromEmbedded(t, messagesIn(c, topic.Name)[0]))
		require.Equal(t, "bad", string(msg.Payload))
		require.Equal(t, reason, msg.Metadata.Get("reason_poisoned"))
		require.Equal(t, "relay", msg.Metadata.Get("handler_poisoned"))
		require.Empty(t, bodies(c, orders))
	})
}

// Decorators of Watermill wrap it like any other publisher.
func TestPromiseUnderADecorator(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		decorate := message.MessageTransformPublisherDecorator(func(msg *message.Message) { msg.Metadata.Set("by", "decorator") })
		p, err := decorate(unclosedPublisherOn(t, c, nil))
		require.NoError(t, err)
		require.NoError(t, p.Publish(orders, newMessage("x")))
		require.Equal(t, "decorator", messagesIn(c, orders)[0].Properties["by"])
		require.NoError(t, p.Close())
		require.ErrorIs(t, p.Publish(orders, newMessage("x")), publisher.ErrClosed)
	})
}
