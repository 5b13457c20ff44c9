package subscriber_test

import (
	"context"
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/marshaler"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber"
	"github.com/watermill-rocketmq/watermill-rocketmq/topics"
)

// Times on the real clock, which only tests that fail take: a busy machine may take many
// times what an idle one does.
const (
	// patience is how long a test waits for what has to come. The slowest that does is a
	// message that a broker delivers again.
	patience = 3 * time.Minute
	// realTimeout is longer than a broker that lives takes for an answer: what is asked for
	// again may have an effect twice, such as a message that is sent back.
	realTimeout = 30 * time.Second
)

// eachEngine runs a test by POP and by pulls, on the embedded broker and on real ones.
func eachEngine(t *testing.T, test func(t *testing.T, w *world, engine subscriber.Engine)) {
	t.Helper()
	t.Run("pop", func(t *testing.T) {
		everywhere(t, []string{"5.5.0"}, func(t *testing.T, w *world) { test(t, w, subscriber.POP) })
	})
	t.Run("pull", func(t *testing.T) {
		everywhere(t, []string{"5.5.0", "4.9.7"}, func(t *testing.T, w *world) { test(t, w, subscriber.Pull) })
	})
}

// config is what most tests consume with.
func (w *world) config(engine subscriber.Engine, group string) subscriber.Config {
	return subscriber.Config{
		Cluster: w.cluster, Group: group, Engine: engine,
		RequestTimeout: realTimeout, StartTimeout: patience, CloseTimeout: realTimeout,
		CreateTopics: topics.Config{Enabled: true, Queues: 4},
	}
}

func (w *world) publisher(t *testing.T, change ...func(cfg *publisher.Config)) *publisher.Publisher {
	t.Helper()
	cfg := publisher.Config{
		Cluster: w.cluster, SendTimeout: patience, AttemptTimeout: patience, // what is sent again may be stored twice
		CreateTopics: topics.Config{Enabled: true, Queues: 4},
	}
	// A heartbeat that runs out of time ends the connection that it was on, and what is sent
	// on that one is sent again: messages have another.
	cfg.Cluster.VIPChannel = w.real != nil
	for _, c := range change {
		c(&cfg)
	}
	pub, err := publisher.New(cfg, nil)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, pub.Close()) })
	return pub
}

func newSubscriber(t *testing.T, cfg subscriber.Config) *subscriber.Subscriber {
	t.Helper()
	sub, err := subscriber.New(cfg, watermill.NewStdLogger(false, false))
	require.NoError(t, err)
	t.Cleanup(func() { _ = sub.Close() })
	return sub
}

// patiently does something that has to succeed, and again if servers have not answered in
// time.
func patiently(t *testing.T, do func() error) {
	t.Helper()
	err := do()
	for begin := time.Now(); err != nil && time.Since(begin) < patience; err = do() {
		pass(100 * time.Millisecond)
	}
	require.NoError(t, err)
}

func subscribe(t *testing.T, sub *subscriber.Subscriber, topic string) (messages <-chan *message.Message) {
	t.Helper()
	patiently(t, func() (err error) {
		messages, err = sub.Subscribe(t.Context(), topic)
		return err
	})
	return messages
}

// lagOf returns what all brokers say.
func lagOf(t *testing.T, sub *subscriber.Subscriber, topic string) (lag subscriber.Lag) {
	t.Helper()
	patiently(t, func() (err error) {
		if lag, err = sub.Lag(t.Context(), topic); err == nil {
			err = lag.Err()
		}
		return err
	})
	return lag
}

// awaitStored waits until n messages can be read from a topic, which is a moment after
// their sends were answered: the end of a queue is before them until then.
func awaitStored(t *testing.T, sub *subscriber.Subscriber, topic string, n int) {
	t.Helper()
	require.Eventually(t, func() bool {
		lag, err := sub.Lag(t.Context(), topic)
		if err != nil || lag.Err() != nil {
			return false
		}
		end := int64(0)
		for _, q := range lag.Queues {
			if q.Queue.Topic == topic {
				end += q.End
			}
		}
		return end == int64(n)
	}, patience, 10*time.Millisecond)
}

