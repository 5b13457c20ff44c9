package publisher_test

import (
	"errors"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/components/delay"
	"github.com/ThreeDotsLabs/watermill/components/requeuer"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/marshaler"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
)

const poison = "poison"

var errBroken = errors.New("the handler is broken")

// alwaysKeyed gives every message a key.
func alwaysKeyed(c *publisher.Config) {
	c.OrderingKey = func(string, *message.Message) (string, error) { return "customer 7", nil }
}

// A router does again what brought an error. So a message that a broker has stored is
// none: one order in, one invoice out.
func TestPromiseStoredIsHandledOnce(t *testing.T) {
	for code, status := range notDurable {
		t.Run(status.String(), func(t *testing.T) {
			inBubble(t, func(t *testing.T, c *embedded.Cluster) {
				everySend(c, embedded.StoreThenAnswer(code, ""))
				in := routed(t, publisherOn(t, c, nil), orders, relay)
				require.Equal(t, 1, in.deliver(t, newMessage("order")))
				require.Equal(t, 1, storedIn(c, orders))
			})
		})
	}
}

// DelayOnError gives the message a delay, and OrderingKey gives every message a key:
// the delay counts, and the message arrives in the poison queue.
func TestPromiseDelayOnErrorWithOrderingKey(t *testing.T) {
	for name, opts := range map[string][]embedded.Option{"timers": nil, "levels": {withLevels}} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, c *embedded.Cluster) {
				seen := newResults()
				p, lines := loggedOn(t, c, func(c *publisher.Config) {
					alwaysKeyed(c)
					c.OnResult = seen.add
				})
				in := routed(t, p, orders, failing(errBroken), poisonQueue(p, poison), delayOnError(20*time.Second))
				since := stopwatch()
				for range 3 {
					require.Equal(t, 1, in.deliver(t, newMessage("order")))
					require.Equal(t, 1, seen.next(t).Attempts)
				}
				require.Zero(t, storedIn(c, poison), "all wait")
				awaitStored(t, c, poison, 3)
				require.GreaterOrEqual(t, since(), 19*time.Second)
				for _, m := range messagesIn(c, poison) {
					require.NotContains(t, m.Properties, headers.PropertyShardingKey)
				}
				dropped := lines(watermill.DebugLogLevel, "Dropped the ordering key of a delayed message, which has no order in RocketMQ")
				require.Len(t, dropped, 1, "in 30 s")
				require.Equal(t, poison, dropped[0].Fields["topic"])

				require.NoError(t, p.Publish(orders, newMessage("in order")))
				require.Equal(t, "customer 7", messagesIn(c, orders)[0].Properties[headers.PropertyShardingKey])
			}, opts...)
		})
	}
}

// A poison reason of any length is cut to what fits, and nothing else is.
func TestPromisePoisonReasonTooLong(t *testing.T) {
	long := strings.Repeat("at main.handle(0xc000012345) ", 4000)
	for name, test := range map[string]struct {
		reason, value string
		delay         time.Duration
	}{
		"a stack":          {reason: long},
		"runes":            {reason: strings.Repeat("Größe 日本 ", 5000)},
		"bad bytes":        {reason: strings.Repeat("\xff\x01\x80", 30_000)},
		"beside much data": {reason: long, value: strings.Repeat("v", 31_000)},
		"with a delay":     {reason: long, delay: time.Minute},
		"no room at all":   {reason: long, value: strings.Repeat("v", 31_800)},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, c *embedded.Cluster) {
				p, lines := loggedOn(t, c, nil)
				middlewares := []message.HandlerMiddleware{poisonQueue(p, poison)}
				if test.delay > 0 {
					middlewares = append(middlewares, delayOnError(test.delay))
				}
				in := routed(t, p, orders, failing(errors.New(test.reason)), middlewares...)
				msg := newMessage("order")
				msg.Metadata.Set("value", test.value)
				require.Equal(t, 1, in.deliver(t, msg))
				awaitStored(t, c, poison, 1)
				got := unmarshal(t, fromEmbedded(t, messagesIn(c, poison)[0]))
				require.Equal(t, msg.UUID, got.UUID)
				require.Equal(t, msg.Payload, got.Payload)
				require.Equal(t, test.value, got.Metadata.Get("value"))
				require.Len(t, lines(watermill.DebugLogLevel, "Cut the error text in the metadata of a message to what RocketMQ takes"), 1)
				reason, ok := got.Metadata["reason_poisoned"]
				if name == "no room at all" {
					require.False(t, ok)
					return
				}
				require.Equal(t, "relay", got.Metadata.Get("handler_poisoned"))
				kept, mark, ok := strings.Cut(reason, "... [")
				require.True(t, ok)
				require.Regexp(t, `^\d+ bytes cut\]$`, mark)
				require.True(t, strings.HasPrefix(test.reason, kept))
				require.Equal(t, utf8.ValidString(test.reason), utf8.ValidString(kept), "cut between runes")
				size := len(messagesIn(c, poison)[0].RawProperties)
				if test.delay == 0 && utf8.ValidString(test.reason) {
					require.Greater(t, size, 31_900, "as much as fits is kept")
				}
				require.LessOrEqual(t, size, 32_400)
			})
		})
	}
}

