package publisher_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
)

// telling has results collected, and lets time be no matter.
func telling(seen *results) func(*publisher.Config) {
	return func(c *publisher.Config) {
		c.OnResult = seen.add
		c.SendTimeout, c.AttemptTimeout = time.Hour, time.Hour
	}
}

// PublishAsync does not wait, and keeps nothing of the messages. Each result is
// told once, with the time that it took.
func TestPromiseAsyncReturnsAtOnce(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		record(c, func(int, request) embedded.Fault { return embedded.DelayAnswer(time.Second) })
		seen := newResults()
		p := publisherOn(t, c, telling(seen))
		elapsed := stopwatch()
		began := time.Now()
		messages := messagesOf("as it was", 3)
		want := []string{messages[0].UUID, messages[1].UUID, messages[2].UUID}
		require.NoError(t, p.PublishAsync(orders, messages...))
		require.Zero(t, elapsed())
		for _, msg := range messages {
			msg.UUID, msg.Metadata = "another", message.Metadata{"k": "v"}
			copy(msg.Payload, "changed!!")
		}
		require.Empty(t, seen.c)
		require.NoError(t, p.Flush(t.Context()))
		require.Equal(t, time.Second, elapsed())
		for _, uuid := range want {
			r := seen.next(t)
			require.NoError(t, r.Err)
			require.Equal(t, uuid, r.UUID)
			require.Equal(t, publisher.Stored, r.Outcome)
			require.Equal(t, began, r.Began)
			require.Equal(t, time.Second, r.Took)
			require.NotEmpty(t, r.MessageID)
			require.NotEmpty(t, r.OffsetMessageID)
		}
		require.Empty(t, seen.c)
		for _, m := range messagesIn(c, orders) {
			require.Equal(t, "as it was", string(m.Body))
		}
		require.Zero(t, publisher.Inside(p))
		require.NoError(t, p.PublishAsync(orders), "no messages")
	})
}

// What is refused is returned at once and told to nobody else, and nothing of the
// call is sent.
func TestPromiseAsyncRefused(t *testing.T) {
	ended, cancel := context.WithCancelCause(context.Background())
	cancel(errors.New("why"))
	for name, test := range map[string]struct {
		topic  string
		second *message.Message
		at     int
		want   error
	}{
		"topic":     {"", newMessage("x"), 0, nil},
		"nil":       {orders, nil, 1, publisher.ErrNilMessage},
		"context":   {orders, messageIn(ended), 1, context.Canceled},
		"too large": {orders, newMessage(string(make([]byte, 100))), 1, nil},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, c *embedded.Cluster) {
				told := newResults()
				p := publisherOn(t, c, func(c *publisher.Config) {
					c.OnResult = told.add
					c.MaxMessageSize = 50
				})
				err := p.PublishAsync(test.topic, newMessage("x"), test.second, newMessage("x"))
				requireRefused(t, c, err, test.at)
				if test.want != nil {
					require.ErrorIs(t, err, test.want)
				}
				require.Zero(t, publisher.Inside(p))
				require.NoError(t, p.Flush(t.Context()))
				require.Empty(t, told.c)
			})
		})
	}
}

// An OnResult that hands over again what was not published ends with the publisher:
// the refusal is returned to it, and not told to it again.
func TestPromiseAsyncOnResultHandsOverAgain(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		everySend(c, embedded.Ignore())
		var told, refused atomic.Int64
		var p *publisher.Publisher
		p = unclosedPublisherOn(t, c, func(c *publisher.Config) {
			c.CloseTimeout = 10 * time.Second
			c.OnResult = func(r publisher.Result) {
				told.Add(1)
				if r.Err != nil && p.PublishAsync(orders, newMessage("again")) != nil {
					refused.Add(1)
				}
			}
		})
		require.NoError(t, p.PublishAsync(orders, newMessage("x")))
		time.Sleep(10 * time.Second) // it is handed over again at 3, 6 and 9 s
		require.NoError(t, p.Close())
		require.EqualValues(t, 4, told.Load())
		require.EqualValues(t, 1, refused.Load())
	})
}

// Without OnResult nobody would learn of a failure.
func TestPromiseAsyncNeedsOnResult(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		p := publisherOn(t, c, nil)
		err := p.PublishAsync(orders, newMessage("x"))
		require.ErrorIs(t, err, publisher.ErrNoOnResult)
		requireRefused(t, c, err, 0)
		require.NoError(t, p.Flush(t.Context()))
	})
}

