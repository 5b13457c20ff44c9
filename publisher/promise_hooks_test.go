package publisher_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/marshaler"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
)

// hookLog collects what hooks are called with. Each start puts a number into the context,
// which its end has to bring back.
type hookLog struct {
	mu       sync.Mutex
	order    []string
	messages []publisher.PublishEvent
	results  []publisher.Result
	sends    []attemptNote
	attempts []attemptNote
	retries  []retryNote
	ups      []string
	downs    []string
	causes   []error
	routes   [][2]*routing.Route
	open     map[int]string // what has started and not ended
	number   int
	wrong    []string
}

// attemptNote is an event with what its contexts say.
type attemptNote struct {
	publisher.AttemptEvent
	uuids    []string
	contexts []any
}

type retryNote struct {
	publisher.RetryEvent
	uuids []string
}

// started and caller are keys of contexts: the number of a start, and what a test has put in.
type (
	started string
	caller  struct{}
)

func (l *hookLog) add(what string, note func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.order = append(l.order, what)
	note()
}

// begin notes a start of that kind.
func (l *hookLog) begin(ctx context.Context, kind started) context.Context {
	if l.open == nil {
		l.open = make(map[int]string)
	}
	l.number++
	l.open[l.number] = string(kind)
	return context.WithValue(ctx, kind, l.number)
}

// end notes the end.
func (l *hookLog) end(ctx context.Context, kind started) {
	number, _ := ctx.Value(kind).(int)
	if l.open[number] != string(kind) {
		l.wrong = append(l.wrong, fmt.Sprint("end of ", kind, " ", number))
	}
	delete(l.open, number)
}

// requirePaired requires an end for each start.
func (l *hookLog) requirePaired(t *testing.T) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	require.Empty(t, l.wrong)
	require.Empty(t, l.open)
}

func noted(e publisher.AttemptEvent) attemptNote {
	a := attemptNote{AttemptEvent: e}
	for _, m := range e.Messages {
		a.uuids = append(a.uuids, m.UUID)
		a.contexts = append(a.contexts, m.Context.Value(caller{}))
	}
	a.Messages = nil // they are the publisher's
	return a
}

func (l *hookLog) hooks() publisher.Hooks {
	return publisher.Hooks{
		PublishStart: func(ctx context.Context, e *publisher.PublishEvent) (own context.Context) {
			l.add("publish", func() {
				l.messages = append(l.messages, *e)
				own = l.begin(ctx, "publish")
			})
			return own
		},
		PublishEnd: func(ctx context.Context, r publisher.Result) {
			l.add("published", func() {
				l.results = append(l.results, r)
				l.end(ctx, "publish")
			})
		},
		AttemptStart: func(ctx context.Context, e publisher.AttemptEvent) (own context.Context) {
			l.add("send", func() {
				l.sends = append(l.sends, noted(e))
				own = l.begin(ctx, "attempt")
			})
			return own
		},
		AttemptEnd: func(ctx context.Context, e publisher.AttemptEvent) {
			l.add("attempt", func() {
				l.attempts = append(l.attempts, noted(e))
				l.end(ctx, "attempt")
			})
		},
		Retry: func(ctx context.Context, e publisher.RetryEvent) {
			l.add("retry", func() {
				r := retryNote{RetryEvent: e}
				for _, m := range e.Messages {
					r.uuids = append(r.uuids, m.UUID)
				}
				r.Messages = nil
				l.retries = append(l.retries, r)
				if ctx.Value(started("attempt")) == nil {
					l.wrong = append(l.wrong, "retry without its attempt")
				}
			})
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
			c.Hooks = []publisher.Hooks{log.hooks()}
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
			"publish", "publish", "up", "send", "up", "attempt", "retry", "send", "attempt",
			"published", "result", "published", "result", "down", "down",
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
		require.Equal(t, attemptNote{uuids: uuids, contexts: []any{nil, nil}, AttemptEvent: publisher.AttemptEvent{
			Topic: orders, RocketMQTopic: orders, Bytes: first.Bytes, Try: 1,
			Attempt: publisher.Attempt{MessageQueue: queue, Began: began},
		}}, first)
		require.Equal(t, 2, second.Try)
		require.Equal(t, uuids, second.uuids)
		log.requirePaired(t)

		bad, good := log.attempts[0], log.attempts[1]
		require.Equal(t, uuids, bad.uuids)
		require.Equal(t, 1, bad.Try)
		require.Equal(t, queue, bad.Attempt.MessageQueue)
		require.Equal(t, broker, bad.Attempt.Addr)
		require.Equal(t, publisher.NotSent, bad.Attempt.Outcome)
		require.Equal(t, began, bad.Attempt.Began)
		require.Equal(t, time.Second, bad.Attempt.Took)
		require.ErrorIs(t, bad.Attempt.Err, &headers.StatusError{Code: headers.SystemBusy})

		require.Equal(t, uuids, good.uuids)
		require.Equal(t, 2, good.Try)
		require.Equal(t, publisher.Stored, good.Attempt.Outcome)
		require.NoError(t, good.Attempt.Err)
		require.Equal(t, 2*time.Second, good.Attempt.Took)

		again := log.retries[0]
		require.Equal(t, uuids, again.uuids)
		require.Equal(t, 1, again.Failed)
		require.Equal(t, bad.Attempt.Err, again.Err)
		require.Equal(t, began.Add(time.Second), good.Attempt.Began.Add(-again.Pause))
	})
}

