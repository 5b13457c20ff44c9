package subscriber_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber"
)

// deliveries notes the starts and ends of deliveries by a number in their contexts.
type deliveries struct {
	mu     sync.Mutex
	number int
	open   map[int]bool
	ends   []string
	wrong  []string
}

type deliveryKey struct{}

func (d *deliveries) hooks() subscriber.Hooks {
	end := func(how string) func(context.Context, subscriber.MessageEvent) {
		return func(ctx context.Context, _ subscriber.MessageEvent) { d.end(ctx, how) }
	}
	return subscriber.Hooks{
		DeliveryStart: func(ctx context.Context, _ *message.Message, _ subscriber.MessageEvent) context.Context {
			d.mu.Lock()
			defer d.mu.Unlock()
			d.number++
			d.open[d.number] = true
			return context.WithValue(ctx, deliveryKey{}, d.number)
		},
		Received: func(ctx context.Context, _ subscriber.MessageEvent) {
			d.mu.Lock()
			defer d.mu.Unlock()
			if number, _ := ctx.Value(deliveryKey{}).(int); !d.open[number] {
				d.wrong = append(d.wrong, fmt.Sprint("received ", number))
			}
		},
		Acked:    end("acked"),
		Released: end("released"),
		Nacked:   func(ctx context.Context, _ subscriber.NackEvent) { d.end(ctx, "nacked") },
	}
}

func (d *deliveries) end(ctx context.Context, how string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	number, started := ctx.Value(deliveryKey{}).(int)
	if started && !d.open[number] {
		d.wrong = append(d.wrong, fmt.Sprint(how, " ", number))
	}
	delete(d.open, number)
	d.ends = append(d.ends, how)
}

func (d *deliveries) count(how string) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := 0
	for _, end := range d.ends {
		if end == how {
			n++
		}
	}
	return n
}

// What DeliveryStart returns is the context of the message that is handed out, with the
// values and the end that it would have had without. Each delivery has one end.
func TestDeliveryContexts(t *testing.T) {
	type first struct{}
	eachEngine(t, func(t *testing.T, w *world, engine subscriber.Engine) {
		topic := unique("contexts")
		d := &deliveries{open: make(map[int]bool)}
		cfg := w.config(engine, unique("group"))
		cfg.Redelivery = quickly
		cfg.CloseTimeout = 100 * time.Millisecond
		cfg.Hooks = []subscriber.Hooks{{
			DeliveryStart: func(ctx context.Context, msg *message.Message, e subscriber.MessageEvent) context.Context {
				if msg.UUID != e.UUID || e.Topic != topic {
					t.Errorf("%+v", e)
				}
				return context.WithValue(ctx, first{}, msg.Metadata.Get("name"))
			},
		}, d.hooks()}
		sub := newSubscriber(t, cfg)
		type own struct{}
		messages, err := sub.Subscribe(context.WithValue(t.Context(), own{}, "subscribed"), topic)
		require.NoError(t, err)
		list := make([]*message.Message, 4)
		for i := range list {
			list[i] = message.NewMessage(fmt.Sprint(i), []byte("x"))
			list[i].Metadata.Set("name", fmt.Sprint("n", i))
			require.NoError(t, w.publisher(t).Publish(topic, list[i]))
		}
		seen := make(map[string]int)
		for acked := 0; acked < 3; {
			m := next(t, messages)
			ctx := m.Context()
			seen[m.UUID]++
			require.Equal(t, "n"+m.UUID, ctx.Value(first{}))
			require.Positive(t, ctx.Value(deliveryKey{}))
			require.Equal(t, "subscribed", ctx.Value(own{}))
			info, ok := subscriber.InfoFromContext(ctx)
			require.True(t, ok)
			require.Equal(t, topic, info.Topic)
			require.NoError(t, ctx.Err())
			switch {
			case m.UUID == "3":
				defer m.Ack() // too late
				continue
			case m.UUID == "0" && seen["0"] < 3:
				m.Nack()
			default:
				m.Ack()
				acked++
			}
			<-ctx.Done()
		}
		if seen["3"] == 0 {
			require.Equal(t, "3", next(t, messages).UUID)
		}
		require.NoError(t, sub.Close())
		require.Equal(t, []int{3, 2, 1}, []int{d.count("acked"), d.count("nacked"), d.count("released")})
		require.Empty(t, d.open)
		require.Empty(t, d.wrong)
	})
}

// A message that was nacked and waits here for its next delivery has had its end when the
// subscription ends.
func TestDeliveryEndsOnce(t *testing.T) {
	eachEngine(t, func(t *testing.T, w *world, engine subscriber.Engine) {
		topic := unique("ends")
		d := &deliveries{open: make(map[int]bool)}
		cfg := w.config(engine, unique("group"))
		cfg.Redelivery = subscriber.RedeliveryConfig{MinPause: time.Minute, MaxPause: time.Minute, MaxLocalPause: time.Hour}
		cfg.Hooks = []subscriber.Hooks{d.hooks()}
		sub := newSubscriber(t, cfg)
		messages := subscribe(t, sub, topic)
		publish(t, w.publisher(t), topic, 1)
		next(t, messages).Nack()
		require.Eventually(t, func() bool { return d.count("nacked") == 1 }, patience, 10*time.Millisecond)
		require.NoError(t, sub.Close())
		require.Equal(t, []string{"nacked"}, d.ends)
		require.Empty(t, d.open)
		require.Empty(t, d.wrong)
	})
}
