package promrocketmq_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/marshaler"
	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber"
)

var counters = []string{
	"rocketmq_subscriber_acks_total", "rocketmq_subscriber_dead_letter_failures_total", "rocketmq_subscriber_dead_letters_total",
	"rocketmq_subscriber_deliveries_total", "rocketmq_subscriber_lease_losses_total", "rocketmq_subscriber_lease_renewals_total",
	"rocketmq_subscriber_nacks_total", "rocketmq_subscriber_releases_total", "rocketmq_subscriber_unreadable_messages_total",
}

// What becomes of deliveries is counted, on either engine.
func TestSubscriber(t *testing.T) {
	for _, engine := range []subscriber.Engine{subscriber.POP, subscriber.Pull} {
		t.Run(string(engine), func(t *testing.T) {
			inBubble(t, func(w *world) {
				refused := false
				s := w.subscriber(func(c *subscriber.Config) {
					c.Engine, c.MaxDeliveries = engine, 2
					c.DeadLetter = func(context.Context, subscriber.DeadLetter) error {
						if refused {
							return nil
						}
						refused = true
						return errors.New("not now")
					}
				})
				w.metrics.AddSubscriber(s)
				messages := w.subscribe(s, orders)
				require.NoError(t, w.publisher(nil).Publish(orders, newMessage("1"), newMessage("2")))
				for range 2 {
					m := <-messages
					time.Sleep(2 * time.Second) // how long the handler takes
					if m.UUID == "1" {
						m.Ack()
					} else {
						m.Nack()
					}
				}
				m := <-messages
				m.Nack() // for the last time
				time.Sleep(time.Minute)
				w.require(`
					rocketmq_subscriber_acks_total{group="billing",topic="orders"} 1
					rocketmq_subscriber_dead_letter_failures_total{group="billing",topic="orders"} 1
					rocketmq_subscriber_dead_letters_total{group="billing",topic="orders"} 1
					rocketmq_subscriber_deliveries_total{delivery="again",group="billing",topic="orders"} 1
					rocketmq_subscriber_deliveries_total{delivery="first",group="billing",topic="orders"} 2
					rocketmq_subscriber_lease_losses_total{group="billing",topic="orders"} 0
					rocketmq_subscriber_lease_renewals_total{group="billing",topic="orders"} 0
					rocketmq_subscriber_nacks_total{group="billing",topic="orders"} 2
					rocketmq_subscriber_releases_total{group="billing",topic="orders"} 0
					rocketmq_subscriber_unreadable_messages_total{group="billing",topic="orders"} 0
				`, counters...)
				lines := series(t, w.registry, "rocketmq_subscriber_processing_duration_seconds", "rocketmq_subscriber_fetch_messages")
				require.Contains(t, lines, `rocketmq_subscriber_processing_duration_seconds_sum{group="billing",topic="orders"} 4`)
				require.Contains(t, lines, `rocketmq_subscriber_processing_duration_seconds_count{group="billing",topic="orders"} 3`)
				require.Contains(t, lines, `rocketmq_subscriber_fetch_messages_sum{group="billing",topic="orders"} 2`)
				rebalances := series(t, w.registry, "rocketmq_subscriber_rebalances_total")
				if engine == subscriber.Pull {
					require.Contains(t, rebalances, `rocketmq_subscriber_rebalances_total{group="billing",topic="orders"} 1`)
				}
			})
		})
	}
}

// Leases are renewed while a handler works, and lost when the broker does not renew them.
func TestLeases(t *testing.T) {
	inBubble(t, func(w *world) {
		s := w.subscriber(func(c *subscriber.Config) { c.Engine, c.Lease = subscriber.POP, 30*time.Second })
		messages := w.subscribe(s, orders)
		require.NoError(t, w.publisher(nil).Publish(orders, newMessage("1")))
		m := <-messages
		time.Sleep(time.Minute)
		names := []string{"rocketmq_subscriber_lease_losses_total", "rocketmq_subscriber_lease_renewals_total"}
		renewed := series(t, w.registry, names...)
		require.Contains(t, renewed, `rocketmq_subscriber_lease_losses_total{group="billing",topic="orders"} 0`)
		require.NotContains(t, renewed, `rocketmq_subscriber_lease_renewals_total{group="billing",topic="orders"} 0`)
		defer w.cluster.Intercept(func(r embedded.Request) embedded.Fault {
			if r.Code == headers.CodeChangeInvisibleTime {
				return embedded.Answer(headers.SystemError, "no")
			}
			return embedded.Fault{}
		})()
		<-m.Context().Done()
		require.ErrorIs(t, context.Cause(m.Context()), subscriber.ErrLeaseLost)
		require.Contains(t, series(t, w.registry, names...), `rocketmq_subscriber_lease_losses_total{group="billing",topic="orders"} 1`)
		m.Ack()
	})
}

// What a subscription has is seen at the scrape, by topic and group.
func TestSubscriberGauges(t *testing.T) {
	names := []string{
		"rocketmq_subscriber_in_flight_messages", "rocketmq_subscriber_handed_out_messages",
		"rocketmq_subscriber_pending_acks", "rocketmq_subscriber_queues",
	}
	inBubble(t, func(w *world) {
		s := w.subscriber(func(c *subscriber.Config) {
			c.Engine, c.CommitInterval = subscriber.Pull, time.Hour
			c.CloseTimeout = time.Second
		})
		remove := w.metrics.AddSubscriber(s)
		messages := w.subscribe(s, orders)
		require.NoError(t, w.publisher(nil).Publish(orders, newMessage("1"), newMessage("2"), newMessage("3")))
		(<-messages).Ack()
		m := <-messages
		synctest.Wait()
		w.require(`
			rocketmq_subscriber_handed_out_messages{group="billing",topic="orders"} 1
			rocketmq_subscriber_in_flight_messages{group="billing",topic="orders"} 2
			rocketmq_subscriber_pending_acks{group="billing",topic="orders"} 1
			rocketmq_subscriber_queues{group="billing",topic="orders"} 1
		`, names...)
		require.NotContains(t, series(t, w.registry, "rocketmq_subscriber_in_flight_bytes"), `rocketmq_subscriber_in_flight_bytes{group="billing",topic="orders"} 0`)
		remove()
		require.Empty(t, series(t, w.registry, names...))
		m.Ack()
	})
}

// picky is an Unmarshaler that refuses one message.
type picky struct{ marshaler.Default }

func (p picky) Unmarshal(topic string, m marshaler.Message) (*message.Message, error) {
	if string(m.Body) == "unreadable" {
		return nil, errors.New("no such schema")
	}
	return p.Default.Unmarshal(topic, m)
}

// A message that goes back and one that is not readable are counted.
func TestReleasedAndUnreadable(t *testing.T) {
	inBubble(t, func(w *world) {
		s := w.subscriber(func(c *subscriber.Config) {
			c.Engine, c.Unmarshaler = subscriber.POP, picky{}
		})
		messages := w.subscribe(s, orders)
		p := w.publisher(nil)
		require.NoError(t, p.Publish(orders, message.NewMessage("1", []byte("unreadable")), newMessage("2")))
		time.Sleep(time.Second)
		require.NoError(t, s.Close()) // nobody took it
		_, open := <-messages
		require.False(t, open)
		lines := series(t, w.registry, counters...)
		require.Contains(t, lines, `rocketmq_subscriber_unreadable_messages_total{group="billing",topic="orders"} 1`)
		require.Contains(t, lines, `rocketmq_subscriber_releases_total{group="billing",topic="orders"} 1`)
	})
}
