package pop_test

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber/internal/delivery"
	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber/internal/engine"
	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber/internal/pop"
)

// requests counts requests by code, and has faults happen to some.
type requests struct {
	mu     sync.Mutex
	counts map[headers.RequestCode]int
	faults map[headers.RequestCode][]embedded.Fault
	always map[headers.RequestCode]embedded.Fault
	seen   map[headers.RequestCode][]headers.Command
}

func (w *world) requests() *requests {
	r := &requests{
		counts: make(map[headers.RequestCode]int), faults: make(map[headers.RequestCode][]embedded.Fault),
		always: make(map[headers.RequestCode]embedded.Fault), seen: make(map[headers.RequestCode][]headers.Command),
	}
	w.embedded.Intercept(r.intercept)
	return r
}

func (r *requests) intercept(rq embedded.Request) embedded.Fault {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.counts[rq.Code]++
	r.seen[rq.Code] = append(r.seen[rq.Code], rq.Command)
	if list := r.faults[rq.Code]; len(list) > 0 {
		r.faults[rq.Code] = list[1:]
		return list[0]
	}
	return r.always[rq.Code]
}

// next has faults happen to the next requests of a code.
func (r *requests) next(code headers.RequestCode, faults ...embedded.Fault) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.faults[code] = append(r.faults[code], faults...)
}

// all has a fault happen to all requests of a code. The zero Fault ends it.
func (r *requests) all(code headers.RequestCode, fault embedded.Fault) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.always[code] = fault
}

// take returns how many requests of a code have come since the last time.
func (r *requests) take(code headers.RequestCode) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := r.counts[code]
	r.counts[code] = 0
	return n
}

func (r *requests) of(code headers.RequestCode) []headers.Command {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.seen[code])
}

func repeat(f embedded.Fault, n int) []embedded.Fault { return slices.Repeat([]embedded.Fault{f}, n) }

// Messages whose answer is lost come again when their lease is over.
func TestLostPop(t *testing.T) {
	for name, fault := range map[string]embedded.Fault{
		"cut before": embedded.DropConnection(), "cut after": embedded.StoreThenDrop(), "cut in the answer": embedded.CutAnswer(50),
		"no answer": embedded.DelayAnswer(time.Hour), "refused": embedded.Answer(headers.SystemBusy, "[REJECTREQUEST]"),
		"stale": embedded.Answer(headers.PollingTimeout, ""),
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, 1, func(w *world) {
				want := numbered("m", 40)
				w.publish(want...)
				r := w.requests()
				r.next(headers.CodePopMessage, repeat(fault, 3)...)
				m := w.member(func(cfg *engine.Config) { cfg.Lease = 20 * time.Second })
				s := m.subscribe(nil, engine.Topic{})
				got := s.take(40)
				slices.Sort(got)
				require.Equal(w.t, want, got)
				require.NoError(w.t, s.end(time.Second))
				m.close()
				w.nothingLeft(time.Minute)
			})
		})
	}
}

// An ack that a busy broker confirms after the lease is no failure, but its message may come
// again: the log says so.
func TestLateAck(t *testing.T) {
	inBubble(t, 1, func(w *world) {
		w.publish("a")
		r := w.requests()
		r.next(headers.CodeBatchAckMessage, embedded.DelayAnswer(8*time.Second))
		m := w.member(func(cfg *engine.Config) { cfg.Lease = 5 * time.Second })
		s := m.subscribe(nil, engine.Topic{})
		require.Equal(w.t, []string{"a"}, s.take(1))
		time.Sleep(10 * time.Second)
		synctest.Wait() // nobody logs while the lines are read
		logged := m.logger.Captured()[watermill.ErrorLogLevel]
		require.Len(w.t, logged, 1)
		require.Contains(w.t, logged[0].Msg, "too late")
		require.ErrorContains(w.t, logged[0].Err, "acks: 1")
		require.NoError(w.t, s.end(time.Second))
		m.close()
	})
}

// Acks are sent until they are answered.
func TestLostAck(t *testing.T) {
	for name, fault := range map[string]embedded.Fault{
		"cut before": embedded.DropConnection(), "cut after": embedded.StoreThenDrop(), "no answer": embedded.DelayAnswer(time.Hour),
		"refused": embedded.Answer(headers.SystemBusy, "[REJECTREQUEST]"), "failed": embedded.Answer(headers.SystemError, ""),
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, 4, func(w *world) {
				w.publish(numbered("m", 200)...)
				r := w.requests()
				r.next(headers.CodeBatchAckMessage, repeat(fault, 3)...)
				m := w.member(func(cfg *engine.Config) { cfg.RequestTimeout = time.Second })
				s := m.subscribe(nil, engine.Topic{})
				s.take(200)
				require.NoError(w.t, s.end(time.Second))
				require.Greater(w.t, r.take(headers.CodeBatchAckMessage), 3)
				m.close()
				w.nothingLeft(2 * time.Minute)
			})
		})
	}
}