// A message that has failed for want of what its key is made of goes without one, and
// one whose delay nobody can read does not wait.
func TestPromisePoisonedMessageWithoutKeyOrDelay(t *testing.T) {
	for name, change := range map[string]func(*publisher.Config){
		"error": func(c *publisher.Config) {
			c.OrderingKey = func(string, *message.Message) (string, error) { return "", errors.New("no customer") }
		},
		"key that is no property": func(c *publisher.Config) {
			c.OrderingKey = func(string, *message.Message) (string, error) { return "\xff", nil }
		},
		"no keys": nil,
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, c *embedded.Cluster) {
				p, lines := loggedOn(t, c, change)
				in := routed(t, p, orders, failing(errBroken), poisonQueue(p, poison))
				msg := newMessage("order")
				msg.Metadata.Set(delay.DelayedUntilKey, "tomorrow")
				require.ErrorIs(t, p.Publish(orders, msg), publisher.ErrPermanent)
				require.Equal(t, 1, in.deliver(t, msg))
				require.Equal(t, 1, storedIn(c, poison))
				got := unmarshal(t, fromEmbedded(t, messagesIn(c, poison)[0]))
				require.Equal(t, "tomorrow", got.Metadata[delay.DelayedUntilKey])
				told := lines(watermill.DebugLogLevel, "Publishing a failed message without an ordering key, since OrderingKey has none for it")
				require.Equal(t, change != nil, len(told) == 1)
			})
		})
	}
}

// What the user has put into a message is never cut: one that is too large without
// the reason stays refused.
func TestPromisePoisonNeverCutsData(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		msg := newMessage("order")
		msg.Metadata.Set("value", strings.Repeat("v", 33_000))
		msg.Metadata.Set("reason_poisoned", strings.Repeat("r", 33_000))
		err := publisherOn(t, c, nil).Publish(orders, msg)
		var large *marshaler.PropertiesTooLargeError
		require.ErrorAs(t, err, &large)
		require.ErrorIs(t, err, publisher.ErrPermanent)
		require.Len(t, msg.Metadata["reason_poisoned"], 33_000, "the caller's own is as it was")
		require.Zero(t, sends(c))
	})
}

// A reply that carries an error's text is cut in the same way.
func TestPromiseReplyErrorTooLong(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		reply := newMessage("reply")
		reply.Metadata.Set("_watermill_requestreply_error", strings.Repeat("r", 33_000))
		reply.Metadata.Set("_watermill_requestreply_has_error", "1")
		require.NoError(t, publisherOn(t, c, nil).Publish(orders, reply))
		got := unmarshal(t, fromEmbedded(t, messagesIn(c, orders)[0]))
		require.Contains(t, got.Metadata.Get("_watermill_requestreply_error"), "bytes cut]")
	})
}

// Timeout and InstantAck end a message's context before PoisonQueue publishes it.
func TestPromisePoisonQueueUnderTimeoutAndInstantAck(t *testing.T) {
	for name, middleware := range map[string]message.HandlerMiddleware{"Timeout": within(time.Minute), "InstantAck": instantAck} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, c *embedded.Cluster) {
				p := publisherOn(t, c, nil)
				in := routed(t, p, orders, failing(errBroken), poisonQueue(p, poison), middleware)
				require.Equal(t, 1, in.deliver(t, newMessage("order")))
				awaitStored(t, c, poison, 1)
			})
		})
	}
}

// What a handler passes on has an ended context as well after InstantAck.
func TestPromisePassedOnUnderInstantAck(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		passOn := func(msg *message.Message) ([]*message.Message, error) { return []*message.Message{msg}, nil }
		in := routed(t, publisherOn(t, c, nil), orders, passOn, instantAck)
		require.Equal(t, 1, in.deliver(t, newMessage("order")))
		awaitStored(t, c, orders, 1)
	})
}

