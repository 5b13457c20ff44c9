package publisher_test

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
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
		require.GreaterOrEqual(t, len(c.Messages(orders)), 402)
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
		require.Len(t, c.Messages(orders), 1)
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
		require.Len(t, c.Messages(orders), 100)
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
		for _, m := range c.Messages(topic) {
			queues[m.QueueID]++
		}
		require.Len(t, queues, 2)
		synctest.Wait()
	})
}
