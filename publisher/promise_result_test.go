package publisher_test

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"sync"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
)

// OnResult is told of each message once, in the order of the call, before
// Publish returns and on its goroutine: the slice needs no lock.
func TestPromiseOnResult(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		var told []publisher.Result
		p := publisherOn(t, c, func(c *publisher.Config) {
			c.OnResult = func(r publisher.Result) { told = append(told, r) }
		})
		check := func(err error, messages ...*message.Message) {
			t.Helper()
			require.Len(t, told, len(messages))
			for i, msg := range messages {
				if msg != nil {
					require.Equal(t, msg.UUID, told[i].UUID)
				}
			}
			if err != nil {
				require.Equal(t, failureOf(t, err).Results, told)
			}
			told = nil
		}
		call := newMessages(3)
		check(p.Publish(orders, call...), call...)
		check(p.Publish("", call...), call...)
		check(p.Publish(orders, call[0], nil), call[0], nil)

		remove := c.Intercept(func(r embedded.Request) embedded.Fault {
			if r.Send != nil {
				return embedded.Answer(headers.MessageIllegal, "")
			}
			return embedded.Fault{}
		})
		check(p.Publish(orders, call...), call...)
		remove()
		everySend(c, embedded.Ignore())
		check(p.Publish(orders, call...), call...)

		require.NoError(t, p.Close())
		err := p.Publish(orders, call...)
		require.ErrorIs(t, err, publisher.ErrClosed)
		check(err, call...)
	})
}

// Many goroutines: every message is told of once, and no two ids are the same.
func TestPromiseManyGoroutines(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		const workers, calls = 64, 25
		seen := newResults()
		p := publisherOn(t, c, func(c *publisher.Config) { c.OnResult = seen.add })
		var wg sync.WaitGroup
		for worker := range workers {
			wg.Go(func() {
				for i := range calls {
					msg := message.NewMessage(fmt.Sprint(worker, " ", i), []byte("x"))
					if err := p.Publish(orders, msg, message.NewMessage(msg.UUID+" too", nil)); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		uuids, ids := make(map[string]bool), make(map[string]bool)
		for range 2 * workers * calls {
			result := seen.next(t)
			uuids[result.UUID], ids[result.MessageID] = true, true
		}
		require.Empty(t, seen.c)
		require.Len(t, uuids, 2*workers*calls)
		require.Len(t, ids, 2*workers*calls)
		for _, m := range messagesIn(c, orders) {
			require.True(t, ids[m.UniqueKey])
			delete(ids, m.UniqueKey)
		}
		require.Empty(t, ids)
		require.Equal(t, 1, c.Stats()["broker-a"].Accepted, "they share one connection")
	})
}

// A message is read and not changed, neither by success nor by failure.
func TestPromiseMessagesAreNotChanged(t *testing.T) {
	type key struct{}
	for name, fault := range map[string]embedded.Fault{
		"stored":  {},
		"retried": embedded.DropConnection(),
		"failed":  embedded.Answer(headers.MessageIllegal, ""),
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, c *embedded.Cluster) {
				firstSend(c, fault)
				p := publisherOn(t, c, nil)
				ctx := context.WithValue(t.Context(), key{}, 1)
				for _, msg := range []*message.Message{
					message.NewMessage("", nil),
					message.NewMessage("empty", []byte{}),
					message.NewMessage("small", []byte("payload")),
					message.NewMessage("compressed", bytes.Repeat([]byte("payload"), 2000)),
					message.NewMessage("not UTF-8 \xff", []byte{0, 1, 2}),
				} {
					for _, metadata := range []message.Metadata{nil, {}, {"k": "v", "DELAY": "1", "": "", "KEYS": "a b"}} {
						msg.Metadata = maps.Clone(metadata)
						msg.SetContext(ctx)
						uuid, payload := msg.UUID, bytes.Clone(msg.Payload)
						_ = p.Publish(orders, msg) // whether it is published is not the question here
						require.Equal(t, uuid, msg.UUID)
						require.Equal(t, payload, []byte(msg.Payload))
						require.Equal(t, metadata, msg.Metadata)
						require.Equal(t, ctx, msg.Context())
						select {
						case <-msg.Acked():
							t.Error("acknowledging is the router's job")
						case <-msg.Nacked():
							t.Error("acknowledging is the router's job")
						default:
						}
					}
				}
			})
		})
	}
}

// One message may be published by many at once; each time it is a message of its
// own to the broker.
func TestPromiseSameMessageFromMany(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		p := publisherOn(t, c, nil)
		msg := newMessage("shared")
		msg.Metadata.Set("k", "v")
		var wg sync.WaitGroup
		for range 32 {
			wg.Go(func() {
				if err := p.Publish(orders, msg, msg); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		ids := make(map[string]bool)
		for _, m := range messagesIn(c, orders) {
			require.Equal(t, "shared", string(m.Body))
			ids[m.UniqueKey] = true
		}
		require.Len(t, ids, 64)
	})
}

// Publish keeps nothing of the message once it has returned, not even where the
// request is still under way: what is done to the message then is not sent.
func TestPromiseNothingIsKept(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		everySend(c, embedded.Delay(time.Second))
		p := publisherOn(t, c, func(c *publisher.Config) { c.Compression.Codec = publisher.NoCompression })
		for _, size := range []int{10, 1 << 20} { // one that is copied into a gathered write, one written alone
			ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
			defer cancel()
			msg := message.NewMessageWithContext(ctx, "uuid", bytes.Repeat([]byte("a"), size))
			msg.Metadata.Set("k", "before")
			err := p.Publish(orders, msg)
			require.Equal(t, publisher.MayBeStored, failureOf(t, err).Outcome())
			for i := range msg.Payload {
				msg.Payload[i] = 'b'
			}
			msg.UUID = "another"
			msg.Metadata.Set("k", "after")
			time.Sleep(time.Second)
			stored := messagesIn(c, orders)
			last := stored[len(stored)-1]
			require.Equal(t, bytes.Repeat([]byte("a"), size), last.Body)
			require.Equal(t, "before", last.Properties["k"])
			require.Equal(t, "uuid", last.Keys)
		}
	})
}
