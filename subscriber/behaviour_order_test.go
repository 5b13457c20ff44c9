package subscriber_test

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber"
)

// keyedPublisher has the messages of a key in one queue.
func keyedPublisher(t *testing.T, w *world) *publisher.Publisher {
	t.Helper()
	return w.publisher(t, func(cfg *publisher.Config) {
		cfg.OrderingKey = func(_ string, m *message.Message) (string, error) {
			key, _, _ := strings.Cut(string(m.Payload), " ")
			return key, nil
		}
	})
}

// keyed publishes n messages of so many keys, "key number", each key's in order.
func keyed(pub message.Publisher, topic string, keys, n int) error {
	list := make([]*message.Message, 0, n)
	for i := range n {
		list = append(list, message.NewMessage(watermill.NewUUID(), fmt.Appendf(nil, "k%d %d", i%keys, i/keys)))
	}
	for len(list) > 0 {
		batch := list[:min(500, len(list))]
		if err := pub.Publish(topic, batch...); err != nil {
			return err
		}
		list = list[len(batch):]
	}
	return nil
}

// order checks that each key's messages come and are acked in order.
type order struct {
	mu     sync.Mutex
	next   map[string]int // by key
	acked  int
	again  int // deliveries of messages that are acked already
	nacked int
	faults []string
}

func newOrder() *order { return &order{next: make(map[string]int)} }

func (o *order) fault(format string, args ...any) {
	if len(o.faults) < 10 {
		o.faults = append(o.faults, fmt.Sprintf(format, args...))
	}
}

// handle acks a message, or nacks it if it is told so.
func (o *order) handle(m *message.Message, nack bool) {
	key, number, _ := strings.Cut(string(m.Payload), " ")
	n, _ := strconv.Atoi(number)
	o.mu.Lock()
	defer o.mu.Unlock()
	switch next := o.next[key]; {
	case n < next:
		o.again++
	case n > next:
		o.fault("%s came, want %d", m.Payload, next)
	}
	if nack {
		o.nacked++
		m.Nack()
		return
	}
	o.next[key] = max(o.next[key], n+1)
	o.acked++
	m.Ack()
}

// done is how many messages were acked, without repetitions.
func (o *order) done() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	n := 0
	for _, next := range o.next {
		n += next
	}
	return n
}

// Members that join and leave, and handlers that nack, change nothing of the order of a
// key. Nobody dies, so nothing is delivered again after its ack.
func TestOrderOfKeys(t *testing.T) {
	eachEngine(t, func(t *testing.T, w *world, engine subscriber.Engine) {
		const all, keys = 10_000, 16
		topic := unique("order")
		cfg := w.config(engine, unique("group"))
		cfg.Ordered = true
		cfg.CreateTopics.Queues = 8
		cfg.Redelivery = quickly
		cfg.MaxDeliveries = subscriber.Endless
		patiently(t, func() error { return newSubscriber(t, cfg).SubscribeInitialize(topic) })
		o := newOrder()
		var wg sync.WaitGroup
		join := func() *subscriber.Subscriber {
			sub := newSubscriber(t, cfg)
			messages := subscribe(t, sub, topic)
			wg.Go(func() {
				for m := range messages {
					o.handle(m, rand.IntN(100) == 0)
				}
			})
			return sub
		}
		await := func(n int) {
			require.Eventually(t, func() bool { return o.done() >= n }, 2*patience, 20*time.Millisecond, "%d of %d", o.done(), n)
		}
		first := join()
		pub := keyedPublisher(t, w)
		wg.Go(func() {
			if err := keyed(pub, topic, keys, all); err != nil {
				t.Error(err)
			}
		})
		await(all / 10)
		second := join()
		await(all * 2 / 10)
		third := join()
		await(all * 4 / 10)
		require.NoError(t, first.Close())
		await(all * 6 / 10)
		fourth := join()
		require.NoError(t, second.Close())
		await(all)
		for _, sub := range []*subscriber.Subscriber{third, fourth} {
			require.NoError(t, sub.Close())
		}
		wg.Wait()
		require.Empty(t, o.faults)
		require.Len(t, o.next, keys)
		require.Equal(t, all, o.done())
		require.Zero(t, o.again, "deliveries after an ack")
		t.Logf("%d messages acked, %d nacks", o.acked, o.nacked)
	})
}

// One message of a queue is with a handler at a time, and those of other queues beside it.
func TestOneMessageOfAQueue(t *testing.T) {
	eachEngine(t, func(t *testing.T, w *world, engine subscriber.Engine) {
		const keys = 40
		topic := unique("one")
		cfg := w.config(engine, unique("group"))
		cfg.Ordered = true
		messages := subscribe(t, newSubscriber(t, cfg), topic)
		require.NoError(t, keyed(keyedPublisher(t, w), topic, keys, 10*keys))
		queues := make(map[int32]bool)
		var held []*message.Message
		for len(held) < 4 {
			m := next(t, messages)
			require.False(t, queues[info(t, m).QueueID], "two of queue %d", info(t, m).QueueID)
			queues[info(t, m).QueueID] = true
			held = append(held, m)
		}
		select {
		case m := <-messages:
			require.FailNow(t, "a second one of a queue", "%d", info(t, m).QueueID)
		case <-time.After(300 * time.Millisecond):
		}
		held[0].Nack()
		again := next(t, messages)
		require.Equal(t, held[0].UUID, again.UUID)
		again.Ack()
		following := next(t, messages)
		require.Equal(t, info(t, again).QueueID, info(t, following).QueueID)
		require.Equal(t, info(t, again).QueueOffset+1, info(t, following).QueueOffset)
		for _, m := range append(held[1:], following) {
			m.Ack()
		}
	})
}