// A hook that is told of a route holds up neither the messages that the route was looked
// up for nor those that find it known.
func TestPromiseHooksRouteHoldsUpNoMessage(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		published := make(chan struct{})
		told := false
		p := unclosedPublisherOn(t, c, func(c *publisher.Config) {
			c.Hooks = append(c.Hooks, publisher.Hooks{RouteChanged: func(string, *routing.Route, *routing.Route) {
				<-published
				told = true
			}})
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
		p := publisherOn(t, c, func(c *publisher.Config) { c.Hooks = []publisher.Hooks{log.hooks()} })
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

// An attempt that does not get as far as a broker has a start and an end as well.
func TestPromiseHooksNoRoute(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		var log hookLog
		p := publisherOn(t, c, func(c *publisher.Config) { c.Hooks = []publisher.Hooks{log.hooks()} })
		require.Error(t, p.Publish("unknown", newMessage("x")))
		require.Len(t, log.sends, len(log.attempts))
		require.Empty(t, log.sends[0].Attempt.MessageQueue)
		require.NotEmpty(t, log.attempts)
		log.requirePaired(t)
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
		p := publisherOn(t, c, func(c *publisher.Config) { c.Hooks = []publisher.Hooks{log.hooks()} })
		good, bad := newMessage("good"), newMessage("bad")
		require.Error(t, p.Publish(orders, good, bad))
		var tries []string
		for _, a := range log.attempts {
			tries = append(tries, fmt.Sprint(len(a.uuids), " ", a.Attempt.Outcome))
		}
		require.Equal(t, []string{"2 not sent", "1 stored", "1 not sent"}, tries)
		require.Equal(t, []string{bad.UUID}, log.attempts[2].uuids)
		require.Len(t, log.retries, 1)
		require.Zero(t, log.retries[0].Pause)
		require.Len(t, log.sends, 3)
	})
}

// One-way attempts are told as what they are.
func TestPromiseHooksOneway(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		var log hookLog
		p := publisherOn(t, c, func(c *publisher.Config) { c.Hooks = []publisher.Hooks{log.hooks()} })
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
			c.Hooks = []publisher.Hooks{log.hooks(), {Retry: func(context.Context, publisher.RetryEvent) {
				log.mu.Lock()
				handedOver++
				few := handedOver < 10
				log.mu.Unlock()
				if few {
					if err := p.PublishAsync("noted", newMessage("retried")); err != nil {
						t.Error(err)
					}
				}
			}}}
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
		require.Positive(t, count["send"])
		require.Positive(t, count["retry"])
		log.requirePaired(t)
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
			c.Hooks = append(c.Hooks, publisher.Hooks{AttemptEnd: func(_ context.Context, e publisher.AttemptEvent) {
				mu.Lock()
				defer mu.Unlock()
				for _, m := range e.Messages {
					tries[m.UUID] = e.Try
				}
			}})
		})
		require.NoError(t, p.Publish(orders, newMessages(4)...))
		for range 4 {
			r := seen.next(t)
			require.Equal(t, 3, r.Attempts, "as one of four, of two, and alone")
			require.Equal(t, r.Attempts, tries[r.UUID])
		}
	})
}

