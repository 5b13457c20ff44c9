package publisher_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
	"github.com/watermill-rocketmq/watermill-rocketmq/transport"
)

// A broker that comes back at another address, in the middle of publishing,
// costs no message and no error.
func TestPromiseBrokerMoves(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		seen := newResults()
		p := publisherOn(t, c, func(c *publisher.Config) { c.OnResult = seen.add })
		before := publishOne(t, p, seen).BrokerAddr
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				for range 50 {
					if err := p.Publish(orders, newMessage("x")); err != nil {
						t.Error(err)
					}
					time.Sleep(10 * time.Millisecond)
				}
			})
		}
		time.Sleep(105 * time.Millisecond)
		require.NoError(t, c.Broker(0).Move())
		time.Sleep(105 * time.Millisecond)
		require.NoError(t, c.Broker(0).Move())
		wg.Wait()
		require.NotEqual(t, before, c.Broker(0).Addr())
		for range 400 {
			seen.next(t)
		}
		result := publishOne(t, p, seen)
		require.Equal(t, c.Broker(0).Addr(), result.BrokerAddr)
		require.Equal(t, 1, result.Attempts)
		require.GreaterOrEqual(t, len(messagesIn(c, orders)), 402)
	})
}

// queuesOf publishes n messages and returns the queues they went to.
func queuesOf(t *testing.T, p *publisher.Publisher, seen *results, n int) map[int32]bool {
	t.Helper()
	queues := make(map[int32]bool)
	for range n {
		queues[publishOne(t, p, seen).MessageQueue.QueueID] = true
	}
	return queues
}

func TestPromiseQueuesComeAndGo(t *testing.T) {
	for _, version := range []headers.Version{headers.Version5_5_0, headers.Version4_9_7} {
		inBubble(t, func(t *testing.T, c *embedded.Cluster) {
			seen := newResults()
			p := publisherOn(t, c, func(c *publisher.Config) { c.OnResult = seen.add })
			require.Len(t, queuesOf(t, p, seen, 8), 8)

			// The broker refuses queues that are gone, which makes the publisher look.
			c.Broker(0).SetQueues(orders, 2, 2)
			queuesOf(t, p, seen, 8)
			time.Sleep(100 * time.Millisecond)
			for range 4 {
				require.Equal(t, 1, publishOne(t, p, seen).Attempts)
			}

			// Of new ones nobody tells, so they are found at the next look.
			c.Broker(0).SetQueues(orders, 16, 16)
			require.Len(t, queuesOf(t, p, seen, 16), 2)
			time.Sleep(31 * time.Second)
			require.Len(t, queuesOf(t, p, seen, 16), 16)
		}, embedded.WithTopic(orders, 8), embedded.WithVersion(version))
	}
}

func TestPromisePermissionRemoved(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		seen := newResults()
		p := publisherOn(t, c, func(c *publisher.Config) { c.OnResult = seen.add })
		publishOne(t, p, seen)
		c.Broker(0).SetPermission(orders, headers.PermRead)
		time.Sleep(31 * time.Second)
		for range 4 {
			require.Equal(t, "broker-b", publishOne(t, p, seen).MessageQueue.BrokerName)
		}

		// With no broker left to write to, Publish waits for one.
		c.Broker(1).SetPermission(orders, headers.PermRead)
		time.Sleep(31 * time.Second)
		err := p.Publish(orders, newMessage("x"))
		require.ErrorIs(t, err, publisher.ErrSendTimeout)
		var noQueue *routing.NoQueueError
		require.ErrorAs(t, err, &noQueue)
		require.Equal(t, routing.NoWritePermission, noQueue.Reason)
		require.Equal(t, publisher.NotSent, failureOf(t, err).Outcome())
		seen.next(t)

		time.AfterFunc(time.Second, func() { c.Broker(0).SetPermission(orders, headers.PermRead|headers.PermWrite) })
		require.Equal(t, "broker-a", publishOne(t, p, seen).MessageQueue.BrokerName)
	}, embedded.WithBrokers(2))
}

// A topic that is deleted under a publisher: where brokers create topics it
// comes back with the next message, elsewhere the broker's refusal is the error.
func TestPromiseTopicDeleted(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		p := publisherOn(t, c, nil)
		require.NoError(t, p.Publish(orders, newMessage("x")))
		c.DeleteTopic(orders)
		time.Sleep(time.Minute)
		require.NoError(t, p.Publish(orders, newMessage("x")))
		require.Len(t, messagesIn(c, orders), 1)
	})
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		p := publisherOn(t, c, nil)
		require.NoError(t, p.Publish(orders, newMessage("x")))
		c.DeleteTopic(orders)
		err := p.Publish(orders, newMessage("x"))
		require.ErrorIs(t, err, &headers.StatusError{Code: headers.TopicNotExist})
		require.Equal(t, publisher.NotSent, failureOf(t, err).Outcome())

		// Somebody creates it again: nothing else is needed.
		require.NoError(t, c.CreateTopic(orders, 1))
		require.NoError(t, p.Publish(orders, newMessage("x")))
	}, embedded.WithoutAutoCreateTopic())
}

