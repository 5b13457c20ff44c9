package publisher_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
)

// sorted is a topic for ordering keys: the key of a message is what is before the
// dash in its payload.
const sorted = "sorted"

func byPayload(c *publisher.Config) {
	c.OrderingKey = func(_ string, msg *message.Message) (string, error) {
		key, _, _ := strings.Cut(string(msg.Payload), "-")
		return key, nil
	}
}

// keyedMessages makes n messages of a key: key-0, key-1, ...
func keyedMessages(key string, n int) []*message.Message {
	messages := make([]*message.Message, n)
	for i := range messages {
		messages[i] = newMessage(fmt.Sprintf("%s-%d", key, i))
	}
	return messages
}

// Each key has one queue, which many keys share evenly, and its messages are
// there in the order of the calls. The key is stored with the message.
func TestPromiseKeyHasOneQueue(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		p := publisherOn(t, c, byPayload)
		const keys, each = 200, 5
		var wg sync.WaitGroup
		for k := range keys {
			wg.Go(func() {
				for _, msg := range keyedMessages(fmt.Sprintf("k%d", k), each) {
					if err := p.Publish(sorted, msg); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		queueOf := make(map[string]string)
		count := make(map[string]int)
		used := make(map[string]int)
		for _, m := range messagesIn(c, sorted) {
			key, number, _ := strings.Cut(string(m.Body), "-")
			require.Equal(t, key, m.Properties["__SHARDINGKEY"])
			queue := fmt.Sprint(m.BrokerName, m.QueueID)
			if queueOf[key] == "" {
				queueOf[key] = queue
				used[queue]++
			}
			require.Equal(t, queueOf[key], queue)
			require.Equal(t, fmt.Sprint(count[key]), number, "the order of %s", key)
			count[key]++
		}
		require.Len(t, count, keys)
		require.Len(t, used, 8)
		for queue, n := range used {
			require.Greater(t, n, 5, "keys of queue %s", queue)
		}
	}, embedded.WithBrokers(2), embedded.WithTopic(sorted, 4))
}

// An empty key is none: such messages take the queues in turn and carry no key.
func TestPromiseEmptyKeyIsNone(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		p := publisherOn(t, c, func(c *publisher.Config) {
			c.OrderingKey = func(string, *message.Message) (string, error) { return "", nil }
		})
		for range 8 {
			require.NoError(t, p.Publish(sorted, newMessage("x")))
		}
		var queues []int32
		for _, m := range messagesIn(c, sorted) {
			queues = append(queues, m.QueueID)
			require.NotContains(t, m.Properties, "__SHARDINGKEY")
		}
		require.ElementsMatch(t, []int32{0, 0, 1, 1, 2, 2, 3, 3}, queues)
	}, embedded.WithTopic(sorted, 4))
}

// A queue that keys go to never has two requests under way, however many publish,
// while different queues do not wait for each other.
func TestPromiseOneRequestPerKeyedQueue(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		var mu sync.Mutex
		under, most, all, atOnce := map[int32]int{}, 0, 0, 0
		everySendIs(c, func(r embedded.Request) {
			mu.Lock()
			under[r.Send.QueueID]++
			most = max(most, under[r.Send.QueueID])
			all++
			atOnce = max(atOnce, all)
			mu.Unlock()
			// A moment before the answer: what happens at one instant has no order.
			time.AfterFunc(time.Millisecond-time.Nanosecond, func() {
				mu.Lock()
				defer mu.Unlock()
				under[r.Send.QueueID]--
				all--
			})
		}, time.Millisecond)
		p := publisherOn(t, c, byPayload)
		require.NoError(t, p.Publish(sorted, newMessage("first-0")))
		var wg sync.WaitGroup
		for k := range 100 {
			wg.Go(func() {
				if err := p.Publish(sorted, keyedMessages(fmt.Sprintf("k%d", k), 20)...); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		require.Len(t, messagesIn(c, sorted), 2001)
		mu.Lock()
		defer mu.Unlock()
		require.Equal(t, 1, most)
		require.Equal(t, 4, atOnce)
	}, embedded.WithTopic(sorted, 4))
}

// everySendIs has seen called for every send, which then takes that long.
func everySendIs(c *embedded.Cluster, seen func(r embedded.Request), takes time.Duration) {
	c.Intercept(func(r embedded.Request) embedded.Fault {
		if r.Send == nil {
			return embedded.Fault{}
		}
		seen(r)
		return embedded.DelayAnswer(takes)
	})
}

// What comes later waits behind a message that fails and is sent again.
func TestPromiseLaterWaitBehindAFailure(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		p := publisherOn(t, c, byPayload)
		require.NoError(t, p.Publish(orders, newMessage("k-0")))
		onSend(c, func(n int, _ embedded.Request) embedded.Fault {
			if n <= 5 {
				return embedded.Answer(headers.SystemBusy, "[REJECTREQUEST]")
			}
			return embedded.Fault{}
		})
		var wg sync.WaitGroup
		for i := 1; i <= 3; i++ {
			wg.Go(func() {
				if err := p.Publish(orders, newMessage(fmt.Sprintf("k-%d", i))); err != nil {
					t.Error(err)
				}
			})
			synctest.Wait()
		}
		wg.Wait()
		require.Equal(t, []string{"k-0", "k-1", "k-2", "k-3"}, bodies(c, orders))
	})
}

