package publisher_test

import (
	"errors"
	"fmt"
	"slices"
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

// hookLog collects what hooks are told.
type hookLog struct {
	mu       sync.Mutex
	order    []string
	sends    []publisher.SendEvent
	attempts []publisher.AttemptEvent
	retries  []publisher.RetryEvent
	ups      []string
	downs    []string
	causes   []error
	routes   [][2]*routing.Route
}

func (l *hookLog) add(what string, note func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.order = append(l.order, what)
	note()
}

func (l *hookLog) hooks() publisher.Hooks {
	return publisher.Hooks{
		BeforeSend: func(e publisher.SendEvent) {
			e.UUIDs = slices.Clone(e.UUIDs)
			l.add("send", func() { l.sends = append(l.sends, e) })
		},
		AfterAttempt: func(e publisher.AttemptEvent) {
			e.UUIDs = slices.Clone(e.UUIDs)
			l.add("attempt", func() { l.attempts = append(l.attempts, e) })
		},
		Retry: func(e publisher.RetryEvent) {
			e.UUIDs = slices.Clone(e.UUIDs)
			l.add("retry", func() { l.retries = append(l.retries, e) })
		},
		Connected: func(addr string) { l.add("up", func() { l.ups = append(l.ups, addr) }) },
		Disconnected: func(addr string, cause error) {
			l.add("down", func() { l.downs, l.causes = append(l.downs, addr), append(l.causes, cause) })
		},
		RouteChanged: func(topic string, before, after *routing.Route) {
			l.add("route of "+topic, func() { l.routes = append(l.routes, [2]*routing.Route{before, after}) })
		},
	}
}

// A message that is sent twice: all that the hooks are told, in its order.
func TestPromiseHooks(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		onSend(c, func(n int, _ embedded.Request) embedded.Fault {
			if n == 1 {
				return embedded.Answer(headers.SystemBusy, "[REJECTREQUEST]").After(time.Second)
			}
			return embedded.DelayAnswer(2 * time.Second)
		})
		var log hookLog
		p := unclosedPublisherOn(t, c, func(c *publisher.Config) {
			c.SendTimeout, c.AttemptTimeout = time.Hour, time.Hour
			c.Hooks = log.hooks()
			c.OnResult = func(publisher.Result) { log.add("result", func() {}) }
		})
		began := time.Now()
		call := newMessages(2)
		uuids := []string{call[0].UUID, call[1].UUID}
		require.NoError(t, p.Publish(orders, call...))
		require.NoError(t, p.Close())

		// The messages do not wait for the hook that tells of their route.
		told := slices.Index(log.order, "route of orders")
		require.Positive(t, told, "after the name server was connected to")
		require.Equal(t, []string{
			"up", "up", "send", "attempt", "retry", "send", "attempt", "result", "result", "down", "down",
		}, slices.Delete(slices.Clone(log.order), told, told+1))
		nameServer, broker := c.NameServers()[0], c.Brokers()[0].Addr()
		require.Equal(t, []string{nameServer, broker}, log.ups)
		require.ElementsMatch(t, log.ups, log.downs)
		for _, cause := range log.causes {
			require.ErrorIs(t, cause, publisher.ErrClosed)
		}
		require.Nil(t, log.routes[0][0])
		require.Len(t, log.routes[0][1].WriteQueues(), 1)

		queue := routing.MessageQueue{Topic: orders, BrokerName: "broker-a"}
		first, second := log.sends[0], log.sends[1]
		require.NotZero(t, first.Bytes)
		require.Equal(t, publisher.SendEvent{Topic: orders, MessageQueue: queue, Addr: broker, UUIDs: uuids, Bytes: first.Bytes, Try: 1}, first)
		first.Try = 2
		require.Equal(t, first, second)

		bad, good := log.attempts[0], log.attempts[1]
		require.Equal(t, uuids, bad.UUIDs)
		require.Equal(t, 1, bad.Try)
		require.Equal(t, queue, bad.Attempt.MessageQueue)
		require.Equal(t, broker, bad.Attempt.Addr)
		require.Equal(t, publisher.NotSent, bad.Attempt.Outcome)
		require.Equal(t, began, bad.Attempt.Began)
		require.Equal(t, time.Second, bad.Attempt.Took)
		require.ErrorIs(t, bad.Attempt.Err, &headers.StatusError{Code: headers.SystemBusy})

		require.Equal(t, uuids, good.UUIDs)
		require.Equal(t, 2, good.Try)
		require.Equal(t, publisher.Stored, good.Attempt.Outcome)
		require.NoError(t, good.Attempt.Err)
		require.Equal(t, 2*time.Second, good.Attempt.Took)

		retry := log.retries[0]
		require.Equal(t, uuids, retry.UUIDs)
		require.Equal(t, 1, retry.Failed)
		require.Equal(t, bad.Attempt.Err, retry.Err)
		require.Equal(t, began.Add(time.Second), good.Attempt.Began.Add(-retry.Pause))
	})
}

// A hook that is told of a route holds up neither the messages that the route was looked
// up for nor those that find it known.
func TestPromiseHooksRouteHoldsUpNoMessage(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		published := make(chan struct{})
		told := false
		p := unclosedPublisherOn(t, c, func(c *publisher.Config) {
			c.Hooks.RouteChanged = func(string, *routing.Route, *routing.Route) {
				<-published
				told = true
			}
		})
		elapsed := stopwatch()
		for range 2 {
			require.NoError(t, p.Publish(orders, newMessage("x")))
		}
		require.Zero(t, elapsed())
		close(published)
		require.NoError(t, p.Close())
		require.True(t, told)
	})
}