// A name server that suddenly says that the topic is nowhere, or that its brokers are,
// does not stop a publisher whose brokers answer. It is logged, and hooks are told.
func TestPromiseUnfitRoutes(t *testing.T) {
	for name, body := range map[string]string{
		"empty":         `{"queueDatas":[],"brokerDatas":[]}`,
		"no brokers":    `{"queueDatas":[{"brokerName":"broker-a","writeQueueNums":1,"perm":6}],"brokerDatas":[]}`,
		"other brokers": `{"queueDatas":[{"brokerName":"x","writeQueueNums":1,"perm":6}],"brokerDatas":[{"brokerName":"x","brokerAddrs":{"0":"nowhere"}}]}`,
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, c *embedded.Cluster) {
				var told atomic.Int64
				p, lines := loggedOn(t, c, func(cfg *publisher.Config) {
					cfg.Hooks = append(cfg.Hooks, publisher.Hooks{RouteRefreshFailed: func(topic string, err error) {
						require.Equal(t, orders, topic)
						require.ErrorIs(t, err, routing.ErrUnfitRoute)
						told.Add(1)
					}})
				})
				require.NoError(t, p.Publish(orders, newMessage("x")))
				remove := onRequest(c, headers.CodeTopicRoute, withBody(t, body))
				for range 20 {
					time.Sleep(9100 * time.Millisecond)
					require.NoError(t, p.Publish(orders, newMessage("x")))
				}
				require.Equal(t, int64(6), told.Load())
				require.NotEmpty(t, lines(watermill.ErrorLogLevel, "Cannot refresh topic route, keeping the old one"))
				require.NotEmpty(t, lines(watermill.InfoLogLevel, "RocketMQ name server failed"))

				// A lost connection is suspicion, and the answer is no better for it.
				c.Broker(0).DropConnections()
				for range 20 {
					require.NoError(t, p.Publish(orders, newMessage("x")))
					time.Sleep(50 * time.Millisecond)
				}
				remove()
				require.NoError(t, c.Broker(0).Move())
				require.NoError(t, p.Publish(orders, newMessage("x")))
			})
		})
	}
}

// A master that is registered under an address that nobody can dial, while it still
// listens at the old one, goes on to be used.
func TestPromiseBadAddressInPlaceOfAGoodOne(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		p, lines := loggedOn(t, c, nil)
		require.NoError(t, p.Publish(orders, newMessage("x")))
		onRequest(c, headers.CodeTopicRoute, withBody(t, `{"queueDatas":[{"brokerName":"broker-a","writeQueueNums":1,"perm":6}],
			"brokerDatas":[{"brokerName":"broker-a","brokerAddrs":{"0":":10911"}}]}`))
		for range 20 {
			time.Sleep(9 * time.Second)
			require.NoError(t, p.Publish(orders, newMessage("x")))
		}
		require.Len(t, lines(watermill.InfoLogLevel, "RocketMQ broker cannot be used"), 1)

		c.Broker(0).Stop()
		elapsed := stopwatch()
		err := p.Publish(orders, newMessage("x"))
		require.Equal(t, 3*time.Second, elapsed())
		require.ErrorIs(t, err, publisher.ErrSendTimeout)
		require.Equal(t, publisher.NotSent, failureOf(t, err).Outcome())
		var op *transport.OpError
		require.ErrorAs(t, err, &op)
		require.Equal(t, "dial", op.Op)
	})
}

// Where a topic has really gone, with the name server's word or without, its messages
// fail within their time, by what the broker says or by that it is not there.
func TestPromiseEmptiedTopic(t *testing.T) {
	gone := &headers.StatusError{Code: headers.TopicNotExist}
	for name, harm := range map[string]func(t *testing.T, c *embedded.Cluster) (want error){
		"deleted": func(t *testing.T, c *embedded.Cluster) error {
			c.DeleteTopic(orders)
			return gone
		},
		"deleted, empty route": func(t *testing.T, c *embedded.Cluster) error {
			c.DeleteTopic(orders)
			onRequest(c, headers.CodeTopicRoute, withBody(t, `{"queueDatas":[],"brokerDatas":[]}`))
			return gone
		},
		"brokers down, empty route": func(t *testing.T, c *embedded.Cluster) error {
			c.Broker(0).Kill()
			onRequest(c, headers.CodeTopicRoute, withBody(t, `{"queueDatas":[],"brokerDatas":[]}`))
			return syscall.ECONNREFUSED
		},
	} {
		for _, wait := range []time.Duration{0, time.Minute} {
			t.Run(fmt.Sprintf("%s, after %v", name, wait), func(t *testing.T) {
				inBubble(t, func(t *testing.T, c *embedded.Cluster) {
					p := publisherOn(t, c, nil)
					require.NoError(t, p.Publish(orders, newMessage("x")))
					want := harm(t, c)
					time.Sleep(wait)
					elapsed := stopwatch()
					err := p.Publish(orders, newMessage("x"))
					require.LessOrEqual(t, elapsed(), 3*time.Second)
					require.ErrorIs(t, err, want)
					require.Equal(t, publisher.NotSent, failureOf(t, err).Outcome())
				}, embedded.WithoutAutoCreateTopic())
			})
		}
	}
}