// When a message is given up those behind it are sent as if it had not been
// there.
func TestPromiseGivenUpMessageLetsOthersGo(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		p := publisherOn(t, c, byPayload)
		require.NoError(t, p.Publish(orders, newMessage("k-0")))
		c.Intercept(func(r embedded.Request) embedded.Fault {
			if r.Send != nil && strings.Contains(string(r.Send.Properties), "bad") {
				return embedded.Answer(headers.SystemBusy, "[REJECTREQUEST]")
			}
			return embedded.Fault{}
		})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		bad := newMessage("k-1")
		bad.Metadata.Set("bad", "yes")
		bad.SetContext(ctx)
		var wg sync.WaitGroup
		wg.Go(func() {
			result := failureOf(t, p.Publish(orders, bad)).Results[0]
			if !errors.Is(result.Err, context.DeadlineExceeded) || result.Outcome != publisher.NotSent {
				t.Errorf("%+v", result)
			}
		})
		synctest.Wait()
		elapsed := stopwatch()
		require.NoError(t, p.Publish(orders, newMessage("k-2")))
		require.GreaterOrEqual(t, elapsed(), time.Second, "it waits until the one before is given up")
		wg.Wait()
		require.Equal(t, []string{"k-0", "k-2"}, bodies(c, orders))
	})
}

// Of a call that has failed nothing more is sent, whatever the keys.
func TestPromiseFailedCallStopsAllItsKeys(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		p := publisherOn(t, c, func(c *publisher.Config) { byPayload(c); c.Batch.MaxMessages = 2 })
		require.NoError(t, p.Publish(orders, newMessage("k-0")))
		everySend(c, embedded.Answer(headers.NoPermission, "Sending message to topic[orders] is forbidden"))
		e := failureOf(t, p.Publish(orders, keyedMessages("k", 6)...))
		require.Equal(t, 2, sends(c))
		require.ErrorIs(t, e.Results[5].Err, publisher.ErrNotAttempted)
		require.Equal(t, publisher.NotSent, e.Outcome())
	})
}

// When the number of queues changes keys move, and no message is overtaken by a
// later one of its key: it is stored before that in time, if in another queue.
func TestPromiseKeysMoveInOrder(t *testing.T) {
	const most = 10 // of 20 keys
	t.Run("java", func(t *testing.T) { keysMoveInOrder(t, publisher.QueuesConfig{}, most) })
	t.Run("siphash", func(t *testing.T) { keysMoveInOrder(t, publisher.QueuesConfig{KeyHash: routing.SipHash}, most) })
	// A consistent hash is one that moves few keys.
	t.Run("proxy", func(t *testing.T) { keysMoveInOrder(t, publisher.QueuesConfig{KeyHash: routing.ProxyHash}, 0) })
	own := func(key string) uint64 { return uint64(len(key)) + uint64(key[len(key)-1]) }
	t.Run("own", func(t *testing.T) { keysMoveInOrder(t, publisher.QueuesConfig{KeyHashFunc: own}, most) })
}

// keysMoveInOrder is the test with one way to choose queues, under which more than
// that many keys have to move.
func keysMoveInOrder(t *testing.T, queuesConfig publisher.QueuesConfig, more int) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		seen := newResults()
		p := publisherOn(t, c, func(c *publisher.Config) {
			byPayload(c)
			c.Queues = queuesConfig
			c.Cluster.RouteRefreshInterval = time.Second
			c.SendTimeout = time.Hour
			c.Batch.MaxMessages = 3
			c.OnResult = seen.add
		})
		everySendIs(c, func(embedded.Request) {}, 300*time.Millisecond)
		done := make(chan struct{})
		go func() {
			defer close(done)
			for n := range 10 {
				time.Sleep(700 * time.Millisecond)
				c.Broker(0).SetQueues(sorted, 16, 2+(n*5)%13)
			}
		}()
		const keys, each = 20, 40
		var wg sync.WaitGroup
		for k := range keys {
			wg.Go(func() {
				if err := p.Publish(sorted, keyedMessages(fmt.Sprintf("k%d", k), each)...); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		<-done
		all := messagesIn(c, sorted)
		require.Len(t, all, keys*each, "each once")
		byKey := make(map[string][]embedded.Message)
		queues := make(map[string]map[int32]bool)
		for _, m := range all {
			key, _, _ := strings.Cut(string(m.Body), "-")
			byKey[key] = append(byKey[key], m)
			if queues[key] == nil {
				queues[key] = make(map[int32]bool)
			}
			queues[key][m.QueueID] = true
		}
		moved := 0
		for key, messages := range byKey {
			if len(queues[key]) > 1 {
				moved++
			}
			position := make([]int64, each)
			for _, m := range messages {
				var n int
				_, err := fmt.Sscanf(string(m.Body), key+"-%d", &n)
				require.NoError(t, err)
				position[n] = m.CommitLogOffset
			}
			for i := range position[1:] {
				require.Less(t, position[i], position[i+1], "messages %d and %d of key %s", i, i+1, key)
			}
		}
		require.Greater(t, moved, more, "the test is about keys that move")
		for range keys * each {
			require.Equal(t, 1, seen.next(t).Attempts, "to move is no attempt")
		}
	}, embedded.WithTopic(sorted, 16))
}

// A message whose key cannot be told or stored is refused before anything is sent.
func TestPromiseBadKey(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		broken := errors.New("no key")
		keys := map[string]error{"": broken, "\x01": nil, "\xff": nil}
		for key, keyErr := range keys {
			p := publisherOn(t, c, func(c *publisher.Config) {
				c.OrderingKey = func(_ string, msg *message.Message) (string, error) {
					if string(msg.Payload) == "bad" {
						return key, keyErr
					}
					return "good", nil
				}
			})
			e := failureOf(t, p.Publish(orders, newMessage("x"), newMessage("bad")))
			var wrong *publisher.OrderingKeyError
			require.ErrorAs(t, e, &wrong, "%q", key)
			if keyErr != nil {
				require.ErrorIs(t, e, broken)
			}
			require.Zero(t, sends(c))
		}
	})
}