// An ack that no broker takes is dropped when the lease is over, and Close says how many
// there were.
func TestAckFailsForGood(t *testing.T) {
	inBubble(t, 1, func(w *world) {
		w.publish(numbered("m", 10)...)
		r := w.requests()
		r.all(headers.CodeBatchAckMessage, embedded.Answer(headers.SystemBusy, "[REJECTREQUEST]"))
		m := w.member(nil)
		s := m.subscribe(nil, engine.Topic{})
		s.take(10)
		err := s.end(time.Second)
		var unconfirmed *pop.UnconfirmedError
		require.ErrorAs(w.t, err, &unconfirmed)
		require.Equal(w.t, 10, unconfirmed.Acks)
		require.Zero(w.t, unconfirmed.Others)
		require.ErrorContains(w.t, err, "10 acks")
		require.ErrorIs(w.t, err, context.DeadlineExceeded)
		m.close()
		require.Len(w.t, m.logger.Captured()[watermill.ErrorLogLevel], 1, "it is logged, and not each time")

		r.all(headers.CodeBatchAckMessage, embedded.Fault{})
		m = w.member(nil)
		s = m.subscribe(nil, engine.Topic{})
		s.take(10)
		require.NoError(w.t, s.end(time.Second))
		m.close()
	})
}

// A broker without BATCH_ACK_MESSAGE gets an ack for each message.
func TestSingleAcks(t *testing.T) {
	test := func(w *world) {
		w.publish(numbered("m", 100)...)
		r := w.requests()
		r.all(headers.CodeBatchAckMessage, embedded.Answer(headers.RequestNotSupported, ""))
		r.next(headers.CodeAckMessage, embedded.DropConnection(), embedded.Answer(headers.SystemBusy, ""))
		m := w.member(nil)
		s := m.subscribe(nil, engine.Topic{})
		s.take(100)
		require.NoError(w.t, s.end(time.Second))
		require.GreaterOrEqual(w.t, r.take(headers.CodeAckMessage), 100)
		require.LessOrEqual(w.t, r.take(headers.CodeBatchAckMessage), 2)
		m.close()
		w.nothingLeft(2 * time.Minute)
	}
	t.Run("by version", func(t *testing.T) { inBubble(t, 4, test, embedded.WithVersion(headers.Version5_1_1)) })
	t.Run("by answer", func(t *testing.T) { inBubble(t, 4, test) })
}

// A broker that knows no acks at all is not asked without a pause, and it is logged.
func TestNoAcks(t *testing.T) {
	inBubble(t, 4, func(w *world) {
		w.publish(numbered("m", 100)...)
		r := w.requests()
		r.all(headers.CodeBatchAckMessage, embedded.Answer(headers.RequestNotSupported, ""))
		r.all(headers.CodeAckMessage, embedded.Answer(headers.RequestNotSupported, ""))
		m := w.member(nil)
		s := m.subscribe(nil, engine.Topic{})
		s.take(100)
		time.Sleep(10 * time.Second)
		require.Less(w.t, r.take(headers.CodeAckMessage), 100*20)
		require.Error(w.t, s.end(time.Second))
		m.close()
		require.NotEmpty(w.t, m.logger.Captured()[watermill.ErrorLogLevel])
	})
}

// One ack that a broker does not take holds up no others, where each has a request of its own.
func TestOneSingleAckIsRefused(t *testing.T) {
	inBubble(t, 1, func(w *world) {
		w.publish(numbered("m", 100)...)
		remove := w.embedded.Intercept(func(rq embedded.Request) embedded.Fault {
			if rq.Code == headers.CodeAckMessage && rq.Command.Fields.String("offset") == "0" {
				return embedded.Answer(headers.NoMessage, "")
			}
			return embedded.Fault{}
		})
		m := w.member(func(cfg *engine.Config) { cfg.Lease = 5 * time.Minute })
		s := m.subscribe(nil, engine.Topic{})
		s.take(100)
		time.Sleep(time.Minute) // it is tried again and again
		require.Equal(w.t, 1, s.Unconfirmed())
		for _, payload := range numbered("n", 100) { // each of a pop of its own
			w.publish(payload)
			s.take(1)
		}
		time.Sleep(5 * time.Second)
		require.Equal(w.t, 1, s.Unconfirmed())
		remove()
		require.NoError(w.t, s.end(time.Second))
		m.close()
	}, embedded.WithVersion(headers.Version5_1_1))
}

