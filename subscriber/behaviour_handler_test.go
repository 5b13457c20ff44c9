package subscriber_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/components/delay"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber"
)

// quickly is a redelivery without much of a pause.
var quickly = subscriber.RedeliveryConfig{MinPause: 10 * time.Millisecond, MaxPause: 10 * time.Millisecond}

// A handler that takes three times as long as its lease keeps the message, and the broker
// takes its ack. A busy machine may miss a lease, and is given a longer one then.
func TestLeasesAreRenewed(t *testing.T) {
	const lease = 8 * time.Second
	t.Run("embedded", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			require.NoError(t, renewLease(t, embeddedWorld(t, embedded.InMemory()), lease))
		})
	})
	t.Run("5.5.0", func(t *testing.T) {
		w := realWorld(t, "5.5.0")
		for lease := lease; ; lease *= 4 {
			err := renewLease(t, w, lease)
			if err == nil {
				return
			}
			require.Less(t, lease, time.Minute, "%v", err)
			t.Logf("with a lease of %v: %v", lease, err)
		}
	})
}

// renewLease keeps a message for three renewals of its lease, acks it, and waits for whether
// it comes again. It returns how the message was lost meanwhile.
func renewLease(t *testing.T, w *world, lease time.Duration) error {
	t.Helper()
	topic, group := unique("renewed"), unique("group")
	publish(t, w.publisher(t), topic, 1)
	renewed, lost := make(chan subscriber.MessageEvent, 100), make(chan subscriber.MessageEvent, 100)
	cfg := w.config(subscriber.POP, group)
	cfg.Lease = lease
	cfg.Hooks = append(cfg.Hooks, subscriber.Hooks{
		Renewed:   func(_ context.Context, e subscriber.MessageEvent) { renewed <- e },
		LeaseLost: func(_ context.Context, e subscriber.MessageEvent) { lost <- e },
	})
	sub := newSubscriber(t, cfg)
	defer sub.Close()
	messages := subscribe(t, sub, topic)
	m := next(t, messages)
	first := info(t, m).Deadline
	for range 3 { // each at half of what is left of a lease
		select {
		case e := <-renewed:
			require.Equal(t, m.UUID, e.UUID)
			require.Equal(t, 1, e.Deliveries)
		case e := <-lost:
			m.Ack()
			return fmt.Errorf("lost: %w", e.Err)
		case again := <-messages:
			m.Ack()
			again.Ack()
			return fmt.Errorf("delivered again: %v", info(t, again))
		case <-time.After(patience):
			require.FailNow(t, "not renewed")
		}
	}
	require.True(t, info(t, m).Deadline.After(first.Add(lease)), "%v, first %v", info(t, m).Deadline, first)
	err := m.Context().Err()
	m.Ack()
	if err = errors.Join(err, sub.Close()); err != nil {
		return err
	}
	select {
	case e := <-lost:
		return fmt.Errorf("lost: %w", e.Err)
	default:
	}

	// What was acked by its last lease is not delivered when that is over.
	sub = newSubscriber(t, cfg)
	messages = subscribe(t, sub, topic)
	select {
	case again := <-messages:
		again.Ack()
		err = fmt.Errorf("delivered again: %v", info(t, again))
	case <-time.After(lease + 6*time.Second): // brokers look for such messages for as long
	}
	return errors.Join(err, sub.Close())
}

// A handler that does not answer loses the message after MaxProcessing, knows why, and its
// late answer is of no effect.
func TestMaxProcessing(t *testing.T) {
	eachEngine(t, func(t *testing.T, w *world, engine subscriber.Engine) {
		topic := unique("slow")
		cfg := w.config(engine, unique("group"))
		cfg.MaxProcessing = 500 * time.Millisecond
		cfg.Redelivery = quickly
		nacked := make(chan subscriber.NackEvent, 10)
		cfg.Hooks = append(cfg.Hooks, subscriber.Hooks{Nacked: func(_ context.Context, e subscriber.NackEvent) { nacked <- e }})
		messages := subscribe(t, newSubscriber(t, cfg), topic)
		list := publish(t, w.publisher(t), topic, 1)
		m := next(t, messages)
		select {
		case <-m.Context().Done():
		case <-time.After(patience):
			require.FailNow(t, "the context does not end")
		}
		require.ErrorIs(t, context.Cause(m.Context()), subscriber.ErrProcessingTime)
		e := <-nacked
		require.GreaterOrEqual(t, e.Took, cfg.MaxProcessing)
		again := next(t, messages)
		require.Equal(t, list[0].UUID, again.UUID)
		require.Equal(t, 2, info(t, again).Deliveries)
		m.Ack() // too late
		if cause := context.Cause(again.Context()); cause != nil {
			require.ErrorIs(t, cause, subscriber.ErrProcessingTime, "its own time is over")
		}
		again.Nack()
		third := next(t, messages)
		require.Equal(t, 3, info(t, third).Deliveries)
		third.Ack()
	})
}