// publish publishes messages with the payloads "0", "1" and so on.
func publish(t *testing.T, pub message.Publisher, topic string, n int) []*message.Message {
	t.Helper()
	list := make([]*message.Message, n)
	for i := range list {
		list[i] = message.NewMessage(watermill.NewUUID(), []byte(strconv.Itoa(i)))
	}
	require.NoError(t, pub.Publish(topic, list...))
	return list
}

// next returns the next message.
func next(t *testing.T, messages <-chan *message.Message) *message.Message {
	t.Helper()
	select {
	case m, ok := <-messages:
		require.True(t, ok, "the channel is closed")
		return m
	case <-time.After(patience):
		require.FailNow(t, "no message comes")
		return nil
	}
}

// consume acks n messages, and returns how often each payload came.
func consume(t *testing.T, messages <-chan *message.Message, n int) map[string]int {
	t.Helper()
	got := make(map[string]int)
	for len(got) < n {
		m := next(t, messages)
		got[string(m.Payload)]++
		m.Ack()
	}
	return got
}

// once is what consume returns of n messages that came once each.
func once(n int) map[string]int {
	want := make(map[string]int)
	for i := range n {
		want[strconv.Itoa(i)] = 1
	}
	return want
}

func info(t *testing.T, m *message.Message) subscriber.Info {
	t.Helper()
	i, ok := subscriber.InfoFromContext(m.Context())
	require.True(t, ok)
	return i
}

// What is acked does not come again: not to this subscriber, nor to the next of the group.
func TestAckedMessagesDoNotComeAgain(t *testing.T) {
	eachEngine(t, func(t *testing.T, w *world, engine subscriber.Engine) {
		topic, group := unique("acked"), unique("group")
		publish(t, w.publisher(t), topic, 1000)
		sub := newSubscriber(t, w.config(engine, group))
		messages := subscribe(t, sub, topic)
		require.Equal(t, once(1000), consume(t, messages, 1000))
		require.NoError(t, sub.Close())
		_, open := <-messages
		require.False(t, open)
		require.NoError(t, sub.Close(), "again")

		sub = newSubscriber(t, w.config(engine, group))
		messages = subscribe(t, sub, topic)
		list := publish(t, w.publisher(t), topic, 1)
		m := next(t, messages)
		require.Equal(t, list[0].UUID, m.UUID, "the first that comes is the new one")
		m.Ack()
		require.NoError(t, sub.Close())
	})
}

// A message that is nacked comes again, with its number, and its metadata as it was sent.
func TestNackedMessagesComeAgain(t *testing.T) {
	eachEngine(t, func(t *testing.T, w *world, engine subscriber.Engine) {
		topic := unique("nacked")
		msg := message.NewMessage(watermill.NewUUID(), []byte("payload"))
		msg.Metadata.Set("name", "value")
		cfg := w.config(engine, unique("group"))
		cfg.Redelivery = subscriber.RedeliveryConfig{MinPause: 10 * time.Millisecond, MaxPause: 10 * time.Millisecond}
		messages := subscribe(t, newSubscriber(t, cfg), topic)
		require.NoError(t, w.publisher(t).Publish(topic, msg))
		for delivery := 1; delivery <= 5; delivery++ {
			m := next(t, messages)
			require.Equal(t, msg.UUID, m.UUID)
			require.Equal(t, "payload", string(m.Payload))
			require.Equal(t, message.Metadata{"name": "value"}, m.Metadata)
			require.Equal(t, delivery, info(t, m).Deliveries)
			m.Metadata.Set("name", "changed by the handler")
			require.NoError(t, m.Context().Err())
			if delivery == 5 {
				m.Ack()
			} else {
				m.Nack()
			}
			<-m.Context().Done()
		}
	})
}

