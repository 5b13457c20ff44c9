package publisher_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/marshaler"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
)

// A panic of user code on the goroutine of the caller is the caller's. Many recover
// it (net/http, Watermill's Recoverer): nothing of the publisher may stay behind then.

// trap panics when it is set, once.
type trap struct{ set atomic.Bool }

func (tr *trap) spring() {
	if tr.set.CompareAndSwap(true, false) {
		panic("user code")
	}
}

func TestPromisePanicAsync(t *testing.T) {
	for name, change := range map[string]func(*trap, *publisher.Config){
		"ordering key": func(tr *trap, c *publisher.Config) {
			c.OrderingKey = func(string, *message.Message) (string, error) { tr.spring(); return "", nil }
		},
		"key hash": func(tr *trap, c *publisher.Config) {
			c.OrderingKey = func(string, *message.Message) (string, error) { return "key", nil }
			c.Queues.KeyHashFunc = func(string) uint64 { tr.spring(); return 0 }
		},
		"topic mapper": func(tr *trap, c *publisher.Config) {
			c.Topics = trappedTopics{trap: tr}
		},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, c *embedded.Cluster) {
				var tr trap
				p := unclosedPublisherOn(t, c, func(c *publisher.Config) {
					c.OnResult = func(publisher.Result) {}
					change(&tr, c)
				})
				tr.set.Store(true)
				require.Panics(t, func() { _ = p.PublishAsync(orders, newMessage("x")) })
				require.Zero(t, publisher.Inside(p))
				require.NoError(t, p.Flush(t.Context()))
				require.NoError(t, p.PublishAsync(orders, newMessage("x")))
				elapsed := stopwatch()
				require.NoError(t, p.Close())
				require.Zero(t, elapsed())
				require.Equal(t, 1, storedIn(c, orders))
			})
		})
	}
}

func TestPromisePanicHook(t *testing.T) {
	for name, key := range map[string]string{"without key": "", "with key": "key"} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, c *embedded.Cluster) {
				var tr trap
				p := unclosedPublisherOn(t, c, func(c *publisher.Config) {
					c.OrderingKey = func(string, *message.Message) (string, error) { return key, nil }
					c.Batch.MaxMessages = 2
					c.Hooks = append(c.Hooks, publisher.Hooks{AttemptStart: func(ctx context.Context, _ publisher.AttemptEvent) context.Context { tr.spring(); return ctx }})
				})
				require.NoError(t, p.Publish(orders, newMessage("x")))
				// The first message with a key finds out which queue the key belongs to, and
				// goes on a sender. Only when that has ended is the next call its caller's to
				// send.
				synctest.Wait()
				tr.set.Store(true)
				require.Panics(t, func() { _ = p.Publish(orders, newMessages(5)...) })
				require.Zero(t, publisher.Inside(p))
				for range 3 {
					elapsed := stopwatch()
					require.NoError(t, p.Publish(orders, newMessage("x")))
					require.Zero(t, elapsed(), "nothing stands in its way")
				}
				require.Equal(t, 4, storedIn(c, orders), "none of the call whose caller has the panic")
				require.NoError(t, p.Close())
			})
		})
	}
}

// What comes while a caller's request is under way is sent, whatever becomes of that
// caller.
func TestPromisePanicLeavesOthers(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		everySend(c, embedded.DelayAnswer(time.Second))
		var tr trap
		p := publisherOn(t, c, func(c *publisher.Config) {
			c.Hooks = append(c.Hooks, publisher.Hooks{AttemptEnd: func(context.Context, publisher.AttemptEvent) { tr.spring() }})
		})
		publisher.NeverHurry(p)
		tr.set.Store(true)
		panicked := make(chan bool)
		go func() {
			defer func() { panicked <- recover() != nil }()
			_ = p.Publish(orders, newMessage("x"))
		}()
		synctest.Wait()
		others := gathering(p, "a", "b")
		require.True(t, <-panicked)
		requirePublished(t, others...)
	})
}

// trappedTopics maps topics unless its trap springs.
type trappedTopics struct {
	marshaler.EscapeTopics
	trap *trap
}

func (m trappedTopics) MapTopic(topic string) (marshaler.MappedTopic, error) {
	m.trap.spring()
	return m.EscapeTopics.MapTopic(topic)
}
