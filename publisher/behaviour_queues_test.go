package publisher_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"sync"
	"testing"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/realbroker"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
)

// picks are where another client sends keys: broker and queue id by key.
type picks map[string]string

// readPicks returns the first two routes of the vectors, which have the same
// brokers, with 3 and 5 queues, listed one way and the other.
func readPicks(t *testing.T, h routing.KeyHash) [2]picks {
	t.Helper()
	raw, err := os.ReadFile("../routing/testdata/keyhash/" + string(h) + ".json")
	require.NoError(t, err)
	var vectors struct {
		Routes []struct {
			Picks []struct {
				Key, Broker string
				QueueID     int
			}
		}
	}
	require.NoError(t, json.Unmarshal(raw, &vectors))
	var both [2]picks
	for i := range both {
		both[i] = make(picks)
		for _, p := range vectors.Routes[i].Picks {
			both[i][p.Key] = fmt.Sprint(p.Broker, p.QueueID)
		}
	}
	return both
}

// byPayloadKey makes the payload the key.
func byPayloadKey(_ string, msg *message.Message) (string, error) { return string(msg.Payload), nil }

// On two brokers with 3 and 5 queues each key is stored in the queue that the
// other client picks, whichever hash is asked for.
func TestKeysAreStoredWhereOtherClientsSendThem(t *testing.T) {
	test := func(t *testing.T, w *world, topic string) {
		total := 0
		for _, h := range []routing.KeyHash{routing.JavaHash, routing.FNV1a, routing.SipHash, routing.ProxyHash} {
			p := publisherIn(t, w, func(c *publisher.Config) {
				c.OrderingKey, c.Queues.KeyHash = byPayloadKey, h
				c.ProducerGroup = "hash_" + string(h)
			})
			var messages []*message.Message
			want := readPicks(t, h)
			for key := range want[0] {
				msg := newMessage(key)
				msg.Metadata.Set("hash", string(h))
				messages = append(messages, msg)
			}
			require.NoError(t, p.Publish(topic, messages...))
			total += len(messages)
		}
		all := w.read(t, topic, total)
		for _, h := range []routing.KeyHash{routing.JavaHash, routing.FNV1a, routing.SipHash, routing.ProxyHash} {
			got := make(picks)
			for _, s := range all {
				if s.Properties["hash"] == string(h) {
					got[string(s.Body)] = fmt.Sprint(s.Broker, s.QueueID)
				}
			}
			// Which way the name server lists the brokers is its business.
			want := readPicks(t, h)
			require.Contains(t, want[:], got, h)
		}
	}
	t.Run("embedded", func(t *testing.T) {
		w := embeddedWorld(t, embedded.WithBrokers(2))
		require.NoError(t, w.embedded.Broker(0).CreateTopic("hashes", 3))
		require.NoError(t, w.embedded.Broker(1).CreateTopic("hashes", 5))
		test(t, w, "hashes")
	})
	for _, version := range realbroker.Versions() {
		t.Run("real "+version, func(t *testing.T) {
			w := ownCluster(t, realbroker.Config{Version: version, Brokers: 2})
			for i, queues := range []string{"3", "5"} {
				w.real.Admin(t, "updateTopic", "-b", w.real.Broker(i).Addr, "-t", "hashes", "-r", queues, "-w", queues)
			}
			test(t, w, "hashes")
		})
	}
}

// selectorFunc is a selector of the user's own.
type selectorFunc func(r *routing.Route, avoid []string) routing.MessageQueue

func (f selectorFunc) Select(r *routing.Route, avoid []string) routing.MessageQueue {
	return f(r, avoid)
}

// lastQueue picks the last queue.
func lastQueue(r *routing.Route, _ []string) routing.MessageQueue {
	return r.WriteQueues()[len(r.WriteQueues())-1]
}

