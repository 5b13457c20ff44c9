package subscriber_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"

	rocketmq "github.com/watermill-rocketmq/watermill-rocketmq"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber"
)

// ends fails the test if something takes longer than tests wait.
func ends(t *testing.T, what string, do func()) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		do()
	}()
	select {
	case <-done:
	case <-time.After(patience):
		require.FailNow(t, what+" does not end")
	}
}

// requireClosed fails the test if a channel has another message, or stays open.
func requireClosed(t *testing.T, messages <-chan *message.Message) {
	t.Helper()
	select {
	case m, open := <-messages:
		require.False(t, open, "%v", m)
	default:
		require.FailNow(t, "the channel is open")
	}
}

// A channel holds nothing, so what nobody has received is not consumed.
func TestChannelIsUnbuffered(t *testing.T) {
	everywhere(t, nil, func(t *testing.T, w *world) {
		messages := subscribe(t, newSubscriber(t, w.config(subscriber.POP, unique("group"))), unique("buffer"))
		require.Zero(t, cap(messages))
	})
}

// Close does not need a receiver, can be called by many at once, and gives back what
// nobody has received: the next member gets all of it, without waiting for a lease.
func TestCloseWhileNobodyReads(t *testing.T) {
	eachEngine(t, func(t *testing.T, w *world, engine subscriber.Engine) {
		const all = 100
		topic, group := unique("close"), unique("group")
		publish(t, w.publisher(t), topic, all)
		fetched := make(chan struct{}, 100)
		cfg := w.config(engine, group)
		if engine == subscriber.POP {
			cfg.Lease = time.Hour
		}
		cfg.Hooks = append(cfg.Hooks, subscriber.Hooks{Fetched: func(subscriber.FetchEvent) { fetched <- struct{}{} }})
		sub := newSubscriber(t, cfg)
		messages := subscribe(t, sub, topic)
		await(t, fetched)
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() {
				if err := sub.Close(); err != nil {
					t.Error(err)
				}
				requireClosed(t, messages)
			})
		}
		ends(t, "Close", wg.Wait)
		_, err := sub.Subscribe(t.Context(), topic)
		require.ErrorIs(t, err, subscriber.ErrClosed)

		cfg.Hooks = nil
		messages = subscribe(t, newSubscriber(t, cfg), topic)
		deliveries := make(map[int]int)
		got := make(map[string]bool)
		for len(got) < all {
			m := next(t, messages)
			got[m.UUID] = true
			deliveries[info(t, m).Deliveries]++
			m.Ack()
		}
		t.Logf("messages by number of their delivery: %v", deliveries)
	})
}

// The end of the context that was given to Subscribe ends the subscription only, and lets
// handlers finish.
func TestEndOfTheContext(t *testing.T) {
	eachEngine(t, func(t *testing.T, w *world, engine subscriber.Engine) {
		topic, group := unique("context"), unique("group")
		sub := newSubscriber(t, w.config(engine, group))
		ctx, cancel := context.WithCancel(t.Context())
		var messages <-chan *message.Message
		patiently(t, func() (err error) {
			messages, err = sub.Subscribe(ctx, topic)
			return err
		})
		publish(t, w.publisher(t), topic, 10)
		m := next(t, messages)
		cancel()
		ends(t, "the channel", func() {
			for other := range messages { // what was on the way may still come
				other.Nack()
			}
		})
		require.NoError(t, m.Context().Err())
		m.Ack()
		got := map[string]int{string(m.Payload): 1}
		messages = subscribe(t, sub, topic)
		for len(got) < 10 {
			again := next(t, messages)
			require.NotEqual(t, m.UUID, again.UUID, "it was acked")
			got[string(again.Payload)]++
			again.Ack()
		}
	})
}

// A handler that does not end in time finds out why, and its message is delivered again.
func TestCloseTimeout(t *testing.T) {
	eachEngine(t, func(t *testing.T, w *world, engine subscriber.Engine) {
		topic, group := unique("timeout"), unique("group")
		cfg := w.config(engine, group)
		cfg.CloseTimeout = 100 * time.Millisecond
		sub := newSubscriber(t, cfg)
		messages := subscribe(t, sub, topic)
		list := publish(t, w.publisher(t), topic, 1)
		m := next(t, messages)
		ends(t, "Close", func() { require.NoError(t, sub.Close()) })
		require.ErrorIs(t, context.Cause(m.Context()), subscriber.ErrStopped)
		m.Ack() // too late
		again := next(t, subscribe(t, newSubscriber(t, cfg), topic))
		require.Equal(t, list[0].UUID, again.UUID)
		again.Ack()
	})
}

// Stop is the first half: handlers can still ack, until Close.
func TestStopThenClose(t *testing.T) {
	eachEngine(t, func(t *testing.T, w *world, engine subscriber.Engine) {
		topic, group := unique("stop"), unique("group")
		sub := newSubscriber(t, w.config(engine, group))
		messages := subscribe(t, sub, topic)
		list := publish(t, w.publisher(t), topic, 1)
		m := next(t, messages)
		ends(t, "Stop", func() { require.NoError(t, sub.Stop()) })
		requireClosed(t, messages)
		_, err := sub.Subscribe(t.Context(), topic)
		require.ErrorIs(t, err, subscriber.ErrClosed)
		require.NoError(t, sub.Stop(), "again")
		require.NoError(t, m.Context().Err())
		m.Ack()
		require.NoError(t, sub.Close())

		messages = subscribe(t, newSubscriber(t, w.config(engine, group)), topic)
		second := publish(t, w.publisher(t), topic, 1)
		m = next(t, messages)
		require.NotEqual(t, list[0].UUID, m.UUID)
		require.Equal(t, second[0].UUID, m.UUID)
		m.Ack()
	})
}