// A message that has failed waits as long as is possible if it cannot wait as long as
// it is told to.
func TestPromiseDelayOfAFailedMessage(t *testing.T) {
	for name, test := range map[string]struct {
		max, asked, want time.Duration
		opts             []embedded.Option
	}{
		"over the maximum":         {0, 30 * 24 * time.Hour, 3 * 24 * time.Hour, nil},
		"over one's own":           {time.Hour, 2 * time.Hour, time.Hour, nil},
		"over the longest level":   {0, 5 * time.Hour, 2 * time.Hour, []embedded.Option{withLevels}},
		"between levels":           {0, 20 * time.Second, 30 * time.Second, []embedded.Option{withLevels}},
		"over maximum and levels":  {0, 30 * 24 * time.Hour, 2 * time.Hour, []embedded.Option{withLevels}},
		"over the broker's":        {0, 24 * time.Hour, 2 * time.Hour, []embedded.Option{embedded.WithMaxDelay(time.Minute)}},
		"without timers":           {0, 24 * time.Hour, 2 * time.Hour, []embedded.Option{embedded.WithoutTimers()}},
		"under all (level: is it)": {0, time.Hour, time.Hour, []embedded.Option{withLevels}},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, c *embedded.Cluster) {
				p := publisherOn(t, c, func(c *publisher.Config) { c.Delay.Max = test.max })
				in := routed(t, p, orders, failing(errBroken), poisonQueue(p, poison), delayOnError(test.asked))
				since := stopwatch()
				require.Equal(t, 1, in.deliver(t, newMessage("order")))
				_, err := c.AwaitMessages(t.Context(), poison, 1)
				require.NoError(t, err)
				require.InDelta(t, test.want, since(), float64(3*time.Second))

				// So does one that a requeuer publishes.
				requeued := newMessage("order")
				requeued.Metadata.Set(requeuer.RetriesKey, "1")
				delay.Message(requeued, delay.For(test.asked))
				require.NoError(t, p.Publish(poison, requeued))
				_, err = c.AwaitMessages(t.Context(), poison, 2)
				require.NoError(t, err)
			}, test.opts...)
		})
	}
}

// One that is too large for a timer waits by a level.
func TestPromiseFailedMessageTooLargeForATimer(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		p := publisherOn(t, c, noCompression)
		in := routed(t, p, orders, failing(errBroken), poisonQueue(p, poison), delayOnError(30*24*time.Hour))
		since := stopwatch()
		require.Equal(t, 1, in.deliver(t, newMessage(strings.Repeat("x", 4<<20))))
		_, err := c.AwaitMessages(t.Context(), poison, 1)
		require.NoError(t, err)
		require.Equal(t, 2*time.Hour, since())
	})
}

// Whatever a consumed message has in it, and whatever the poison queue is called, the
// router goes on to the next message, and the message is in the poison queue.
func TestPromisePoisonQueueTakesAnyMessage(t *testing.T) {
	metadata := func(pairs ...string) *message.Message {
		msg := newMessage("order")
		for i := 0; i < len(pairs); i += 2 {
			msg.Metadata.Set(pairs[i], pairs[i+1])
		}
		return msg
	}
	system := newMessage("order")
	for _, name := range []string{
		"UNIQ_KEY", "DELAY", "TIMER_DELIVER_MS", "TRAN_MSG", "PGROUP", "KEYS", "TAGS", "WAIT", "RECONSUME_TIME", "MAX_RECONSUME_TIMES",
		"__SHARDINGKEY", "INNER_NUM", "REAL_TOPIC", "MIN_OFFSET", "MAX_OFFSET", "POP_CK", "__RMQ.TRANSIENT.X", "INSTANCE_ID", "_watermill_message_uuid",
	} {
		system.Metadata.Set(name, "true")
	}
	for name, msg := range map[string]*message.Message{
		"plain":             newMessage("order"),
		"no payload":        message.NewMessage("1", nil),
		"empty payload":     message.NewMessage("1", []byte{}),
		"no UUID":           message.NewMessage("", []byte("order")),
		"bad UUID":          message.NewMessage("a b\x01\xff", []byte("order")),
		"empty values":      metadata("a", "", "", "b", "correlation_id", ""),
		"bad bytes":         metadata("a\x01b", "c\x02d", "e\xff", "f\xff", "%", "%"),
		"system properties": system,
		"our own names":     metadata("_wm_payload", "nil", "_wm_uuid", "x", "_wm_m_x", "y", "_wm_topic", "z"),
		"attributes":        metadata(marshaler.MetadataTag, "paid", marshaler.MetadataKeys, "a b", marshaler.MetadataFlag, "-1"),
		"a delay long past": metadata(delay.DelayedUntilKey, "2001-01-01T00:00:00Z", delay.DelayedForKey, "nonsense"),
	} {
		for _, topic := range []string{poison, "orders.poison", strings.Repeat("poison/", 100), "größe", "%s"} {
			inBubble(t, func(t *testing.T, c *embedded.Cluster) {
				p := publisherOn(t, c, alwaysKeyed)
				in := routed(t, p, orders, failing(errBroken), poisonQueue(p, topic), delayOnError(time.Minute), within(time.Minute))
				require.Equal(t, 1, in.deliver(t, msg), "%s to %s", name, topic)
				mapped, err := marshaler.EscapeTopics{}.MapTopic(topic)
				require.NoError(t, err)
				awaitStored(t, c, mapped.Name, 1)
				got := unmarshal(t, fromEmbedded(t, messagesIn(c, mapped.Name)[0]))
				require.Equal(t, msg.UUID, got.UUID, name)
				require.Equal(t, msg.Payload, got.Payload, name)
				for key, value := range msg.Metadata {
					if key != delay.DelayedUntilKey && key != delay.DelayedForKey {
						require.Equal(t, value, got.Metadata[key], "%s: %q", name, key)
					}
				}
			})
		}
	}
}
