package publisher_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"

	rocketmq "github.com/watermill-rocketmq/watermill-rocketmq"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/realbroker"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
)

// A crowd of asynchronous messages is stored as if each were alone, where its
// result says.
func TestAsyncCrowd(t *testing.T) {
	crowdIsStored(t, "async", 8, 400, func(p *publisher.Publisher, topic string, msg *message.Message) error {
		return p.PublishAsync(topic, msg)
	})
}

// Messages of a key are stored in the order in which they were handed over.
func TestAsyncOrder(t *testing.T) {
	inEveryWorld(t, func(t *testing.T, w *world) {
		topic := newTopic(t, "async-keys")
		w.createTopic(t, topic, 4)
		seen := newResults()
		p := publisherIn(t, w, func(c *publisher.Config) { byPayload(c); c.OnResult = seen.add })
		const keys, each = 8, 100
		var wg sync.WaitGroup
		for k := range keys {
			wg.Go(func() {
				for _, msg := range keyedMessages(fmt.Sprint("k", k), each) {
					if err := p.PublishAsync(topic, msg); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		require.NoError(t, p.Flush(t.Context()))
		for range keys * each {
			require.NoError(t, seen.next(t).Err)
		}
		count := make(map[string]int)
		for _, s := range w.read(t, topic, keys*each) { // by queue and offset
			key, number, _ := strings.Cut(string(s.Body), "-")
			require.Equal(t, fmt.Sprint(count[key]), number, "key %s", key)
			count[key]++
		}
		require.Len(t, count, keys)
	})
}

// Close stores what has been handed over.
func TestAsyncClose(t *testing.T) {
	inEveryWorld(t, func(t *testing.T, w *world) {
		topic := newTopic(t, "async-close")
		w.createTopic(t, topic, 4)
		seen := newResults()
		p, err := publisher.New(publisher.Config{
			Cluster:     rocketmq.Cluster{NameServers: w.nameServers, Dial: w.dial, DialTimeout: time.Minute},
			SendTimeout: time.Minute, AttemptTimeout: time.Minute, CloseTimeout: time.Minute, OnResult: seen.add,
		}, nil)
		require.NoError(t, err)
		const n = 5000
		for range n {
			require.NoError(t, p.PublishAsync(topic, newMessage("x")))
		}
		require.NoError(t, p.Close())
		require.Len(t, seen.c, n)
		require.Len(t, w.read(t, topic, n), n)
	})
}

// Messages that are under way when a broker dies are told of like all others: with
// time enough each is stored in the end, and nothing that was told stored is missing.
func TestAsyncBrokerKilled(t *testing.T) {
	t.Run("embedded", func(t *testing.T) {
		w := embeddedWorld(t)
		broker := w.embedded.Broker(0)
		testAsyncBrokerKilled(t, w, func() {
			broker.Kill()
			require.NoError(t, broker.Start())
		})
	})
	for _, version := range realbroker.Versions() {
		t.Run("real "+version, func(t *testing.T) {
			w := ownCluster(t, realbroker.Config{Version: version, BrokerProps: map[string]string{"flushDiskType": "SYNC_FLUSH"}})
			broker := w.real.Broker(0)
			testAsyncBrokerKilled(t, w, func() {
				require.NoError(t, broker.Kill())
				require.NoError(t, broker.Start())
			})
		})
	}
}

func testAsyncBrokerKilled(t *testing.T, w *world, killAndStart func()) {
	topic := newTopic(t, "async-killed")
	w.createTopic(t, topic, 4)
	told := make(map[string]publisher.Result) // OnResult comes one at a time, and Flush waits for it
	var stored atomic.Int64
	p := publisherIn(t, w, func(c *publisher.Config) {
		c.SendTimeout = 10 * time.Minute
		c.Waiting.Messages = 2000
		c.OnResult = func(r publisher.Result) {
			if errors.Is(r.Err, publisher.ErrWaitingFull) {
				return // of the other goroutine
			}
			told[r.UUID] = r
			stored.Add(1)
		}
	})
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan int, 1)
	go func() {
		n := 0
		for ctx.Err() == nil {
			err := p.PublishAsync(topic, newMessage("x"))
			switch {
			case err == nil:
				n++
			case !errors.Is(err, publisher.ErrWaitingFull):
				t.Error(err)
				ended <- n
				return
			default:
				_ = p.Flush(ctx) // ended by stop, or done
			}
		}
		ended <- n
	}()
	await := func(more int64) {
		want := stored.Load() + more
		require.Eventually(t, func() bool { return stored.Load() >= want }, patience, time.Millisecond)
	}
	await(1000)
	killAndStart() // in the middle of publishing
	await(1000)
	stop()
	n := <-ended
	require.NoError(t, p.Flush(t.Context()))
	require.Len(t, told, n)
	byID := make(map[string]bool)
	if w.embedded != nil {
		for _, m := range messagesIn(w.embedded, topic) {
			byID[m.UniqueKey] = true
		}
	} else {
		for _, s := range readAtLeast(t, w, topic, n) {
			byID[s.UniqueID] = true
		}
	}
	for _, r := range told {
		require.NoError(t, r.Err)
		require.True(t, byID[r.MessageID], "%+v is not stored", r)
	}
}