// Close has acks tried at once that wait after a failure.
func TestCloseDoesNotPause(t *testing.T) {
	inBubble(t, 1, func(w *world) {
		r := w.requests()
		r.all(headers.CodeBatchAckMessage, embedded.Answer(headers.SystemBusy, "[REJECTREQUEST]"))
		m := w.member(nil)
		s := m.subscribe(nil, engine.Topic{})
		for _, payload := range numbered("m", 2) { // one for each sender
			w.publish(payload)
			s.take(1)
			time.Sleep(10 * time.Second) // until it is tried seldom
		}
		for r.take(headers.CodeBatchAckMessage) > 0 {
			time.Sleep(time.Second)
		}
		r.all(headers.CodeBatchAckMessage, embedded.Fault{})
		begin := time.Now()
		require.NoError(w.t, s.end(time.Second))
		require.Less(w.t, time.Since(begin), 100*time.Millisecond)
		m.close()
	})
}

// That messages come again is logged no more often than that they do not.
func TestRecoveriesAreLoggedSeldom(t *testing.T) {
	inBubble(t, 32, func(w *world) {
		m := w.member(inOrder)
		s := m.subscribe(func(cfg *delivery.Config) { cfg.Ordered = true }, engine.Topic{})
		for range 30 {
			w.embedded.Broker(0).DropConnections()
			time.Sleep(20 * time.Second) // longer than a wait for messages
		}
		synctest.Wait() // nobody logs while the lines are read
		count := func(level watermill.LogLevel, text string) (n int) {
			for _, line := range m.logger.Captured()[level] {
				if line.Msg == text {
					n++
				}
			}
			return n
		}
		failures := count(watermill.ErrorLogLevel, "Cannot take messages from RocketMQ")
		again := count(watermill.InfoLogLevel, "Taking messages from RocketMQ again")
		require.NotZero(w.t, again)
		require.LessOrEqual(w.t, again, failures)
		require.NoError(w.t, s.end(time.Second))
		m.close()
	})
}

// A topic that has left its broker does not hold up what is to be told of messages of other
// topics.
func TestTopicLeaves(t *testing.T) {
	inBubble(t, 1, func(w *world) {
		const name = "leaving"
		require.NoError(w.t, w.embedded.CreateTopic(name, 1))
		w.embedded.Broker(1).DeleteTopic(name)
		w.embedded.Broker(1).DeleteTopic(w.topic)
		leaving := &world{t: w.t, cluster: w.cluster, topic: name}
		w.publish("stays")
		leaving.publish("leaves")
		m := w.member(nil)
		one, other := m.subscribe(nil, engine.Topic{Name: name}), m.subscribe(nil, engine.Topic{})
		leaves, stays := one.next(), other.next()
		require.NoError(w.t, w.embedded.Broker(1).CreateTopic(name, 1))
		w.embedded.Broker(0).DeleteTopic(name)
		m.session.Routes().Refresh(name)
		time.Sleep(time.Second)
		leaves.Ack()
		synctest.Wait() // the request begins with it
		stays.Ack()
		time.Sleep(time.Second)
		require.Zero(w.t, other.Unconfirmed())
		require.NoError(w.t, other.end(time.Second))
		_ = one.end(time.Second) // the broker does not know the topic any more
		m.close()
	}, embedded.WithBrokers(2))
}

// Nothing is left of a subscription that fails, however often it is tried.
func TestFailedSubscriptionsLeaveNothing(t *testing.T) {
	inBubble(t, 1, func(w *world) {
		m := w.member(nil)
		ctx, cancel := context.WithCancel(w.t.Context())
		cancel()
		output := delivery.New(delivery.Config{Context: ctx, Messages: 1, Bytes: 1, Observer: silent{}})
		heap := func() uint64 {
			runtime.GC()
			var stats runtime.MemStats
			runtime.ReadMemStats(&stats)
			return stats.HeapAlloc
		}
		try := func(n int) {
			for range n {
				_, err := m.Subscribe(ctx, engine.Topic{Name: w.topic}, output)
				require.Error(w.t, err)
			}
		}
		try(100)
		before := heap()
		const more = 2000
		try(more)
		require.Less(w.t, heap(), before+more*100, "bytes")
		output.Drain(ctx)
		m.close()
	})
}

