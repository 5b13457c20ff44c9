package subscriber_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/marshaler"
	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber"
)

var errSchema = errors.New("no such schema")

// picky refuses messages of one payload, as often as it is told.
type picky struct {
	marshaler.Default
	payload string
	times   int64
	refused *atomic.Int64
}

func (p picky) Unmarshal(topic string, m marshaler.Message) (*message.Message, error) {
	if string(m.Body) == p.payload && p.refused.Add(1) <= p.times {
		return nil, errSchema
	}
	return p.Default.Unmarshal(topic, m)
}

// refusing is a configuration whose Unmarshaler refuses the message 1, and the events of
// messages that are not readable.
func (w *world) refusing(engine subscriber.Engine, times int64) (subscriber.Config, chan subscriber.MessageEvent) {
	events := make(chan subscriber.MessageEvent, 100)
	cfg := w.config(engine, unique("group"))
	cfg.Unmarshaler = picky{payload: "1", times: times, refused: new(atomic.Int64)}
	cfg.Hooks = append(cfg.Hooks, subscriber.Hooks{Unreadable: func(_ context.Context, e subscriber.MessageEvent) { events <- e }})
	return cfg, events
}

func await[E any](t *testing.T, events <-chan E) E {
	t.Helper()
	select {
	case e := <-events:
		return e
	case <-time.After(patience):
		require.FailNow(t, "nothing is told")
		panic("not reached")
	}
}

// What the Unmarshaler refuses is a dead letter, and what comes after it is delivered.
func TestUnreadableToDeadLetter(t *testing.T) {
	eachEngine(t, func(t *testing.T, w *world, engine subscriber.Engine) {
		topic := unique("unreadable")
		cfg, events := w.refusing(engine, 1<<60)
		buried, keys := make(chan subscriber.MessageEvent, 1), make(chan string, 1)
		cfg.Hooks = append(cfg.Hooks, subscriber.Hooks{DeadLettered: func(ctx context.Context, e subscriber.MessageEvent) {
			info, _ := subscriber.InfoFromContext(ctx)
			keys <- info.Keys[0]
			buried <- e
		}})
		messages := subscribe(t, newSubscriber(t, cfg), topic)
		list := publish(t, w.publisher(t), topic, 3)
		require.Equal(t, map[string]int{"0": 1, "2": 1}, consume(t, messages, 2))
		e := await(t, events)
		require.ErrorIs(t, e.Err, errSchema)
		require.Empty(t, e.UUID)
		require.Equal(t, list[1].UUID, await(t, keys))
		await(t, buried)
		require.Equal(t, []string{list[1].UUID}, w.deadLetters(t, cfg.Group))
		require.Empty(t, events, "once")
	})
}

// The user's function gets what can be said of it.
func TestUnreadableToDeadLetterFunc(t *testing.T) {
	eachEngine(t, func(t *testing.T, w *world, engine subscriber.Engine) {
		topic, parked := unique("unreadable"), unique("parked")
		cfg, _ := w.refusing(engine, 1<<60)
		pub := w.publisher(t)
		cfg.DeadLetter = subscriber.DeadLetterTo(pub, parked)
		messages := subscribe(t, newSubscriber(t, cfg), topic)
		list := publish(t, pub, topic, 2)
		require.Equal(t, map[string]int{"0": 1}, consume(t, messages, 1))
		m := next(t, subscribe(t, newSubscriber(t, w.config(engine, unique("group"))), parked))
		require.Equal(t, list[1].UUID, m.UUID)
		require.Equal(t, "1", string(m.Payload))
		require.Contains(t, m.Metadata.Get("reason_poisoned"), errSchema.Error())
		require.Equal(t, topic, m.Metadata.Get("topic_poisoned"))
		m.Ack()
	})
}

// Skipped is acked: it does not come again, and is no dead letter.
func TestUnreadableSkip(t *testing.T) {
	eachEngine(t, func(t *testing.T, w *world, engine subscriber.Engine) {
		topic := unique("unreadable")
		cfg, events := w.refusing(engine, 1<<60)
		cfg.Unreadable = subscriber.UnreadableSkip
		cfg.Hooks = append(cfg.Hooks, subscriber.Hooks{DeadLettered: func(context.Context, subscriber.MessageEvent) { t.Error("a dead letter") }})
		sub := newSubscriber(t, cfg)
		messages := subscribe(t, sub, topic)
		publish(t, w.publisher(t), topic, 3)
		require.Equal(t, map[string]int{"0": 1, "2": 1}, consume(t, messages, 2))
		await(t, events)
		require.NoError(t, sub.Close())

		sub = newSubscriber(t, w.config(engine, cfg.Group))
		messages = subscribe(t, sub, topic)
		list := publish(t, w.publisher(t), topic, 1)
		m := next(t, messages)
		require.Equal(t, list[0].UUID, m.UUID, "the first that comes is the new one")
		m.Ack()
	})
}

// What could not be read for some time comes when it can be.
func TestUnreadableRedeliver(t *testing.T) {
	eachEngine(t, func(t *testing.T, w *world, engine subscriber.Engine) {
		topic := unique("unreadable")
		cfg, events := w.refusing(engine, 3)
		cfg.Unreadable = subscriber.UnreadableRedeliver
		cfg.Redelivery = quickly
		messages := subscribe(t, newSubscriber(t, cfg), topic)
		publish(t, w.publisher(t), topic, 3)
		require.Equal(t, once(3), consume(t, messages, 3))
		for delivery := 1; delivery <= 3; delivery++ {
			require.Equal(t, delivery, await(t, events).Deliveries)
		}
	})
}

// A body that says that it is compressed, and is not, is not readable.
func TestBodyThatDoesNotDecompress(t *testing.T) {
	eachEngine(t, func(t *testing.T, w *world, engine subscriber.Engine) {
		topic := unique("garbage")
		events := make(chan subscriber.MessageEvent, 100)
		letters := make(chan subscriber.DeadLetter, 100)
		cfg := w.config(engine, unique("group"))
		cfg.Hooks = append(cfg.Hooks, subscriber.Hooks{Unreadable: func(_ context.Context, e subscriber.MessageEvent) { events <- e }})
		cfg.DeadLetter = takeLetters(letters)
		messages := subscribe(t, newSubscriber(t, cfg), topic)
		w.sendRaw(t, topic, []byte("garbage"), headers.SysFlagCompressed, headers.Property{Name: "UNIQ_KEY", Value: "0A"})
		e := await(t, events)
		var fault *marshaler.BodyError
		require.ErrorAs(t, e.Err, &fault)
		letter := await(t, letters)
		require.ErrorAs(t, letter.Err, &fault)
		require.Equal(t, topic, letter.Topic)
		require.Equal(t, "0A", letter.Message.UUID)
		publish(t, w.publisher(t), topic, 1)
		require.Equal(t, once(1), consume(t, messages, 1))
	})
}

// takeLetters hands dead letters to a test.
func takeLetters(letters chan<- subscriber.DeadLetter) subscriber.DeadLetterFunc {
	return func(_ context.Context, letter subscriber.DeadLetter) error {
		letters <- letter
		return nil
	}
}