func TestPromiseAsyncClosed(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		seen := newResults()
		p := unclosedPublisherOn(t, c, telling(seen))
		require.NoError(t, p.Close())
		err := p.PublishAsync(orders, newMessage("x"))
		require.ErrorIs(t, err, publisher.ErrClosed)
		requireRefused(t, c, err, 0)
		require.Empty(t, seen.c)
		require.NoError(t, p.Flush(t.Context()))
	})
}

// Messages that are not told of yet count as waiting, even when they are stored: a
// slow OnResult does not hold up requests, until there is no more room.
func TestPromiseAsyncSlowOnResult(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		var told atomic.Int64
		resume := make(chan struct{})
		p := publisherOn(t, c, func(c *publisher.Config) {
			room(5)(c)
			c.OnResult = func(publisher.Result) {
				<-resume
				told.Add(1)
			}
		})
		for range 5 {
			require.NoError(t, p.PublishAsync(orders, newMessage("x")))
			synctest.Wait()
		}
		require.Equal(t, 5, storedIn(c, orders))
		require.Zero(t, told.Load())
		require.Equal(t, 5, publisher.Inside(p).Messages)

		short, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		err := p.Flush(short)
		require.ErrorIs(t, err, context.DeadlineExceeded)

		close(resume)
		require.NoError(t, p.Flush(t.Context()))
		require.EqualValues(t, 5, told.Load())
		require.NoError(t, p.PublishAsync(orders, newMessages(6)...), "more than there is room for, but alone")
		require.NoError(t, p.Flush(t.Context()))
		require.Zero(t, publisher.Inside(p))
	})
}

// At the limit PublishAsync refuses, where Publish waits.
func TestPromiseAsyncWaitingFull(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		record(c, slowly)
		seen := newResults()
		p := publisherOn(t, c, func(c *publisher.Config) { room(2)(c); c.OnResult = seen.add })
		require.NoError(t, p.PublishAsync(orders, newMessages(2)...))
		err := p.PublishAsync(orders, newMessage("x"))
		require.ErrorIs(t, err, publisher.ErrWaitingFull)
		require.Equal(t, publisher.NotSent, failureOf(t, err).Outcome())
		require.Empty(t, seen.c)
		waiting := publishing(p, orders, newMessage("x"))
		require.NoError(t, p.Flush(t.Context()))
		require.Len(t, seen.c, 2)
		requirePublished(t, waiting)
		require.NoError(t, p.PublishAsync(orders, newMessage("x")))
		require.NoError(t, p.Flush(t.Context()))
		require.Equal(t, 4, storedIn(c, orders))
	})
}

// Flush waits for what was handed over before it, and not for what came later. It
// says so if its context ends first.
func TestPromiseFlush(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		record(c, func(_ int, r request) embedded.Fault {
			if r.bodies[0] == "slow" {
				return embedded.DelayAnswer(time.Minute)
			}
			return embedded.DelayAnswer(time.Second)
		})
		seen := newResults()
		p := publisherOn(t, c, telling(seen))
		require.NoError(t, p.Flush(t.Context()), "nothing was ever handed over")

		elapsed := stopwatch()
		require.NoError(t, p.PublishAsync(orders, newMessage("fast")))
		require.NoError(t, p.PublishAsync("invoices", newMessage("fast")))
		first := make(chan error, 2)
		for range 2 {
			go func() { first <- p.Flush(t.Context()) }()
		}
		synctest.Wait()
		require.NoError(t, p.PublishAsync("receipts", newMessage("slow")))
		second := make(chan error, 1)
		go func() { second <- p.Flush(t.Context()) }()
		require.NoError(t, <-first)
		require.NoError(t, <-first)
		require.Equal(t, time.Second, elapsed())
		require.Len(t, seen.c, 2)

		short, cancel := context.WithTimeoutCause(t.Context(), time.Second, errors.New("why"))
		defer cancel()
		err := p.Flush(short)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorContains(t, err, "why")
		require.Equal(t, 2*time.Second, elapsed())

		require.NoError(t, p.PublishAsync(orders, newMessage("fast")), "done before the slow one, and told of")
		require.NoError(t, <-second)
		require.Equal(t, time.Minute, elapsed())
		require.NoError(t, p.Flush(t.Context()))
		require.Equal(t, time.Minute, elapsed())
		require.Len(t, seen.c, 4)
	})
}

