package subscriber_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber"
)

// told counts what hooks are told of.
type told struct {
	mu     sync.Mutex
	counts map[string]int
}

func (c *told) add(name string, n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.counts[name] += n
}

func (c *told) of(name string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.counts[name]
}

func (c *told) await(t *testing.T, name string, n int) {
	t.Helper()
	require.Eventually(t, func() bool { return c.of(name) >= n }, patience, 10*time.Millisecond, "%s: %d", name, c.of(name))
	require.Equal(t, n, c.of(name), name)
}

// Hooks are told of all that happens to messages, with what is known of them.
func TestHooksAreTold(t *testing.T) {
	eachEngine(t, func(t *testing.T, w *world, engine subscriber.Engine) {
		topic, group := unique("hooks"), unique("group")
		c := &told{counts: make(map[string]int)}
		message := func(name string) func(context.Context, subscriber.MessageEvent) {
			return func(ctx context.Context, e subscriber.MessageEvent) {
				c.add(name, 1)
				info, ok := subscriber.InfoFromContext(ctx)
				if !ok || info.Topic != topic || e.Topic != topic || e.RocketMQTopic != topic || e.Group != group || e.UUID == "" || info.Broker != e.Broker || e.SubscribedTopic != topic || e.BrokerAddr.Port() == 0 || e.Bytes == 0 || e.StoreTime.IsZero() {
					t.Errorf("%s: %+v", name, e)
				}
			}
		}
		cfg := w.config(engine, group)
		cfg.MaxDeliveries = 3
		cfg.Redelivery = quickly
		failed := false
		cfg.DeadLetter = func(context.Context, subscriber.DeadLetter) error {
			if !failed {
				failed = true
				return errors.New("not now")
			}
			return nil
		}
		cfg.Hooks = []subscriber.Hooks{{
			Fetched: func(e subscriber.FetchEvent) {
				c.add("fetched", e.Messages)
				if e.Group != group {
					t.Errorf("fetched: %+v", e)
				}
			},
			Received:         message("received"),
			Acked:            message("acked"),
			DeadLettered:     message("dead"),
			DeadLetterFailed: message("dead failed"),
			Nacked: func(_ context.Context, e subscriber.NackEvent) {
				c.add("nacked", 1)
				if e.Last {
					c.add("nacked last", 1)
				} else if !e.Local || e.Pause <= 0 {
					t.Errorf("%+v", e)
				}
			},
			Rebalanced: func(e subscriber.RebalanceEvent) {
				if e.Topic == topic && e.Group == group {
					c.add("queues", len(e.After)-len(e.Before))
				}
			},
			Released: func(context.Context, subscriber.MessageEvent) { c.add("released", 1) },
		}}
		sub := newSubscriber(t, cfg)
		messages := subscribe(t, sub, topic)
		list := publish(t, w.publisher(t), topic, 3)
		nacks := 0
		for acked := 0; acked < 2 || nacks < 3; {
			m := next(t, messages)
			if m.UUID == list[0].UUID {
				nacks++
				m.Nack()
				continue
			}
			acked++
			m.Ack()
		}
		c.await(t, "acked", 2)
		c.await(t, "nacked", 3)
		c.await(t, "nacked last", 1)
		c.await(t, "dead", 1)
		c.await(t, "dead failed", 1)
		c.await(t, "received", 2+3)
		// A pull is made once more if there was no room for what it has brought.
		require.GreaterOrEqual(t, c.of("fetched"), 3)
		if engine == subscriber.Pull {
			c.await(t, "queues", 4)
		}
		require.Zero(t, c.of("released"))

		// What nobody takes goes back.
		before := c.of("fetched")
		publish(t, w.publisher(t), topic, 1)
		require.Eventually(t, func() bool {
			lag, err := sub.Lag(t.Context(), topic)
			return err == nil && lag.InFlight > 0 && c.of("fetched") > before
		}, patience, 10*time.Millisecond)
		require.NoError(t, sub.Close())
		c.await(t, "released", 1)
		c.await(t, "received", 5)
	})
}

// A lease that brokers do not renew is lost, and the handler knows.
func TestLeaseIsLost(t *testing.T) {
	everywhere(t, nil, func(t *testing.T, w *world) {
		topic := unique("lease")
		lost := make(chan subscriber.MessageEvent, 10)
		cfg := w.config(subscriber.POP, unique("group"))
		cfg.Lease = time.Second
		cfg.RequestTimeout = 200 * time.Millisecond
		cfg.CloseTimeout = 100 * time.Millisecond
		cfg.Hooks = append(cfg.Hooks, subscriber.Hooks{LeaseLost: func(_ context.Context, e subscriber.MessageEvent) { lost <- e }})
		messages := subscribe(t, newSubscriber(t, cfg), topic)
		publish(t, w.publisher(t), topic, 1)
		m := next(t, messages)
		w.embedded.Broker(0).Stop()
		e := await(t, lost)
		require.Equal(t, m.UUID, e.UUID)
		<-m.Context().Done()
		require.ErrorIs(t, context.Cause(m.Context()), subscriber.ErrLeaseLost)
		m.Ack()
	})
}