// Subscriptions that begin while Close runs either end with it or are refused.
func TestCloseDuringSubscribe(t *testing.T) {
	eachEngine(t, func(t *testing.T, w *world, engine subscriber.Engine) {
		for range 5 {
			sub := newSubscriber(t, w.config(engine, unique("group")))
			var wg sync.WaitGroup
			begin := make(chan struct{})
			for range 4 {
				topic := unique("race")
				wg.Go(func() {
					<-begin
					messages, err := sub.Subscribe(t.Context(), topic)
					for w.real != nil && err != nil && !isClosed(err) { // it was not answered in time
						messages, err = sub.Subscribe(t.Context(), topic)
					}
					if err != nil {
						if !isClosed(err) {
							t.Error(err)
						}
						return
					}
					for range messages {
						t.Error("a message of nobody")
					}
				})
			}
			wg.Go(func() {
				<-begin
				_ = sub.Close()
			})
			close(begin)
			ends(t, "Subscribe or Close", wg.Wait)
		}
	})
}

// A Client that is closed first ends the subscriptions that use it.
func TestLentClientIsClosedFirst(t *testing.T) {
	eachEngine(t, func(t *testing.T, w *world, engine subscriber.Engine) {
		client, err := rocketmq.Connect(w.cluster, nil)
		require.NoError(t, err)
		cfg := w.config(engine, unique("group"))
		cfg.Client = client
		cfg.Cluster = rocketmq.Cluster{}
		cfg.RequestTimeout = 3 * time.Second // Close waits so long for brokers that it cannot reach
		sub := newSubscriber(t, cfg)
		topic := unique("lent")
		messages := subscribe(t, sub, topic)
		publish(t, w.publisher(t), topic, 1)
		require.Equal(t, once(1), consume(t, messages, 1))
		ends(t, "Close of the client", func() { _ = client.Close() })
		ends(t, "the channel", func() {
			for range messages {
			}
		})
		_, err = sub.Subscribe(t.Context(), topic)
		require.ErrorIs(t, err, subscriber.ErrClosed)
		ends(t, "Close", func() { _ = sub.Close() })
		_, err = subscriber.New(cfg, nil)
		require.ErrorIs(t, err, subscriber.ErrClosed)
	})
}

func isClosed(err error) bool { return errors.Is(err, subscriber.ErrClosed) }

// Close does not go on asking a broker that is away for the leases of handlers that it does
// not wait for any more.
func TestCloseWhileTheBrokerIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := embeddedWorld(t, embedded.InMemory())
		topic := unique("away")
		cfg := w.config(subscriber.POP, unique("group"))
		cfg.Lease, cfg.CloseTimeout, cfg.RequestTimeout = time.Minute, 5*time.Second, time.Second
		sub := newSubscriber(t, cfg)
		messages := subscribe(t, sub, topic)
		publish(t, w.publisher(t), topic, 100)
		for range 100 {
			next(t, messages)
		}
		w.embedded.Broker(0).Stop()
		time.Sleep(40 * time.Second) // on synctest's clock: the leases are being renewed
		began := time.Now()
		_ = sub.Close()
		require.LessOrEqual(t, time.Since(began), cfg.CloseTimeout+3*cfg.RequestTimeout)
	})
}

// A subscription that ended with its context before Close may have lost acks: that is logged,
// and Close says so.
func TestAcksLostBeforeClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := embeddedWorld(t, embedded.InMemory())
		topic := unique("lost")
		logs := watermill.NewCaptureLogger()
		sub, err := subscriber.New(w.config(subscriber.POP, unique("group")), logs)
		require.NoError(t, err)
		defer func() { _ = sub.Close() }()
		remove := w.embedded.Intercept(func(rq embedded.Request) embedded.Fault {
			if rq.Code == headers.CodeBatchAckMessage {
				return embedded.Ignore()
			}
			return embedded.Fault{}
		})
		ctx, cancel := context.WithCancel(t.Context())
		messages, err := sub.Subscribe(ctx, topic)
		require.NoError(t, err)
		publish(t, w.publisher(t), topic, 10)
		consume(t, messages, 10)
		cancel()
		for len(sub.Stats().Subscriptions) > 0 {
			time.Sleep(time.Second) // on synctest's clock
		}
		require.Equal(t, 1, countOf(logs, "Subscription has ended, and brokers have not confirmed all of its acks"))
		remove()
		err = sub.Close()
		var lost *subscriber.CloseError
		require.ErrorAs(t, err, &lost)
		require.Equal(t, topic, lost.Topic)
		require.ErrorContains(t, err, "10 acks")
		require.Equal(t, err, sub.Close(), "again")
	})
}