// A later message may be done before an earlier one: Flush waits for both, in
// whatever order they end.
func TestPromiseFlushInAnyOrder(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		record(c, func(_ int, r request) embedded.Fault {
			length, err := time.ParseDuration(r.bodies[0])
			if err != nil {
				return embedded.Fault{}
			}
			return embedded.DelayAnswer(length)
		})
		p := publisherOn(t, c, telling(newResults()))
		elapsed := stopwatch()
		took := make([]time.Duration, 6)
		var wg sync.WaitGroup
		for i, length := range []string{"50s", "10s", "40s", "20s", "60s", "5s"} {
			require.NoError(t, p.PublishAsync(fmt.Sprint("topic-", i), newMessage(length)))
			wg.Go(func() {
				if err := p.Flush(t.Context()); err != nil {
					t.Error(err)
				}
				took[i] = elapsed()
			})
			synctest.Wait()
		}
		wg.Wait()
		second := time.Second
		require.Equal(t, []time.Duration{50 * second, 50 * second, 50 * second, 50 * second, 60 * second, 60 * second}, took)
	})
}

// Each message has its own time and context, as with Publish.
func TestPromiseAsyncTimeAndContexts(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		everySend(c, embedded.Ignore())
		seen := newResults()
		p := publisherOn(t, c, func(c *publisher.Config) { oneAttempt(c); c.OnResult = seen.add })
		next := func(took time.Duration, uuid string, cause error) {
			t.Helper()
			require.NoError(t, p.Flush(t.Context()))
			r := seen.next(t)
			require.Equal(t, uuid, r.UUID)
			require.ErrorIs(t, r.Err, cause)
			require.Equal(t, publisher.MayBeStored, r.Outcome)
			require.Equal(t, took, r.Took)
		}
		msg := newMessage("x")
		require.NoError(t, p.PublishAsync(orders, msg))
		next(3*time.Second, msg.UUID, publisher.ErrSendTimeout)

		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		msg = messageIn(ctx)
		require.NoError(t, p.PublishAsync(orders, msg))
		next(time.Second, msg.UUID, context.DeadlineExceeded)
	})
}

// Messages of one call may have contexts of their own.
func TestPromiseAsyncOwnContexts(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		everySend(c, embedded.Ignore())
		seen := newResults()
		p := publisherOn(t, c, func(c *publisher.Config) { oneAttempt(c); c.OnResult = seen.add })
		early, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		late, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		call := []*message.Message{messageIn(late), messageIn(early), newMessage("x")}
		require.NoError(t, p.PublishAsync(orders, call...))
		require.NoError(t, p.Flush(t.Context()))
		var took []time.Duration
		for range call {
			r := seen.next(t)
			require.Error(t, r.Err)
			took = append(took, r.Took)
		}
		require.Equal(t, []time.Duration{2 * time.Second, time.Second, 3 * time.Second}, took)
		require.Empty(t, seen.c)
	})
}

// A context that ends later means nothing to a message that is stored.
func TestPromiseAsyncContextEndsLater(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		seen := newResults()
		p := publisherOn(t, c, telling(seen))
		ctx, cancel := context.WithCancel(t.Context())
		own, cancelOwn := context.WithCancel(t.Context())
		require.NoError(t, p.PublishAsync(orders, messageIn(ctx)))
		require.NoError(t, p.PublishAsync(orders, messageIn(ctx), messageIn(own)))
		require.NoError(t, p.Flush(t.Context()))
		cancel()
		cancelOwn()
		synctest.Wait()
		require.Len(t, seen.c, 3)
		for range 3 {
			require.NoError(t, seen.next(t).Err)
		}
	})
}

// countedContext counts the funcs that wait for its end.
type countedContext struct {
	context.Context
	waiting *atomic.Int64
	during  func() // happens while one is added
}

// Value hides the context inside, which would be used in its place.
func (countedContext) Value(any) any { return nil }

func (c countedContext) AfterFunc(f func()) (stop func() bool) {
	c.waiting.Add(1)
	undo := context.AfterFunc(c.Context, f)
	c.during()
	return func() bool {
		c.waiting.Add(-1)
		return undo()
	}
}