// A pause that is longer than MaxLocalPause is the broker's. The next delivery counts on.
func TestBrokersDeliverAgain(t *testing.T) {
	eachEngine(t, func(t *testing.T, w *world, engine subscriber.Engine) {
		topic := unique("again")
		cfg := w.config(engine, unique("group"))
		cfg.Redelivery = subscriber.RedeliveryConfig{MinPause: time.Second, MaxPause: time.Second, MaxLocalPause: time.Millisecond}
		sub := newSubscriber(t, cfg)
		messages := subscribe(t, sub, topic)
		publish(t, w.publisher(t), topic, 1)
		m := next(t, messages)
		require.Equal(t, 1, info(t, m).Deliveries)
		m.Nack()
		m = next(t, messages)
		require.Equal(t, 2, info(t, m).Deliveries)
		require.Equal(t, topic, info(t, m).Topic)
		require.Equal(t, "0", string(m.Payload))
		for _, q := range lagOf(t, sub, topic).Queues {
			require.Equal(t, engine == subscriber.Pull, q.Assigned, "%v, of the retry topic as well", q.Queue)
		}
		m.Ack()
	})
}

// After the last delivery a message is in the group's dead letter topic, and not before.
func TestDeadLetterTopic(t *testing.T) {
	eachEngine(t, func(t *testing.T, w *world, engine subscriber.Engine) {
		topic, group := unique("dead"), unique("group")
		buried := make(chan subscriber.MessageEvent, 1)
		cfg := w.config(engine, group)
		cfg.MaxDeliveries = 3
		cfg.Redelivery = subscriber.RedeliveryConfig{MinPause: 10 * time.Millisecond, MaxPause: 10 * time.Millisecond}
		cfg.Hooks = append(cfg.Hooks, subscriber.Hooks{DeadLettered: func(_ context.Context, e subscriber.MessageEvent) { buried <- e }})
		messages := subscribe(t, newSubscriber(t, cfg), topic)
		list := publish(t, w.publisher(t), topic, 2)
		deliveries := 0
		for acked := false; !acked || deliveries < 3; {
			m := next(t, messages)
			if m.UUID == list[1].UUID {
				m.Ack()
				acked = true
				continue
			}
			deliveries++
			require.Empty(t, buried)
			m.Nack()
		}
		select {
		case e := <-buried:
			require.Equal(t, list[0].UUID, e.UUID)
			require.Equal(t, 3, e.Deliveries)
		case <-time.After(patience):
			require.FailNow(t, "no dead letter")
		}
		require.Equal(t, []string{list[0].UUID}, w.deadLetters(t, group))
	})
}

// deadLetters returns the keys of the messages in a group's dead letter topic.
func (w *world) deadLetters(t *testing.T, group string) []string {
	t.Helper()
	var keys []string
	topic := "%DLQ%" + group
	if w.real != nil {
		for _, m := range w.real.Read(t, topic, 1) {
			keys = append(keys, m.Keys)
		}
		return keys
	}
	list, err := w.embedded.Messages(topic)
	require.NoError(t, err)
	for _, m := range list {
		keys = append(keys, m.Keys)
	}
	return keys
}

// A dead letter may go elsewhere. Until it is safe nothing is acked.
func TestDeadLetterFunc(t *testing.T) {
	eachEngine(t, func(t *testing.T, w *world, engine subscriber.Engine) {
		topic, parked := unique("dead"), unique("parked")
		pub := w.publisher(t)
		to := subscriber.DeadLetterTo(pub, parked)
		tries := 0
		cfg := w.config(engine, unique("group"))
		cfg.MaxDeliveries = 1
		cfg.DeadLetter = func(ctx context.Context, letter subscriber.DeadLetter) error {
			if tries++; tries == 1 {
				return context.DeadlineExceeded
			}
			return to(ctx, letter)
		}
		sub := newSubscriber(t, cfg)
		messages := subscribe(t, sub, topic)
		list := publish(t, pub, topic, 1)
		next(t, messages).Nack()
		m := next(t, subscribe(t, sub, parked))
		require.Equal(t, list[0].UUID, m.UUID)
		require.Equal(t, topic, m.Metadata.Get("topic_poisoned"))
		require.Equal(t, "1", m.Metadata.Get(subscriber.MetadataDeliveries))
		require.Equal(t, 2, tries)
		m.Ack()
	})
}