// What PublishStart returns reaches all hooks about the message, beside what the caller has
// put into its context; several Hooks see each other's values. The context that Publish
// goes by, and the message, stay the caller's.
func TestPromiseHooksContexts(t *testing.T) {
	type own struct{}
	for name, publish := range map[string]func(p *publisher.Publisher, m ...*message.Message) error{
		"Publish":       func(p *publisher.Publisher, m ...*message.Message) error { return p.Publish("orders.eu", m...) },
		"PublishOneway": func(p *publisher.Publisher, m ...*message.Message) error { return p.PublishOneway("orders.eu", m...) },
		"PublishAsync": func(p *publisher.Publisher, m ...*message.Message) error {
			defer p.Flush(context.Background())
			return p.PublishAsync("orders.eu", m...)
		},
		"BeginTransaction": func(p *publisher.Publisher, m ...*message.Message) error {
			for _, m := range m {
				tx, err := p.BeginTransaction("orders.eu", m)
				if err != nil {
					return err
				}
				if err := tx.Commit(m.Context()); err != nil {
					return err
				}
			}
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, c *embedded.Cluster) {
				var log hookLog
				var mu sync.Mutex
				seen := make(map[string]int)
				see := func(what string, ctx context.Context) {
					mu.Lock()
					defer mu.Unlock()
					if ctx.Value(own{}) == ctx.Value(caller{}) && ctx.Value(own{}) != nil {
						seen[what]++
					}
				}
				p := publisherOn(t, c, func(c *publisher.Config) {
					withCheck(judging(publisher.TransactionCommit))(c)
					c.OnResult = func(publisher.Result) {}
					c.Hooks = []publisher.Hooks{{
						PublishStart: func(ctx context.Context, e *publisher.PublishEvent) context.Context {
							ended, cancel := context.WithCancel(context.WithValue(ctx, own{}, e.Message.Context().Value(caller{})))
							cancel() // which bounds nothing
							return ended
						},
					}, {
						PublishEnd: func(ctx context.Context, _ publisher.Result) { see("published", ctx) },
						AttemptStart: func(ctx context.Context, _ publisher.AttemptEvent) context.Context {
							see("send", ctx)
							return ctx
						},
						AttemptEnd: func(_ context.Context, e publisher.AttemptEvent) {
							for _, m := range e.Messages {
								see("attempt", m.Context)
							}
						},
					}, log.hooks()}
				})
				call := newMessages(2)
				for _, m := range call {
					m.SetContext(context.WithValue(t.Context(), caller{}, m.UUID))
				}
				require.NoError(t, publish(p, call...))
				log.requirePaired(t)
				require.Len(t, log.results, 2)
				require.Equal(t, map[string]int{"published": 2, "send": len(log.sends), "attempt": 2}, seen)
				for i, e := range log.messages {
					require.Equal(t, "orders.eu", e.Topic)
					require.Equal(t, "_wm_orders-2Eeu", e.RocketMQTopic)
					require.Same(t, call[i], e.Message)
					require.Equal(t, []bool{name == "PublishAsync", name == "PublishOneway", name == "BeginTransaction"}, []bool{e.Async, e.Oneway, e.Transaction})
					require.Equal(t, call[i].UUID, call[i].Context().Value(caller{}))
					require.Nil(t, call[i].Context().Value(own{}))
				}
				require.Equal(t, "orders.eu", log.attempts[0].Topic)
				require.Equal(t, "_wm_orders-2Eeu", log.attempts[0].RocketMQTopic)
			})
		})
	}
}

// Whatever becomes of a message, its start has an end, with the error.
func TestPromiseHooksRefusals(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		var log hookLog
		p := publisherOn(t, c, func(c *publisher.Config) {
			c.Hooks = []publisher.Hooks{log.hooks()}
			c.Waiting.Messages, c.SendTimeout = 1, time.Second
		})
		check := func(want error, err error, messages int) {
			t.Helper()
			require.ErrorIs(t, err, want)
			require.Len(t, log.results, messages)
			for i, r := range log.results {
				require.EqualError(t, r.Err, failureOf(t, err).Results[i].Err.Error())
			}
			log.requirePaired(t)
			log.results = nil
		}
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		check(marshaler.ErrTopicEmpty, p.Publish("", newMessage("x")), 1)
		check(publisher.ErrNilMessage, p.Publish(orders, newMessage("x"), nil), 1)
		check(context.Canceled, p.Publish(orders, messageIn(ended)), 1)
		check(publisher.ErrNoOnResult, p.PublishAsync(orders, newMessages(2)...), 2)
		_, err := p.BeginTransaction(orders, newMessage("x"))
		check(publisher.ErrNoTransactionCheck, err, 1)
		everySend(c, embedded.Ignore())
		err = p.Publish(orders, newMessage("x"))
		check(publisher.ErrSendTimeout, err, 1)
		require.NoError(t, p.Close())
		check(publisher.ErrClosed, p.Publish(orders, newMessage("x")), 1)
		require.Empty(t, log.messages[0].RocketMQTopic)
	})
}