// Acks of many messages are few requests, and a slow handler does not hold up those of
// others.
func TestAcksGoTogether(t *testing.T) {
	inBubble(t, 8, func(w *world) {
		w.publish(numbered("m", 6400)...)
		r := w.requests()
		m := w.member(nil)
		s := m.subscribe(nil, engine.Topic{})
		slow := s.next()
		s.take(6399)
		time.Sleep(200 * time.Millisecond)
		require.LessOrEqual(w.t, r.take(headers.CodeBatchAckMessage), 4)
		acked := 0
		for _, c := range r.of(headers.CodeBatchAckMessage) {
			data, err := headers.ParseBatchAckData(c.Body)
			require.NoError(w.t, err)
			for _, e := range data.Entries {
				acked += e.Offsets.Len()
			}
		}
		require.Equal(w.t, 6399, acked)
		slow.Ack()
		require.NoError(w.t, s.end(time.Second))
		require.Equal(w.t, 1, r.take(headers.CodeBatchAckMessage))
		require.Zero(w.t, r.take(headers.CodeAckMessage))
		m.close()
	})
}

// Stop waits for a pop that is under way: what it brings is given back, and comes at once.
func TestStopAwaitsPops(t *testing.T) {
	inBubble(t, 1, func(w *world) {
		w.publish("a", "b")
		r := w.requests()
		r.next(headers.CodePopMessage, embedded.DelayAnswer(3*time.Second))
		m := w.member(nil)
		s := m.subscribe(nil, engine.Topic{})
		synctest.Wait()
		begin := time.Now()
		require.NoError(w.t, s.end(time.Second))
		require.Equal(w.t, 3*time.Second, time.Since(begin).Round(time.Second))
		require.Equal(w.t, 2, r.take(headers.CodeChangeInvisibleTime))
		begin = time.Now()
		s = m.subscribe(nil, engine.Topic{})
		s.take(2)
		require.Less(w.t, time.Since(begin), 10*time.Second)
		require.NoError(w.t, s.end(time.Second))
		m.close()
	})
}

// Stop does not wait longer than it may.
func TestStopIsBounded(t *testing.T) {
	inBubble(t, 1, func(w *world) {
		w.publish("a")
		r := w.requests()
		r.next(headers.CodePopMessage, embedded.Ignore())
		m := w.member(nil)
		s := m.subscribe(nil, engine.Topic{})
		synctest.Wait()
		s.output.Stop()
		ctx, cancel := context.WithTimeout(w.t.Context(), time.Second)
		defer cancel()
		begin := time.Now()
		s.Stop(ctx)
		require.Equal(w.t, time.Second, time.Since(begin))
		require.NoError(w.t, s.end(time.Second))
		m.close()
	})
}

// Nothing is at the broker when nobody waits any more: a message that comes then is for
// others.
func TestStopWhileIdle(t *testing.T) {
	inBubble(t, 2, func(w *world) {
		m, other := w.member(nil), w.member(nil)
		s := m.subscribe(nil, engine.Topic{})
		time.Sleep(20 * time.Second)
		begin := time.Now()
		require.NoError(w.t, s.end(time.Second))
		require.Zero(w.t, time.Since(begin))
		rest := other.subscribe(nil, engine.Topic{})
		w.publish("a")
		rest.take(1)
		require.Less(w.t, time.Since(begin), time.Second)
		require.NoError(w.t, rest.end(time.Second))
		m.close()
		other.close()
	})
}

// Where others read the queues, pops are asked for more and more seldom.
func TestContention(t *testing.T) {
	inBubble(t, 2, func(w *world) {
		w.publish("a")
		r := w.requests()
		r.all(headers.CodePopMessage, embedded.Contended())
		m := w.member(nil)
		s := m.subscribe(nil, engine.Topic{})
		s.none(time.Second)
		require.LessOrEqual(w.t, r.take(headers.CodePopMessage), 30)
		r.all(headers.CodePopMessage, embedded.Fault{})
		begin := time.Now()
		s.take(1)
		require.LessOrEqual(w.t, time.Since(begin), 100*time.Millisecond)
		require.NoError(w.t, s.end(time.Second))
		m.close()
	})
}

// A broker that holds too many requests is asked once a second, also if it does not say why
// the answer comes at once.
func TestPollingFull(t *testing.T) {
	for _, full := range []bool{true, false} {
		for _, ordered := range []bool{false, true} {
			t.Run(fmt.Sprintf("says so %t, ordered %t", full, ordered), func(t *testing.T) { testPollingFull(t, full, ordered) })
		}
	}
}