// Where a group begins is durable when it is said to be.
func TestFrom(t *testing.T) {
	eachEngine(t, func(t *testing.T, w *world, engine subscriber.Engine) {
		for _, by := range []string{"SubscribeInitialize", "Subscribe"} {
			t.Run(by, func(t *testing.T) {
				pub, topic := w.publisher(t), unique("from")
				first := publish(t, pub, topic, 20)
				begin := func(group string, from subscriber.From) func(want ...[]*message.Message) {
					cfg := w.config(engine, unique(group))
					cfg.From = from
					sub := newSubscriber(t, cfg)
					awaitStored(t, sub, topic, len(first))
					if by == "Subscribe" {
						subscribe(t, sub, topic)
					} else {
						patiently(t, func() error { return sub.SubscribeInitialize(topic) })
					}
					require.NoError(t, sub.Close())
					return func(want ...[]*message.Message) {
						uuids := make(map[string]bool)
						for _, list := range want {
							for _, m := range list {
								uuids[m.UUID] = true
							}
						}
						messages := subscribe(t, newSubscriber(t, cfg), topic)
						got := make(map[string]bool)
						for len(got) < len(uuids) {
							m := next(t, messages)
							require.True(t, uuids[m.UUID], "payload %s of %v", m.Payload, from)
							got[m.UUID] = true
							m.Ack()
						}
					}
				}
				earliest := begin("earliest", subscriber.Earliest())
				latest := begin("latest", subscriber.Latest())
				second := publish(t, pub, topic, 20)
				latest(second)
				earliest(first, second)
			})
		}
	})
}

func TestFromTime(t *testing.T) {
	eachEngine(t, func(t *testing.T, w *world, engine subscriber.Engine) {
		pub, topic := w.publisher(t), unique("time")
		publish(t, pub, topic, 10)
		var at time.Time
		second := publish(t, pub, topic, 10)
		sub := newSubscriber(t, w.config(engine, unique("group")))
		messages := subscribe(t, sub, topic)
		for n := 0; n < 20; n++ {
			m := next(t, messages)
			if stored := info(t, m).StoreTime; m.UUID == second[0].UUID {
				at = stored
			}
			m.Ack()
		}
		cfg := w.config(engine, unique("group"))
		cfg.From = subscriber.At(at)
		messages = subscribe(t, newSubscriber(t, cfg), topic)
		for {
			m := next(t, messages)
			require.False(t, info(t, m).StoreTime.Before(at))
			m.Ack()
			if m.UUID == second[0].UUID {
				return
			}
		}
	})
}

// Without a group everybody gets everything.
func TestBroadcast(t *testing.T) {
	everywhere(t, []string{"5.5.0", "4.9.7"}, func(t *testing.T, w *world) {
		topic := unique("broadcast")
		publish(t, w.publisher(t), topic, 100)
		cfg := w.config(subscriber.Auto, "")
		one, two := newSubscriber(t, cfg), newSubscriber(t, cfg)
		for _, messages := range []<-chan *message.Message{subscribe(t, one, topic), subscribe(t, one, topic), subscribe(t, two, topic)} {
			require.Equal(t, once(100), consume(t, messages, 100))
		}
		require.NoError(t, one.Close())
		require.Equal(t, once(100), consume(t, subscribe(t, newSubscriber(t, cfg), topic), 100), "nothing is remembered")
		m := message.NewMessage(watermill.NewUUID(), []byte("again"))
		messages := subscribe(t, two, unique("other"))
		_ = messages
		require.NoError(t, w.publisher(t).Publish(topic, m))
	})
}