// Nothing of a message is left with its context when it has been told of, in whatever
// order things happen.
func TestPromiseAsyncLeavesContexts(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		p := publisherOn(t, c, telling(newResults()))
		var waiting atomic.Int64
		during := func() {}
		in := func() context.Context {
			ctx, cancel := context.WithCancel(t.Context())
			t.Cleanup(cancel)
			return countedContext{ctx, &waiting, during}
		}
		for _, during = range []func(){func() {}, synctest.Wait} { // which lets the message be stored and told of
			shared := in()
			for range 20 {
				require.NoError(t, p.PublishAsync(orders, messageIn(shared)))
				require.NoError(t, p.PublishAsync(orders, messageIn(in()), newMessage("x"), messageIn(in())))
			}
			require.NoError(t, p.Flush(t.Context()))
			require.Zero(t, waiting.Load())
		}

		everySend(c, embedded.DelayAnswer(time.Second))
		require.NoError(t, p.PublishAsync(orders, messageIn(in()), messageIn(in())))
		synctest.Wait()
		require.EqualValues(t, 2, waiting.Load())
		require.NoError(t, p.Flush(t.Context()))
		require.Zero(t, waiting.Load())
	})
}

// Failed attempts are made again and told of, as with Publish.
func TestPromiseAsyncRetries(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		firstSend(c, embedded.DropConnection())
		seen := newResults()
		p := publisherOn(t, c, telling(seen))
		require.NoError(t, p.PublishAsync(orders, newMessage("x")))
		require.NoError(t, p.Flush(t.Context()))
		r := seen.next(t)
		require.NoError(t, r.Err)
		require.Equal(t, 2, r.Attempts)
		require.Len(t, r.Failed, 1)
		require.Equal(t, publisher.MayBeStored, r.Failed[0].Outcome)
	})
}

// A message that fails holds back those of its call, and no others.
func TestPromiseAsyncFate(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		record(c, func(_ int, r request) embedded.Fault {
			for _, b := range r.bodies {
				if b == "bad" {
					return embedded.Answer(headers.MessageIllegal, "")
				}
			}
			return embedded.Fault{}
		})
		seen := newResults()
		p := publisherOn(t, c, func(c *publisher.Config) { telling(seen)(c); c.Batch.MaxMessages = 1 })
		require.NoError(t, p.PublishAsync(orders, newMessage("a"), newMessage("bad"), newMessage("c")))
		require.NoError(t, p.PublishAsync(orders, newMessage("d")))
		require.NoError(t, p.Flush(t.Context()))
		require.NoError(t, seen.next(t).Err)
		require.ErrorIs(t, seen.next(t).Err, &headers.StatusError{Code: headers.MessageIllegal})
		require.Equal(t, publisher.ErrNotAttempted, seen.next(t).Err)
		require.NoError(t, seen.next(t).Err)
		require.Equal(t, 2, storedIn(c, orders))
	})
}

// Messages of a key keep the order of the calls of one goroutine.
func TestPromiseAsyncOrder(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		onSend(c, func(n int, _ embedded.Request) embedded.Fault {
			switch n % 5 {
			case 0:
				return embedded.Answer(headers.SystemBusy, "[REJECTREQUEST]")
			case 1:
				return embedded.DelayAnswer(time.Second)
			default:
				return embedded.Fault{}
			}
		})
		seen := newResults()
		p := publisherOn(t, c, func(c *publisher.Config) { telling(seen)(c); byPayload(c); c.Batch.MaxMessages = 7 })
		const keys, each = 10, 40
		var wg sync.WaitGroup
		for k := range keys {
			wg.Go(func() {
				for _, msg := range keyedMessages(fmt.Sprint("k", k), each) {
					if err := p.PublishAsync(sorted, msg); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		require.NoError(t, p.Flush(t.Context()))
		count := make(map[string]int)
		for _, m := range messagesIn(c, sorted) {
			key, number, _ := strings.Cut(string(m.Body), "-")
			require.Equal(t, fmt.Sprint(count[key]), number)
			count[key]++
		}
		require.Len(t, count, keys)
		require.Len(t, seen.c, keys*each)
	}, embedded.WithTopic(sorted, 4))
}

// OnResult may hand over more: a loop that never ends, but for its own count. Calls
// of it come one at a time.
func TestPromiseAsyncFromOnResult(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		var p *publisher.Publisher
		left, inside := 100, 0 // without a lock
		p = publisherOn(t, c, func(c *publisher.Config) {
			c.Waiting.Messages = 2 // that which is told of, and the next one
			c.OnResult = func(r publisher.Result) {
				inside++
				if r.Err != nil || inside > 1 {
					t.Error(r.Err, inside)
				}
				if left--; left > 0 {
					if err := p.PublishAsync(orders, newMessage("x")); err != nil {
						t.Error(err)
					}
				}
				inside--
			}
		})
		require.NoError(t, p.PublishAsync(orders, newMessage("x")))
		for storedIn(c, orders) < 100 && !t.Failed() {
			require.NoError(t, p.Flush(t.Context()))
		}
	})
}