// A topic of which the first word is that it has no queues may get some: a message
// waits for them.
func TestPromiseQueuesAppear(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		remove := onRequest(c, headers.CodeTopicRoute, withBody(t, `{"queueDatas":[],"brokerDatas":[]}`))
		time.AfterFunc(time.Second, remove)
		require.NoError(t, publisherOn(t, c, nil).Publish(orders, newMessage("x")))
	})
}

// A master that has become a slave stays connected and takes no messages. By whatever
// it says, the publisher looks where the master is now.
func TestPromiseMasterSwitch(t *testing.T) {
	for name, answer := range map[string]embedded.Fault{
		"store of a slave":    embedded.Answer(headers.ServiceNotAvailable, "service not available now"),
		"slave at the door":   embedded.Answer(headers.SystemBusy, "[REJECTREQUEST]system busy, start flow control for a while"),
		"store that failed":   embedded.Answer(headers.SystemError, "create mapped file failed, server is busy or broken."),
		"read-only":           embedded.Answer(headers.NoPermission, "the broker[127.0.0.1] sending message is forbidden"),
		"busy, in new words":  embedded.Answer(headers.SystemBusy, "not now"),
		"not leader of queue": embedded.Answer(headers.NotLeaderForQueue, ""),
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, c *embedded.Cluster) {
				master := c.Broker(0)
				onRequest(c, headers.CodeTopicRoute, func(r embedded.Request) embedded.Fault {
					return withBody(t, `{"queueDatas":[{"brokerName":"broker-a","writeQueueNums":1,"perm":6}],
						"brokerDatas":[{"brokerName":"broker-a","brokerAddrs":{"0":"`+master.Addr()+`"}}]}`)(r)
				})
				p := publisherOn(t, c, nil)
				require.NoError(t, p.Publish(orders, newMessage("x")))
				synctest.Wait()
				master = c.Broker(1)
				onSend(c, func(_ int, r embedded.Request) embedded.Fault {
					if r.Server == "broker-a" {
						return answer
					}
					return embedded.Fault{}
				})
				require.NoError(t, p.Publish(orders, newMessage("x")))
				require.Equal(t, 2, routeRequests(c))
			}, embedded.WithBrokers(2))
		})
	}
}

// A broker that is busy for long is no reason to keep the name servers busy as well.
func TestPromiseBusyBrokerCausesFewLookups(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		p := publisherOn(t, c, func(cfg *publisher.Config) { cfg.Backoff.Max = time.Millisecond })
		require.NoError(t, p.Publish(orders, newMessage("x")))
		everySend(c, embedded.Answer(headers.SystemBusy, "[REJECTREQUEST]system busy, start flow control for a while"))
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() { _ = p.Publish(orders, newMessage("x")) })
		}
		wg.Wait()
		require.Greater(t, sends(c), 50)
		require.LessOrEqual(t, routeRequests(c), 1+3)
	})
}

// A topic that no broker has and none creates cannot get better by waiting.
func TestPromiseNoRoute(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		elapsed := stopwatch()
		err := publisherOn(t, c, nil).Publish("unknown", newMessage("x"))
		require.Zero(t, elapsed())
		var noRoute *routing.NoRouteError
		require.ErrorAs(t, err, &noRoute)
		require.Equal(t, &routing.NoRouteError{Topic: "unknown", DefaultTopic: "TBW102", NameServers: c.NameServers()}, noRoute)
		require.ErrorContains(t, err, "create it, such as by mqadmin updateTopic, by Publisher.CreateTopic, or for each topic by Config.CreateTopics")
		require.Equal(t, publisher.NotSent, failureOf(t, err).Outcome())
		require.Equal(t, 1, failureOf(t, err).Cause().Attempts)
	}, embedded.WithoutAutoCreateTopic())
}