func TestTags(t *testing.T) {
	eachEngine(t, func(t *testing.T, w *world, engine subscriber.Engine) {
		pub, topic := w.publisher(t), unique("tags")
		cfg := w.config(engine, unique("group"))
		cfg.Filters = map[string]subscriber.Filter{topic: subscriber.Tags("paid", "refunded")}
		messages := subscribe(t, newSubscriber(t, cfg), topic)
		for i := range 40 {
			m := message.NewMessage(watermill.NewUUID(), []byte(strconv.Itoa(i)))
			m.Metadata.Set(marshaler.MetadataTag, []string{"paid", "open", "refunded", "lost"}[i%4])
			require.NoError(t, pub.Publish(topic, m))
		}
		got := make(map[string]bool)
		for len(got) < 20 {
			m := next(t, messages)
			n, err := strconv.Atoi(string(m.Payload))
			require.NoError(t, err)
			require.Zero(t, n%2, "tag %s", info(t, m).Tag)
			got[string(m.Payload)] = true
			m.Ack()
		}
	})
}

// A topic that does not exist is waited for.
func TestTopicAppears(t *testing.T) {
	eachEngine(t, func(t *testing.T, w *world, engine subscriber.Engine) {
		topic := unique("appears")
		cfg := w.config(engine, unique("group"))
		cfg.CreateTopics.Enabled = false
		cfg.From = subscriber.Latest()
		messages := subscribe(t, newSubscriber(t, cfg), topic)
		publish(t, w.publisher(t), topic, 10)
		require.Equal(t, once(10), consume(t, messages, 10), "whoever came before the first message gets it")
	})
}

// While nobody reads, nothing more is taken than is allowed, and Close gives it back.
func TestBackpressure(t *testing.T) {
	eachEngine(t, func(t *testing.T, w *world, engine subscriber.Engine) {
		topic, group := unique("pressure"), unique("group")
		publish(t, w.publisher(t), topic, 500)
		fetched := make(chan int, 1000)
		cfg := w.config(engine, group)
		cfg.MaxInFlight.Messages = 40
		cfg.Hooks = append(cfg.Hooks, subscriber.Hooks{Fetched: func(e subscriber.FetchEvent) { fetched <- e.Messages }})
		sub := newSubscriber(t, cfg)
		subscribe(t, sub, topic)
		<-fetched
		require.LessOrEqual(t, lagOf(t, sub, topic).InFlight, 40)
		require.NoError(t, sub.Close())

		cfg = w.config(engine, group)
		require.Equal(t, 500, len(consume(t, subscribe(t, newSubscriber(t, cfg), topic), 500)))
	})
}

// A router that shuts down in order causes no redelivery.
func TestRouterShutsDownWithoutRedelivery(t *testing.T) {
	eachEngine(t, func(t *testing.T, w *world, engine subscriber.Engine) {
		const all = 500
		topic, group := unique("router"), unique("group")
		publish(t, w.publisher(t), topic, all)
		handled := make(chan string, 10*all)
		for handlers := 0; len(handled) < all; handlers++ {
			require.Less(t, handlers, 20, "%d of %d", len(handled), all)
			sub := newSubscriber(t, w.config(engine, group))
			router, err := message.NewRouter(message.RouterConfig{}, watermill.NopLogger{})
			require.NoError(t, err)
			ctx, cancel := context.WithCancel(t.Context())
			before := len(handled)
			router.AddConsumerHandler("handler", topic, sub, func(m *message.Message) error {
				if len(handled) == before+100 {
					cancel() // and go on
				}
				select {
				case <-m.Context().Done():
					return fmt.Errorf("the context ended before the handler: %w", context.Cause(m.Context()))
				case <-time.After(time.Millisecond):
				}
				if handled <- string(m.Payload); len(handled) == all {
					cancel() // none are left
				}
				return nil
			})
			time.AfterFunc(patience/4, cancel)
			require.NoError(t, router.Run(ctx))
			cancel()
		}
		close(handled)
		got := make(map[string]int)
		for payload := range handled {
			got[payload]++
		}
		require.Equal(t, once(all), got)
	})
}
