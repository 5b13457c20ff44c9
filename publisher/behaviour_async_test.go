package publisher_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
)

// A crowd of asynchronous messages is stored as if each were alone, where its
// result says.
func TestAsyncCrowd(t *testing.T) {
	const workers, each = 8, 400
	inEveryWorld(t, func(t *testing.T, w *world) {
		topic := newTopic(t, "async")
		w.createTopic(t, topic, 4)
		seen, requests := newResults(), batchRequests(w)
		p := publisherIn(t, w, func(c *publisher.Config) { patiently(c); c.OnResult = seen.add })
		var mu sync.Mutex
		messages := make(map[string]*message.Message)
		var wg sync.WaitGroup
		for worker := range workers {
			wg.Go(func() {
				for n := range each {
					msg := crowdMessage(worker, n)
					mu.Lock()
					messages[msg.UUID] = msg
					mu.Unlock()
					if err := p.PublishAsync(topic, msg); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		require.NoError(t, p.Flush(t.Context()))
		require.NotZero(t, requests(), "or else this was no test of batches")
		requireEachOnce(t, w, topic, messages, seen)
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
			NameServers: w.nameServers, Dial: w.dial, SendTimeout: time.Minute, CloseTimeout: time.Minute, OnResult: seen.add,
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
