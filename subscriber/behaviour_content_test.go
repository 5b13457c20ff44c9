package subscriber_test

import (
	"bytes"
	"context"
	"strconv"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/components/delay"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/marshaler"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber"
)

// A payload comes as it was published, whatever it was compressed with on the way.
func TestPayloadsComeDecompressed(t *testing.T) {
	eachEngine(t, func(t *testing.T, w *world, engine subscriber.Engine) {
		topic := unique("compressed")
		messages := subscribe(t, newSubscriber(t, w.config(engine, unique("group"))), topic)
		for _, codec := range []publisher.Compression{publisher.NoCompression, publisher.Zlib, publisher.LZ4, publisher.Zstd} {
			pub := w.publisher(t, func(cfg *publisher.Config) {
				cfg.Compression = publisher.CompressionConfig{Codec: codec, Threshold: 1}
			})
			payload := bytes.Repeat([]byte(codec), 10_000)
			require.NoError(t, pub.Publish(topic, message.NewMessage(string(codec), payload)))
			m := next(t, messages)
			require.Equal(t, string(codec), m.UUID)
			require.Equal(t, payload, []byte(m.Payload), codec)
			m.Ack()
		}
	})
}

// Metadata is what was published and nothing more, by whatever way the message has come.
func TestMetadataHasNoSystemProperties(t *testing.T) {
	publish := func(change ...func(cfg *publisher.Config)) func(t *testing.T, w *world, topic string, m *message.Message) {
		return func(t *testing.T, w *world, topic string, m *message.Message) {
			require.NoError(t, w.publisher(t, change...).Publish(topic, m))
		}
	}
	for _, way := range []struct {
		name  string
		send  func(t *testing.T, w *world, topic string, m *message.Message)
		nacks int
	}{
		{name: "plain", send: publish()},
		{name: "redelivered by the broker", send: publish(), nacks: 1},
		{name: "traced", send: publish(func(cfg *publisher.Config) { cfg.Trace = publisher.TraceConfig{Enabled: true, Topic: "traces"} })},
		{name: "ordered", send: publish(func(cfg *publisher.Config) {
			cfg.OrderingKey = func(string, *message.Message) (string, error) { return "key", nil }
		})},
		{name: "delayed", send: func(t *testing.T, w *world, topic string, m *message.Message) {
			delay.Message(m, delay.For(time.Second))
			require.NoError(t, w.publisher(t).Publish(topic, m))
		}},
		{name: "transactional", send: func(t *testing.T, w *world, topic string, m *message.Message) {
			pub := w.publisher(t, func(cfg *publisher.Config) {
				cfg.ProducerGroup = unique("shop")
				cfg.Transaction.Check = func(context.Context, publisher.CheckedMessage) publisher.TransactionState {
					return publisher.TransactionCommit
				}
			})
			require.NoError(t, pub.PublishInTransaction(topic, m, func(context.Context, publisher.TransactionInfo) (publisher.TransactionState, error) {
				return publisher.TransactionCommit, nil
			}))
		}},
	} {
		t.Run(way.name, func(t *testing.T) {
			eachEngine(t, func(t *testing.T, w *world, engine subscriber.Engine) {
				topic := unique("metadata")
				cfg := w.config(engine, unique("group"))
				cfg.Redelivery = subscriber.RedeliveryConfig{MinPause: time.Second, MaxPause: time.Second, MaxLocalPause: time.Millisecond}
				sent := message.NewMessage(watermill.NewUUID(), []byte("payload"))
				sent.Metadata.Set("name", "OrderPlaced")
				sent.Metadata.Set(marshaler.MetadataTag, "paid")
				sent.Metadata.Set(marshaler.MetadataKeys, "order-1 order-2")
				messages := subscribe(t, newSubscriber(t, cfg), topic)
				way.send(t, w, topic, sent)
				for range way.nacks {
					next(t, messages).Nack()
				}
				m := next(t, messages)
				require.Equal(t, way.nacks+1, info(t, m).Deliveries)
				require.Equal(t, sent.UUID, m.UUID)
				require.Equal(t, sent.Metadata, m.Metadata)
				require.Equal(t, "payload", string(m.Payload))
				m.Ack()
			})
		})
	}
}