// A cluster without brokers is one that is starting, so Publish waits for it.
func TestPromiseNoBrokers(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		c.Broker(0).Stop()
		p := publisherOn(t, c, nil)
		elapsed := stopwatch()
		err := p.Publish(orders, newMessage("x"))
		require.Equal(t, 3*time.Second, elapsed())
		require.ErrorIs(t, err, publisher.ErrSendTimeout)
		var noBrokers *routing.NoBrokersError
		require.ErrorAs(t, err, &noBrokers)
		require.Equal(t, publisher.NotSent, failureOf(t, err).Outcome())

		time.AfterFunc(2*time.Second, func() { _ = c.Broker(0).Start() })
		require.NoError(t, p.Publish(orders, newMessage("x")))
	})
}

// Many first messages share one question to the name server.
func TestPromiseOneLookup(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		c.Intercept(func(r embedded.Request) embedded.Fault {
			if r.Code == headers.CodeTopicRoute {
				return embedded.Delay(500 * time.Millisecond)
			}
			return embedded.Fault{}
		})
		p := publisherOn(t, c, nil)
		var wg sync.WaitGroup
		for i := range 100 {
			wg.Go(func() {
				time.Sleep(time.Duration(i) * time.Millisecond)
				if err := p.Publish(orders, newMessage("x")); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		require.Equal(t, 1, routeRequests(c))
		require.Equal(t, 1, c.Stats()["nameserver-0"].Accepted)
		require.Equal(t, 1, c.Stats()["broker-a"].Accepted)
		require.Len(t, messagesIn(c, orders), 100)
	})
}

func TestPromiseRouteIsRefreshed(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		p := publisherOn(t, c, nil)
		require.NoError(t, p.Publish(orders, newMessage("x")))
		require.Equal(t, 1, routeRequests(c))
		time.Sleep(5*time.Minute + time.Second)
		require.Equal(t, 11, routeRequests(c), "every 30 s")
	})
}

// The first message to a topic that does not exist goes to a queue of the
// default topic. The broker creates the topic, so its route is asked for again
// at once.
func TestPromiseFirstMessageCreatesTheTopic(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		const topic = "new"
		p := publisherOn(t, c, func(c *publisher.Config) { c.AutoCreate.Queues = 2 })
		require.NoError(t, p.Publish(topic, newMessage("x")))
		require.Equal(t, 2, routeRequests(c), "the topic's, then the default topic's")
		time.Sleep(100 * time.Millisecond) // the least time between two looks
		require.Equal(t, 3, routeRequests(c), "the topic's own")

		require.NoError(t, p.Publish(topic, newMessages(8)...))
		time.Sleep(time.Second)
		require.Equal(t, 3, routeRequests(c), "which needs no other")
		queues := make(map[int32]int)
		for _, m := range messagesIn(c, topic) {
			queues[m.QueueID]++
		}
		require.Len(t, queues, 2)
		synctest.Wait()
	})
}

// What changes for those who read a topic is no news of a publisher: no line and no hook
// tells of it, and no message notices.
func TestPromiseQueuesToReadAreNoNews(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		var changed, failed atomic.Int64
		p, lines := loggedOn(t, c, func(cfg *publisher.Config) {
			cfg.Hooks = append(cfg.Hooks, publisher.Hooks{RouteChanged: func(string, *routing.Route, *routing.Route) { changed.Add(1) }})
			cfg.Hooks = append(cfg.Hooks, publisher.Hooks{RouteRefreshFailed: func(string, error) { failed.Add(1) }})
		})
		require.NoError(t, p.Publish(orders, newMessage("x")))
		for _, change := range []func(){
			func() { c.Broker(0).SetQueues(orders, 5, 1) },
			func() { c.Broker(0).SetPermission(orders, headers.PermWrite) },
			func() { c.Broker(0).SetPermission(orders, headers.PermRead|headers.PermWrite) },
		} {
			change()
			time.Sleep(31 * time.Second)
			require.NoError(t, p.Publish(orders, newMessage("x")))
			require.EqualValues(t, 1, changed.Load())
			require.Zero(t, failed.Load())
			require.Len(t, lines(watermill.DebugLogLevel, "Topic route changed"), 1)
			require.Empty(t, lines(watermill.ErrorLogLevel, "Cannot refresh topic route, keeping the old one"))
		}

		// One that can no longer be written is: it is told of once, and its return as well.
		c.Broker(0).SetPermission(orders, headers.PermRead)
		time.Sleep(2 * time.Minute)
		require.EqualValues(t, 1, failed.Load())
		c.Broker(0).SetPermission(orders, headers.PermRead|headers.PermWrite)
		time.Sleep(31 * time.Second)
		require.EqualValues(t, 2, changed.Load())
		require.EqualValues(t, 1, failed.Load())
	})
}