// A selector of the user's own says where messages without a key go.
func TestOwnSelector(t *testing.T) {
	inEveryWorld(t, func(t *testing.T, w *world) {
		topic := newTopic(t, "own")
		w.createTopic(t, topic, 4)
		p := publisherIn(t, w, func(c *publisher.Config) { c.Queues.Selector = selectorFunc(lastQueue) })
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() {
				if err := p.Publish(topic, newMessages(3)...); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		for _, s := range w.read(t, topic, 60) {
			require.Equal(t, int32(3), s.QueueID)
		}
	})
}

// Random uses all queues, none much more than another: with 800 requests over 4
// queues each gets 200, give or take 12.2 (the standard deviation), and six times
// that is a chance of one in 10^8.
func TestRandomSelector(t *testing.T) {
	inEveryWorld(t, func(t *testing.T, w *world) {
		topic := newTopic(t, "random")
		w.createTopic(t, topic, 4)
		p := publisherIn(t, w, func(c *publisher.Config) {
			c.Queues.Selector = routing.Random{}
			c.Batch.MaxMessages = 1
		})
		require.NoError(t, p.Publish(topic, newMessages(800)...))
		counts := make(map[int32]int)
		sequence := make(map[int32]bool)
		for _, s := range w.read(t, topic, 800) {
			counts[s.QueueID]++
			sequence[s.QueueID] = true
		}
		require.Len(t, sequence, 4)
		even := true
		for id, n := range counts {
			require.Less(t, math.Abs(float64(n-200)), 6*12.3, "queue %d", id)
			even = even && n == 200
		}
		require.False(t, even, "that is round robin (or a chance of one in 10^4)")
	})
}

// A queue that the route does not have is an error of its own, at once, and
// nothing is sent.
func TestSelectorReturnsForeignQueue(t *testing.T) {
	for name, foreign := range map[string]routing.MessageQueue{
		"none":          {},
		"no such id":    {Topic: orders, BrokerName: "broker-a", QueueID: 1},
		"negative id":   {Topic: orders, BrokerName: "broker-a", QueueID: -1},
		"other broker":  {Topic: orders, BrokerName: "broker-z"},
		"another topic": {Topic: "payments", BrokerName: "broker-a"},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, c *embedded.Cluster) {
				p := publisherOn(t, c, func(c *publisher.Config) {
					c.Queues.Selector = selectorFunc(func(*routing.Route, []string) routing.MessageQueue { return foreign })
				})
				since := stopwatch()
				err := p.Publish(orders, newMessages(2)...)
				require.Zero(t, since(), "no retry")
				failed := failureOf(t, err)
				require.Equal(t, publisher.NotSent, failed.Outcome())
				var selector *routing.SelectorError
				require.ErrorAs(t, err, &selector)
				require.Equal(t, routing.SelectorError{Topic: orders, MessageQueue: foreign}, *selector)
				require.Zero(t, sends(c))
			})
		})
	}
}

// The selector is told which brokers failed, and hears of them again on the next
// attempt; it runs without a lock, so it may look at the publisher's other work.
func TestOwnSelectorHearsOfFailures(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		var avoided [][]string
		var p *publisher.Publisher
		p = publisherOn(t, c, func(c *publisher.Config) {
			c.Queues.Selector = selectorFunc(func(r *routing.Route, avoid []string) routing.MessageQueue {
				avoided = append(avoided, append([]string{}, avoid...))
				if len(avoided) == 2 {
					// A message to the same topic from within. Its context has
					// ended, so it comes back before a queue is chosen.
					ctx, cancel := context.WithCancel(context.Background())
					cancel()
					if err := p.Publish(orders, messageIn(ctx)); err == nil {
						t.Error("a message whose context has ended was published")
					}
				}
				return r.WriteQueues()[0]
			})
		})
		firstSend(c, embedded.Answer(1, "try again"))
		require.NoError(t, p.Publish(orders, newMessage("x")))
		require.Equal(t, [][]string{{}, {"broker-a"}}, avoided)
	})
}