// Without Watermill's UUID the id of the message is that of its producer.
func TestUUIDOfOtherProducers(t *testing.T) {
	eachEngine(t, func(t *testing.T, w *world, engine subscriber.Engine) {
		topic := unique("uuid")
		sub := newSubscriber(t, w.config(engine, unique("group")))
		messages := subscribe(t, sub, topic)
		w.sendRaw(t, topic, []byte("plain"), 0,
			headers.Property{Name: "UNIQ_KEY", Value: "7F00000100002A9F00000000000003E8"},
			headers.Property{Name: "KEYS", Value: "order-1"}, headers.Property{Name: "amount", Value: "7"})
		m := next(t, messages)
		require.Equal(t, "7F00000100002A9F00000000000003E8", m.UUID)
		require.Equal(t, m.UUID, info(t, m).MessageID)
		require.Equal(t, "7", m.Metadata.Get("amount"))
		require.Equal(t, "plain", string(m.Payload))
		m.Ack()

		w.sendRaw(t, topic, []byte("without any id"), 0)
		m = next(t, messages)
		require.NotEmpty(t, info(t, m).MessageID, "the broker's, if it makes none")
		require.Equal(t, info(t, m).MessageID, m.UUID)
		m.Ack()
	})
}

// Topics have Watermill's names, also where brokers do not take these, and in a namespace.
func TestTopicNames(t *testing.T) {
	eachEngine(t, func(t *testing.T, w *world, engine subscriber.Engine) {
		for _, namespace := range []string{"", "shop"} {
			t.Run("namespace "+namespace, func(t *testing.T) {
				in := *w
				in.cluster.Namespace = namespace
				topic, group := unique("orders.eu/paid"), unique("group")
				cfg := in.config(engine, group)
				cfg.Redelivery = subscriber.RedeliveryConfig{MinPause: time.Second, MaxPause: time.Second, MaxLocalPause: time.Millisecond}
				fetched := make(chan subscriber.FetchEvent, 100)
				cfg.Hooks = append(cfg.Hooks, subscriber.Hooks{Fetched: func(e subscriber.FetchEvent) { fetched <- e }})
				cfg.Filters = map[string]subscriber.Filter{topic: subscriber.Tags("paid")}
				sub := newSubscriber(t, cfg)
				messages := subscribe(t, sub, topic)
				m := message.NewMessage(watermill.NewUUID(), []byte("payload"))
				m.Metadata.Set(marshaler.MetadataTag, "paid")
				require.NoError(t, in.publisher(t).Publish(topic, m))
				for delivery := range 2 {
					m = next(t, messages)
					i := info(t, m)
					require.Equal(t, topic, i.Topic)
					require.Equal(t, group, i.Group)
					require.Equal(t, delivery+1, i.Deliveries)
					require.NotContains(t, i.RocketMQTopic, "/")
					from := (<-fetched).Topic
					require.True(t, from == topic || delivery == 1 && from == "%RETRY%"+group, from)
					if delivery == 0 {
						m.Nack()
					}
				}
				m.Ack()
				lag := lagOf(t, sub, topic)
				require.Equal(t, topic, lag.Topic)
				require.Equal(t, group, lag.Group)
			})
		}
	})
}