// A request that its callers have left before it was sent has an end as well.
func TestPromiseHooksAbandoned(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		c.Intercept(func(r embedded.Request) embedded.Fault {
			if r.Code == headers.CodeTopicRoute || r.Send != nil {
				return embedded.Delay(time.Second)
			}
			return embedded.Fault{}
		})
		var log hookLog
		p := publisherOn(t, c, func(c *publisher.Config) { c.Hooks, c.SendTimeout = []publisher.Hooks{log.hooks()}, time.Hour })
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer cancel()
		require.ErrorIs(t, p.Publish(orders, messageIn(ctx)), context.DeadlineExceeded)
		time.Sleep(time.Minute)
		log.requirePaired(t)
		require.NotEmpty(t, log.attempts)
	})
}

// What a hook adds stands in the message in place of metadata of that name, and beside all
// else. The caller's message stays as it is.
func TestPromiseHooksProperties(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		var refused []error
		p, lines := loggedOn(t, c, func(c *publisher.Config) {
			c.OrderingKey = func(string, *message.Message) (string, error) { return "key", nil }
			c.MaxPropertiesSize = 500
			c.Hooks = []publisher.Hooks{{PublishStart: func(ctx context.Context, e *publisher.PublishEvent) context.Context {
				for _, property := range [][2]string{
					{"KEYS", "x"},
					{"UNIQ_KEY", "x"},
					{"_wm_payload", "x"},
					{"_watermill_message_uuid", "x"},
					{"DELAY", "3"},
					{"", "x"},
					{"x", ""},
					{"x\x01", "x"},
					{"x", "\x02"},
				} {
					refused = append(refused, e.SetProperty(property[0], property[1]))
				}
				if err := e.SetProperty("traceparent", "old"); err != nil {
					t.Error(err)
				}
				if err := e.SetProperty("traceparent", "new"); err != nil {
					t.Error(err)
				}
				return ctx
			}}}
		})
		msg := newMessage("x")
		msg.Metadata = message.Metadata{"traceparent": "passed on", "other": "stays"}
		require.NoError(t, p.Publish(orders, msg))
		require.Len(t, refused, 9)
		for _, err := range refused {
			require.ErrorAs(t, err, new(*headers.PropertyError))
		}
		require.Equal(t, message.Metadata{"traceparent": "passed on", "other": "stays"}, msg.Metadata)
		stored, err := c.WatermillMessages(orders)
		require.NoError(t, err)
		require.Equal(t, message.Metadata{"traceparent": "new", "other": "stays"}, stored[0].Metadata)
		require.Equal(t, msg.UUID, stored[0].UUID)

		// What has no room is left out, all of it, and keeps no message from being published.
		large := newMessage("x")
		large.Metadata.Set("large", strings.Repeat("x", 300))
		large.Metadata.Set("traceparent", "passed on")
		require.NoError(t, p.Publish(orders, large))
		stored, err = c.WatermillMessages(orders)
		require.NoError(t, err)
		require.Equal(t, large.Metadata, stored[1].Metadata)
		require.Len(t, lines(watermill.DebugLogLevel, "Left out the properties that hooks have added to a message, for which there is no room"), 1)
	})
}

// Retry tells of retries that are made, and of nothing after the last attempt.
func TestPromiseHooksRetryIsMade(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		everySend(c, embedded.Ignore())
		var log hookLog
		p := publisherOn(t, c, func(c *publisher.Config) { c.Hooks = []publisher.Hooks{log.hooks()} })
		require.ErrorIs(t, p.Publish(orders, newMessage("x")), publisher.ErrSendTimeout)
		require.Len(t, log.attempts, 2)
		require.Len(t, log.retries, 1)
		require.Positive(t, log.retries[0].Pause)

		msg := newMessage("x")
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		msg.SetContext(ctx)
		require.ErrorIs(t, p.Publish(orders, msg), context.DeadlineExceeded)
		require.Len(t, log.attempts, 3)
		require.Len(t, log.retries, 1)
	})
}