// A lost connection is told with its cause, and the new one after it.
func TestPromiseHooksConnectionLost(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		var log hookLog
		p := publisherOn(t, c, func(c *publisher.Config) { c.Hooks = log.hooks() })
		require.NoError(t, p.Publish(orders, newMessage("x")))
		firstSend(c, embedded.DropConnection())
		require.NoError(t, p.Publish(orders, newMessage("x")))
		synctest.Wait()
		broker := c.Brokers()[0].Addr()
		require.Equal(t, []string{broker}, log.downs)
		require.NotErrorIs(t, log.causes[0], publisher.ErrClosed)
		require.Equal(t, 3, len(log.ups))
		require.Equal(t, broker, log.ups[2])
	})
}

// An attempt that does not get as far as a broker has no BeforeSend.
func TestPromiseHooksNoRoute(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		var log hookLog
		p := publisherOn(t, c, func(c *publisher.Config) { c.Hooks = log.hooks() })
		require.Error(t, p.Publish("unknown", newMessage("x")))
		require.Empty(t, log.sends)
		require.NotEmpty(t, log.attempts)
		require.Empty(t, log.attempts[0].Attempt.Addr)
		require.Error(t, log.attempts[0].Attempt.Err)
	}, embedded.WithoutAutoCreateTopic())
}

// A request that is refused for one message in it is told of as its parts are.
func TestPromiseHooksHalves(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		record(c, func(_ int, r request) embedded.Fault {
			if slices.Contains(r.bodies, "bad") {
				return embedded.Answer(headers.MessageIllegal, "")
			}
			return embedded.Fault{}
		})
		var log hookLog
		p := publisherOn(t, c, func(c *publisher.Config) { c.Hooks = log.hooks() })
		good, bad := newMessage("good"), newMessage("bad")
		require.Error(t, p.Publish(orders, good, bad))
		var tries []string
		for _, a := range log.attempts {
			tries = append(tries, fmt.Sprint(len(a.UUIDs), " ", a.Attempt.Outcome))
		}
		require.Equal(t, []string{"2 not sent", "1 stored", "1 not sent"}, tries)
		require.Equal(t, []string{bad.UUID}, log.attempts[2].UUIDs)
		require.Len(t, log.retries, 1)
		require.Zero(t, log.retries[0].Pause)
		require.Len(t, log.sends, 3)
	})
}

// One-way attempts are told as what they are.
func TestPromiseHooksOneway(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		var log hookLog
		p := publisherOn(t, c, func(c *publisher.Config) { c.Hooks = log.hooks() })
		require.NoError(t, p.PublishOneway(orders, newMessage("x")))
		require.True(t, log.sends[0].Oneway)
		require.True(t, log.attempts[0].Oneway)
		require.Equal(t, publisher.MayBeStored, log.attempts[0].Attempt.Outcome)
		require.NoError(t, log.attempts[0].Attempt.Err)
	})
}

// In a crowd with mishaps each request that is told of before is told of after, and
// hooks may hand over messages.
func TestPromiseHooksStress(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		record(c, func(int, request) embedded.Fault { return mishap() })
		var log hookLog
		var p *publisher.Publisher
		handedOver := 0
		p = unclosedPublisherOn(t, c, func(c *publisher.Config) {
			c.AttemptTimeout, c.SendTimeout = 200*time.Millisecond, time.Second
			c.Hooks = log.hooks()
			retry := c.Hooks.Retry
			c.Hooks.Retry = func(e publisher.RetryEvent) {
				retry(e)
				log.mu.Lock()
				handedOver++
				few := handedOver < 10
				log.mu.Unlock()
				if few {
					if err := p.PublishAsync("noted", newMessage("retried")); err != nil {
						t.Error(err)
					}
				}
			}
			c.OnResult = func(publisher.Result) {}
		})
		var wg sync.WaitGroup
		for worker := range 20 {
			wg.Go(func() {
				for n := range 20 {
					messages, done := randomCall(t.Context(), fmt.Sprint("w", worker, "n", n))
					err := p.Publish(orders, messages...)
					if failed := new(publisher.Error); errors.As(err, &failed) {
						for i := range failed.Results { // they are the caller's
							failed.Results[i] = publisher.Result{}
						}
					}
					done()
				}
			})
		}
		wg.Wait()
		require.NoError(t, p.Close())
		count := make(map[string]int)
		for _, what := range log.order {
			count[what]++
		}
		require.GreaterOrEqual(t, count["attempt"], count["send"])
		require.Positive(t, count["send"])
		require.Equal(t, count["up"], count["down"])
	}, embedded.WithTopic("noted", 1))
}

// Attempts are counted on when a request is split, in events as in results, and so
// grow the pauses between them.
func TestPromiseHooksCountOnAfterSplit(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		onSend(c, func(_ int, r embedded.Request) embedded.Fault {
			if r.Code == headers.CodeSendBatchMessage {
				return embedded.Answer(headers.MessageIllegal, "")
			}
			return embedded.Fault{}
		})
		var mu sync.Mutex
		tries := make(map[string]int)
		seen := newResults()
		p := publisherOn(t, c, func(c *publisher.Config) {
			c.OnResult = seen.add
			c.Hooks.AfterAttempt = func(e publisher.AttemptEvent) {
				mu.Lock()
				defer mu.Unlock()
				for _, uuid := range e.UUIDs {
					tries[uuid] = e.Try
				}
			}
		})
		require.NoError(t, p.Publish(orders, newMessages(4)...))
		for range 4 {
			r := seen.next(t)
			require.Equal(t, 3, r.Attempts, "as one of four, of two, and alone")
			require.Equal(t, r.Attempts, tries[r.UUID])
		}
	})
}