// Info has all that the broker knows.
func TestInfoIsComplete(t *testing.T) {
	eachEngine(t, func(t *testing.T, w *world, engine subscriber.Engine) {
		topic, group := unique("info"), unique("group")
		before := time.Now().Truncate(time.Millisecond)
		results := make(chan publisher.Result, 1)
		pub := w.publisher(t, func(cfg *publisher.Config) { cfg.OnResult = func(r publisher.Result) { results <- r } })
		sent := message.NewMessage(watermill.NewUUID(), []byte("payload"))
		sent.Metadata.Set("name", "value")
		sent.Metadata.Set(marshaler.MetadataTag, "paid")
		sent.Metadata.Set(marshaler.MetadataKeys, "order-1 order-2")
		require.NoError(t, pub.Publish(topic, sent))
		result := <-results
		cfg := w.config(engine, group)
		cfg.From = subscriber.Earliest()
		type key struct{}
		sub := newSubscriber(t, cfg)
		var messages <-chan *message.Message
		patiently(t, func() (err error) {
			messages, err = sub.Subscribe(context.WithValue(t.Context(), key{}, "value of the caller"), topic)
			return err
		})
		m := next(t, messages)
		require.Equal(t, "value of the caller", m.Context().Value(key{}))
		i := info(t, m)
		require.Equal(t, topic, i.Topic)
		require.Equal(t, topic, i.RocketMQTopic)
		require.Equal(t, group, i.Group)
		require.Equal(t, result.MessageID, i.MessageID)
		require.Equal(t, result.OffsetMessageID, i.OffsetID)
		require.Equal(t, result.MessageQueue.BrokerName, i.Broker)
		require.Equal(t, result.MessageQueue.QueueID, i.QueueID)
		require.Equal(t, result.QueueOffset, i.QueueOffset)
		require.NotZero(t, i.CommitLogOffset+1)
		require.Equal(t, []string{sent.UUID, "order-1", "order-2"}, i.Keys)
		require.Equal(t, "paid", i.Tag)
		for _, at := range []time.Time{i.BornTime, i.StoreTime} {
			require.False(t, at.Before(before.Add(-time.Second)), at)
			require.False(t, at.After(time.Now().Add(time.Second)), at)
		}
		require.True(t, i.BornHost.Addr().IsLoopback(), i.BornHost)
		require.Equal(t, 1, i.Deliveries)
		require.Contains(t, i.Properties, headers.Property{Name: "UNIQ_KEY", Value: i.MessageID})
		require.Contains(t, i.Properties, headers.Property{Name: "name", Value: "value"})
		if engine == subscriber.POP {
			left := time.Until(i.Deadline)
			require.Greater(t, left, 30*time.Second)
			require.LessOrEqual(t, left, time.Minute)
		} else {
			require.Zero(t, i.Deadline)
		}
		derived, cancel := context.WithCancel(m.Context())
		defer cancel()
		again, ok := subscriber.InfoFromContext(derived)
		require.True(t, ok)
		require.Equal(t, i.MessageID, again.MessageID)
		_, ok = subscriber.InfoFromContext(t.Context())
		require.False(t, ok)
		m.Ack()
		select { // a context that is made of it ends with it
		case <-derived.Done():
		case <-time.After(patience):
			require.FailNow(t, "still alive")
		}
	})
}

// Bytes are bounded as messages are: those of one answer may come on top.
func TestMaxInFlightBytes(t *testing.T) {
	eachEngine(t, func(t *testing.T, w *world, engine subscriber.Engine) {
		const all, size = 200, 20_000
		topic := unique("bytes")
		cfg := w.config(engine, unique("group"))
		cfg.MaxInFlight = subscriber.InFlight{Messages: 1000, Bytes: 100_000}
		sub := newSubscriber(t, cfg)
		patiently(t, func() error { return sub.SubscribeInitialize(topic) })
		pub := w.publisher(t, func(cfg *publisher.Config) { cfg.Compression.Codec = publisher.NoCompression })
		for i := range all {
			payload := append([]byte(strconv.Itoa(i)+" "), make([]byte, size)...)
			require.NoError(t, pub.Publish(topic, message.NewMessage(watermill.NewUUID(), payload)))
		}
		messages := subscribe(t, sub, topic)
		got := make(map[string]bool)
		most := 0
		var held []*message.Message
		for last := time.Now(); len(got) < all; {
			select {
			case m := <-messages:
				got[m.UUID] = true
				held = append(held, m)
				last = time.Now()
			case <-time.After(300 * time.Millisecond): // nothing comes while these are not answered
				require.Less(t, time.Since(last), patience, "%d of %d", len(got), all)
				for _, m := range held {
					m.Ack()
				}
				held = held[:0]
			}
			most = max(most, lagOf(t, sub, topic).InFlight)
		}
		for _, m := range held {
			m.Ack()
		}
		// 5 messages reach the bound. Each of 4 queues may have an answer of 256 KiB under way.
		require.LessOrEqual(t, most, 5+4*32)
		require.Less(t, most, all)
	})
}