// Endless delivers more often than the default would, and brokers make no dead letter.
func TestEndlessDeliveries(t *testing.T) {
	eachEngine(t, func(t *testing.T, w *world, engine subscriber.Engine) {
		topic := unique("endless")
		cfg := w.config(engine, unique("group"))
		cfg.MaxDeliveries = subscriber.Endless
		cfg.Redelivery = quickly
		cfg.Hooks = append(cfg.Hooks, subscriber.Hooks{DeadLettered: func(context.Context, subscriber.MessageEvent) { t.Error("a dead letter") }})
		messages := subscribe(t, newSubscriber(t, cfg), topic)
		publish(t, w.publisher(t), topic, 1)
		for delivery := 1; delivery <= 40; delivery++ {
			m := next(t, messages)
			require.Equal(t, delivery, info(t, m).Deliveries)
			if delivery == 40 {
				m.Ack()
			} else {
				m.Nack()
			}
		}
	})
}

// delayOnError does what Watermill's middleware of that name does (1.5.1), whose package
// needs further modules.
func delayOnError(initial time.Duration, multiplier int) message.HandlerMiddleware {
	return func(handle message.HandlerFunc) message.HandlerFunc {
		return func(m *message.Message) ([]*message.Message, error) {
			out, err := handle(m)
			if err == nil {
				return out, nil
			}
			pause := initial
			if last, bad := time.ParseDuration(m.Metadata.Get(delay.DelayedForKey)); bad == nil {
				pause = last * time.Duration(multiplier)
			}
			delay.Message(m, delay.For(pause))
			return out, err
		}
	}
}

// The pause that Watermill's DelayOnError asks for is kept, and grows, by whomever it is
// waited out.
func TestDelayOnError(t *testing.T) {
	for _, waits := range []struct {
		name       string
		local      time.Duration
		deliveries int
	}{
		{"here", 0, 4},
		{"broker", time.Millisecond, 3},
	} {
		t.Run(waits.name, func(t *testing.T) {
			eachEngine(t, func(t *testing.T, w *world, engine subscriber.Engine) {
				topic := unique("delay")
				cfg := w.config(engine, unique("group"))
				cfg.Redelivery.MaxLocalPause = waits.local
				var pauses []time.Duration // written by one goroutine, read when it is gone
				cfg.Hooks = append(cfg.Hooks, subscriber.Hooks{Nacked: func(_ context.Context, e subscriber.NackEvent) { pauses = append(pauses, e.Pause) }})
				sub := newSubscriber(t, cfg)
				router, err := message.NewRouter(message.RouterConfig{}, watermill.NopLogger{})
				require.NoError(t, err)
				router.AddMiddleware(delayOnError(time.Second, 2))
				ctx, cancel := context.WithTimeout(t.Context(), patience)
				defer cancel()
				var times []time.Time
				var done atomic.Bool
				router.AddConsumerHandler("handler", topic, sub, func(m *message.Message) error {
					times = append(times, time.Now())
					if len(times) < waits.deliveries {
						return errors.New("not yet")
					}
					done.Store(true)
					cancel()
					return nil
				})
				publish(t, w.publisher(t), topic, 1)
				require.NoError(t, router.Run(ctx))
				require.True(t, done.Load(), "%d deliveries", len(times))
				want := time.Second
				for i, pause := range pauses {
					require.Equal(t, want, pause, i)
					// Brokers do without the milliseconds of some times.
					require.GreaterOrEqual(t, times[i+1].Sub(times[i]), want-20*time.Millisecond)
					want *= 2
				}
				require.Len(t, pauses, waits.deliveries-1)
			})
		})
	}
}