// A crowd of messages from one goroutine shares requests and needs no goroutines.
func TestPromiseAsyncGathers(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		record(c, func(int, request) embedded.Fault { return embedded.DelayAnswer(20 * time.Millisecond) })
		seen := newResults()
		p := publisherOn(t, c, telling(seen))
		require.NoError(t, p.Publish(orders, newMessage("x")))
		synctest.Wait()
		before := runtime.NumGoroutine()
		for range 3000 {
			require.NoError(t, p.PublishAsync(orders, newMessage("x")))
		}
		synctest.Wait()
		require.Less(t, runtime.NumGoroutine()-before, 10)
		require.NoError(t, p.Flush(t.Context()))
		require.LessOrEqual(t, sends(c), 6)
		require.Len(t, seen.c, 3001)
	})
}

// Close waits for asynchronous messages and until they have been told of.
func TestPromiseAsyncCloseDrains(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		everySend(c, embedded.DelayAnswer(time.Second))
		var told atomic.Int64
		p := unclosedPublisherOn(t, c, func(c *publisher.Config) {
			c.OnResult = func(r publisher.Result) {
				if r.Err != nil {
					t.Error(r.Err)
				}
				time.Sleep(time.Second)
				told.Add(1)
			}
		})
		require.NoError(t, p.PublishAsync(orders, newMessages(3)...))
		elapsed := stopwatch()
		require.NoError(t, p.Close())
		require.Equal(t, 4*time.Second, elapsed())
		require.EqualValues(t, 3, told.Load())
	})
}

// What Close cuts off is told of before it returns, as slow as OnResult may be.
func TestPromiseAsyncCloseCutsOff(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		everySend(c, embedded.Ignore())
		told := newResults()
		p := unclosedPublisherOn(t, c, func(c *publisher.Config) {
			c.SendTimeout, c.AttemptTimeout, c.CloseTimeout = time.Hour, time.Hour, 5*time.Second
			c.OnResult = func(r publisher.Result) {
				time.Sleep(time.Minute)
				told.add(r)
			}
		})
		publisher.NeverHurry(p)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		require.NoError(t, p.PublishAsync(orders, newMessage("x")))
		synctest.Wait()
		require.NoError(t, p.PublishAsync(orders, newMessage("x"), messageIn(ctx)))
		elapsed := stopwatch()
		flushed := make(chan error, 1)
		go func() { flushed <- p.Flush(context.Background()) }()
		require.Equal(t, publisher.ErrCloseTimeout, p.Close())
		require.Equal(t, 5*time.Second+3*time.Minute, elapsed())
		require.NoError(t, <-flushed)
		first := told.next(t)
		require.ErrorIs(t, first.Err, publisher.ErrClosed)
		require.Equal(t, publisher.MayBeStored, first.Outcome)
		require.Equal(t, 5*time.Second, first.Took)
		for range 2 {
			r := told.next(t)
			require.Error(t, r.Err)
			require.Equal(t, publisher.NotSent, r.Outcome)
		}
		require.Empty(t, told.c)
	})
}

// Calls that come while Close runs are refused or told of: none is lost.
func TestPromiseAsyncCloseRace(t *testing.T) {
	for range 20 {
		inBubble(t, func(t *testing.T, c *embedded.Cluster) {
			var told, handed atomic.Int64
			p := unclosedPublisherOn(t, c, func(c *publisher.Config) {
				c.CloseTimeout = time.Nanosecond
				c.OnResult = func(publisher.Result) { told.Add(1) }
			})
			var wg sync.WaitGroup
			for range 8 {
				wg.Go(func() {
					for p.PublishAsync(orders, newMessage("x")) == nil {
						handed.Add(1)
					}
				})
			}
			for handed.Load() < 100 {
				runtime.Gosched()
			}
			_ = p.Close() // in time or not
			wg.Wait()
			require.Equal(t, handed.Load(), told.Load())
			require.Zero(t, publisher.Inside(p))
		})
	}
}