func testPollingFull(t *testing.T, full, ordered bool) {
	inBubble(t, 1, func(w *world) {
		var n int
		var mu sync.Mutex
		remove := w.embedded.Intercept(func(rq embedded.Request) embedded.Fault {
			if rq.Code != headers.CodeNotification {
				return embedded.Fault{}
			}
			mu.Lock()
			defer mu.Unlock()
			if n++; n == 1 {
				return embedded.Fault{} // of the beginning
			}
			raw, err := headers.AppendResponse(nil, headers.JSON, rq.Command.Opaque, headers.Success, "", &headers.NotificationResult{PollingFull: full}, nil)
			if err != nil {
				panic(err)
			}
			return embedded.AnswerBytes(raw)
		})
		m := w.member(func(cfg *engine.Config) { cfg.Ordered = ordered })
		s := m.subscribe(nil, engine.Topic{})
		time.Sleep(10*time.Second + 100*time.Millisecond)
		mu.Lock()
		require.InDelta(w.t, 11, n, 2)
		mu.Unlock()
		remove()
		w.publish("a")
		s.take(1)
		require.NoError(w.t, s.end(time.Second))
		m.close()
	})
}

// A handle is renewed once: if the answer is missing, the message counts as lost, and is
// not asked for again.
func TestLostRenewal(t *testing.T) {
	for name, fault := range map[string]embedded.Fault{
		"cut after": embedded.StoreThenDrop(), "failed": embedded.Answer(headers.SystemError, ""),
		"no fields": embedded.Answer(headers.Success, ""),
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, 1, func(w *world) {
				w.publish("a")
				r := w.requests()
				r.next(headers.CodeChangeInvisibleTime, fault)
				m := w.member(func(cfg *engine.Config) { cfg.Lease = 20 * time.Second })
				s := m.subscribe(nil, engine.Topic{})
				msg := s.next()
				<-msg.Context().Done()
				require.ErrorIs(w.t, context.Cause(msg.Context()), delivery.ErrLeaseLost)
				require.Equal(w.t, 1, r.take(headers.CodeChangeInvisibleTime))
				msg.Nack()
				again := s.next()
				require.Equal(w.t, "a", string(again.Payload))
				again.Ack()
				require.NoError(w.t, s.end(time.Second))
				m.close()
				w.nothingLeft(3 * time.Minute)
			})
		})
	}
}

// A renewal that was surely not acted on is sent again.
func TestRefusedRenewal(t *testing.T) {
	inBubble(t, 1, func(w *world) {
		w.publish("a")
		r := w.requests()
		r.next(headers.CodeChangeInvisibleTime, repeat(embedded.Answer(headers.SystemBusy, "[TIMEOUT_CLEAN_QUEUE]"), 3)...)
		m := w.member(nil)
		s := m.subscribe(nil, engine.Topic{})
		msg := s.next()
		time.Sleep(80 * time.Second)
		require.NoError(w.t, msg.Context().Err())
		msg.Ack()
		require.NoError(w.t, s.end(time.Second))
		m.close()
		w.nothingLeft(3 * time.Minute)
	})
}

// A failed message that waits is given back for the rest of its pause, others at once.
func TestReleaseOfFailed(t *testing.T) {
	inBubble(t, 1, func(w *world) {
		w.publish("a", "b")
		r := w.requests()
		m := w.member(nil)
		s := m.subscribe(func(cfg *delivery.Config) {
			cfg.Redelivery.MinPause, cfg.Redelivery.MaxPause = 30*time.Second, 30*time.Second
		}, engine.Topic{})
		s.next().Nack()
		synctest.Wait()
		require.NoError(w.t, s.end(time.Second))
		m.close()
		seen := make(map[bool]int64)
		for _, c := range r.of(headers.CodeChangeInvisibleTime) {
			h, err := headers.ParseChangeInvisibleTime(&c)
			require.NoError(w.t, err)
			seen[h.Suspend] = h.InvisibleMillis
		}
		require.EqualValues(w.t, 1, seen[true])
		require.InDelta(w.t, 27_000, seen[false], 3001)
	})
}

// Requests do not say when they were made: clocks of clients and brokers differ, and a broker
// refuses what was made more than half a second ago by its own.
func TestClocksMayDiffer(t *testing.T) {
	inBubble(t, 1, func(w *world) {
		r := w.requests()
		m := w.member(nil)
		s := m.subscribe(nil, engine.Topic{})
		w.publish("a")
		s.take(1)
		require.NoError(w.t, s.end(time.Second))
		m.close()
		pops, notices := r.of(headers.CodePopMessage), r.of(headers.CodeNotification)
		require.NotEmpty(w.t, pops)
		require.NotEmpty(w.t, notices)
		for _, c := range append(pops, notices...) {
			require.Equal(w.t, "0", c.Fields.String("bornTime"))
		}
	})
}
