package delivery

import (
	"context"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"
)

// source is a Source that writes down what it is told.
type source struct {
	mu       sync.Mutex
	told     []string
	renewals []*Message
	buryErr  error
}

func (s *source) tell(what string, m *Message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.told = append(s.told, what+" "+string(m.Stored.Body))
}

func (s *source) Ack(m *Message)                   { s.tell("ack", m) }
func (s *source) Nack(m *Message, _ time.Duration) { s.tell("nack", m) }
func (s *source) Release(m *Message)               { s.tell("release", m) }
func (s *source) Renew(m *Message) {
	s.tell("renew", m)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.renewals = append(s.renewals, m)
}

func (s *source) DeadLetter(_ context.Context, m *Message) error {
	s.tell("bury", m)
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.buryErr
}

// take returns what was told since the last time.
func (s *source) take() []string {
	synctest.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	told := s.told
	s.told = nil
	return told
}

type silent struct{}

func (silent) Starting(m *Message, _ *message.Message) context.Context { return m.Context() }
func (silent) HandedOut(*Message)                                      {}
func (silent) Acked(*Message)                                          {}
func (silent) Nacked(*Message, time.Duration, bool, bool)              {}
func (silent) GaveUp(*Message)                                         {}
func (silent) Released(*Message)                                       {}
func (silent) Renewed(*Message)                                        {}
func (silent) LeaseLost(*Message, error)                               {}
func (silent) DeadLettered(*Message)                                   {}
func (silent) DeadLetterFailed(*Message, error)                        {}
func (silent) Unreadable(*Message, error)                              {}

func testConfig() Config {
	return Config{
		Context:  context.Background(),
		Messages: 256, Bytes: 1 << 20,
		Make: func(m *Message) (*message.Message, error) {
			return message.NewMessage(string(m.Stored.Body), message.Payload(m.Stored.Body)), nil
		},
		Redelivery: Redelivery{MinPause: 100 * time.Millisecond, MaxPause: time.Minute, MaxLocalPause: time.Second, MaxDeliveries: 3},
		DeadLetter: func(ctx context.Context, m *Message) error { return m.Bury(ctx) },
		Observer:   silent{},
	}
}

// put puts messages with these bodies into a lane.
func put(t *testing.T, l *Lane, s Source, bodies ...string) []*Message {
	t.Helper()
	require.Equal(t, len(bodies), l.output.budget.TryTake(len(bodies)))
	list := make([]*Message, len(bodies))
	for i, b := range bodies {
		list[i] = &Message{Source: s, Deliveries: 1}
		list[i].Stored.Body = []byte(b)
	}
	l.Put(list)
	return list
}

func drained(t *testing.T, o *Output) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	o.Drain(ctx)
	_, open := <-o.Channel()
	require.False(t, open)
	messages, bytes := o.budget.Taken()
	require.Zero(t, messages)
	require.Zero(t, bytes)
	require.Zero(t, o.budget.waiting)
}

func TestMessagesAreHandedOutInOrderAndAcked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, s := New(testConfig()), &source{}
		put(t, o.NewLane(), s, "a", "b", "c")
		for _, want := range []string{"a", "b", "c"} {
			m := <-o.Channel()
			require.Equal(t, want, m.UUID)
			m.Ack()
			<-m.Context().Done()
			require.Equal(t, []string{"ack " + want}, s.take())
		}
		drained(t, o)
	})
}

// Answers count in whatever order they come.
func TestAnswersOutOfOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, s := New(testConfig()), &source{}
		put(t, o.NewLane(), s, "a", "b", "c")
		a, b, c := <-o.Channel(), <-o.Channel(), <-o.Channel()
		time.Sleep(time.Second) // on synctest's clock: longer than quiet
		c.Ack()
		require.Equal(t, []string{"ack c"}, s.take())
		b.Ack()
		require.Equal(t, []string{"ack b"}, s.take())
		a.Ack()
		require.Equal(t, []string{"ack a"}, s.take())
		drained(t, o)
	})
}

// An answer counts at once behind a handler that is slow, whose answer a goroutine waits for
// by then.
func TestAnswersBehindASlowHandler(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, s := New(testConfig()), &source{}
		l := o.NewLane()
		put(t, l, s, "a", "b")
		a, b := <-o.Channel(), <-o.Channel()
		time.Sleep(time.Second) // on synctest's clock: longer than quiet
		b.Ack()
		require.Equal(t, []string{"ack b"}, s.take())
		put(t, l, s, "c")
		c := <-o.Channel()
		synctest.Wait()
		c.Nack()
		began := time.Now()
		c = <-o.Channel()
		require.LessOrEqual(t, time.Since(began), testConfig().Redelivery.MinPause)
		synctest.Wait()
		c.Ack()
		require.Equal(t, []string{"ack c"}, s.take())
		a.Ack()
		require.Equal(t, []string{"ack a"}, s.take())
		drained(t, o)
	})
}

func TestOrderedHandsOutOneAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := testConfig()
		cfg.Ordered = true
		o, s := New(cfg), &source{}
		put(t, o.NewLane(), s, "a", "b")
		for _, failures := range []int{0, 2} {
			var m *message.Message
			for range failures {
				m = <-o.Channel()
				m.Nack()
			}
			m = <-o.Channel()
			select {
			case <-o.Channel():
				t.Fatal("two at once")
			case <-time.After(time.Minute):
			}
			m.Ack()
		}
		require.Equal(t, []string{"ack a", "ack b"}, s.take())
		drained(t, o)
	})
}

// A message that fails comes again after a pause that grows, and is then a dead letter.
func TestNack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, s := New(testConfig()), &source{buryErr: context.DeadlineExceeded}
		put(t, o.NewLane(), s, "a")
		for n, pause := range []time.Duration{0, 100 * time.Millisecond, 200 * time.Millisecond} {
			begun := time.Now()
			m := <-o.Channel()
			require.InDelta(t, pause, time.Since(begun), float64(pause)*jitter+1)
			require.Equal(t, n+1, FromContext(m.Context()).Number)
			m.Nack()
			<-m.Context().Done()
			require.ErrorIs(t, context.Cause(m.Context()), context.Canceled)
		}
		require.Equal(t, []string{"bury a"}, s.take())
		s.mu.Lock()
		s.buryErr = nil
		s.mu.Unlock()
		time.Sleep(time.Second)
		require.Equal(t, []string{"bury a", "ack a"}, s.take(), "it is acked when it is a dead letter, not before")
		drained(t, o)
	})
}

func TestLongPausesAreTheBrokers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := testConfig()
		cfg.Delay = func(m *message.Message, _ time.Time) (time.Duration, bool) { return 2 * time.Second, m.UUID == "a" }
		o, s := New(cfg), &source{}
		put(t, o.NewLane(), s, "a")
		(<-o.Channel()).Nack()
		require.Equal(t, []string{"nack a"}, s.take())
		drained(t, o)
	})
}

// A lease is renewed while the handler works, and the ack waits for the answer.
func TestRenewal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, s := New(testConfig()), &source{}
		m := &Message{Source: s, Deliveries: 1, Lease: time.Now().Add(time.Minute), LeaseTime: time.Minute}
		m.Stored.Body = []byte("a")
		require.Equal(t, 1, o.budget.TryTake(1))
		o.NewLane().Put([]*Message{m})
		given := <-o.Channel()
		time.Sleep(45 * time.Second)
		require.Equal(t, []string{"renew a"}, s.take())
		given.Ack()
		require.Empty(t, s.take(), "a renewal is under way")
		m.Renewed(nil, time.Now().Add(time.Minute), nil)
		require.Equal(t, []string{"ack a"}, s.take())
		drained(t, o)
	})
}

func TestLeaseLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, s := New(testConfig()), &source{}
		m := &Message{Source: s, Deliveries: 1, Lease: time.Now().Add(time.Minute), LeaseTime: time.Minute}
		require.Equal(t, 1, o.budget.TryTake(1))
		o.NewLane().Put([]*Message{m})
		given := <-o.Channel()
		time.Sleep(45 * time.Second)
		require.Equal(t, []string{"renew "}, s.take())
		m.Renewed(nil, time.Time{}, context.DeadlineExceeded)
		<-given.Context().Done()
		require.ErrorIs(t, context.Cause(given.Context()), ErrLeaseLost)
		given.Ack()
		require.Equal(t, []string{"ack "}, s.take(), "it may yet be in time")
		drained(t, o)
	})
}

// What waits too long is given back, all but the next message.
// A message that waits for its next delivery is released once, if it loses its lease in the
// moment in which the subscription ends.
func TestLeaseLostWhileStopping(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := testConfig()
		cfg.Redelivery.MinPause, cfg.Redelivery.MaxLocalPause = time.Minute, time.Minute
		o, s := New(cfg), &source{}
		l := o.NewLane()
		m := put(t, l, s, "a")[0]
		m.LeaseTime = time.Minute
		l.post(func(*Lane) { m.Lease = time.Now().Add(time.Minute) })
		(<-o.Channel()).Nack()
		time.Sleep(40 * time.Second)
		require.Equal(t, []string{"renew a"}, s.take())
		busy := make(chan struct{})
		l.post(func(*Lane) { <-busy })
		synctest.Wait()
		m.Renewed(nil, time.Time{}, context.DeadlineExceeded)
		o.Stop()
		close(busy)
		require.Equal(t, []string{"release a"}, s.take())
		drained(t, o)
	})
}

// A dead letter is made while the lease is renewed, which gives the message another Source.
func TestRenewalWhileBurying(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := testConfig()
		cfg.Redelivery.MaxDeliveries = 1
		o, s, renewed := New(cfg), &source{buryErr: context.DeadlineExceeded}, &source{}
		l := o.NewLane()
		m := put(t, l, s, "a")[0]
		m.LeaseTime = time.Minute
		l.post(func(*Lane) { m.Lease = time.Now().Add(time.Minute) })
		(<-o.Channel()).Nack()
		time.Sleep(40 * time.Second)
		require.Contains(t, s.take(), "renew a")
		m.Renewed(renewed, time.Now().Add(time.Minute), nil)
		time.Sleep(10 * time.Second)
		require.Contains(t, s.take(), "bury a", "the one that it came with")
		s.mu.Lock()
		s.buryErr = nil
		s.mu.Unlock()
		time.Sleep(10 * time.Second)
		require.Equal(t, []string{"ack a"}, renewed.take())
		drained(t, o)
	})
}

func TestWaitingMessagesAreReleased(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, s := New(testConfig()), &source{}
		var list []*Message
		for _, b := range []string{"a", "b", "c"} {
			m := &Message{Source: s, Deliveries: 1, Lease: time.Now().Add(time.Minute), LeaseTime: time.Minute}
			m.Stored.Body = []byte(b)
			list = append(list, m)
		}
		require.Equal(t, 3, o.budget.TryTake(3))
		o.NewLane().Put(list)
		time.Sleep(40 * time.Second)
		require.Equal(t, []string{"release b", "release c", "renew a"}, s.take())
		list[0].Renewed(nil, time.Now().Add(time.Minute), nil)
		m := <-o.Channel()
		m.Ack()
		require.Equal(t, []string{"ack a"}, s.take())
		drained(t, o)
	})
}

// late returns a lane that has not run since the leases of its messages ended, as in a
// process that stood still. Its goroutine does not run.
func late(o *Output, s Source, bodies ...string) (*Lane, []*Message) {
	l := o.NewLane()
	now := time.Now()
	list := make([]*Message, len(bodies))
	for i, b := range bodies {
		m := &Message{Source: s, Deliveries: 1, Lease: now, LeaseTime: time.Minute, lane: l, size: 1}
		m.Stored.Body = []byte(b)
		o.budget.TryTake(1)
		o.budget.came(1, 1)
		m.begin()
		list[i] = m
	}
	l.queue.push(list...)
	l.sends, l.now = true, now
	return l, list
}

// A message whose lease has ended is not handed out any more, as others may have it. In
// order, those behind it are not either.
func TestNothingIsHandedOutAfterItsLease(t *testing.T) {
	for _, ordered := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			cfg := testConfig()
			cfg.Ordered = ordered
			o, s := New(cfg), &source{}
			l, list := late(o, s, "a", "b")
			list[1].Lease = list[1].Lease.Add(time.Minute)
			if ordered {
				require.Nil(t, l.next())
				require.Equal(t, []string{"release a", "release b"}, s.take())
				return
			}
			require.Equal(t, list[1], l.next())
			require.Equal(t, []string{"release a"}, s.take())
		})
	}
}

// One that a receiver takes in the moment in which the process goes on comes with a context
// that has ended.
func TestHandedOutTooLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, s := New(testConfig()), &source{}
		l, list := late(o, s, "a")
		l.now = l.now.Add(-time.Second)
		m := l.next()
		require.Equal(t, list[0], m)
		l.now = l.now.Add(time.Minute)
		l.handOut(m)
		require.ErrorIs(t, context.Cause(m.given.Context()), ErrLeaseLost)
		m.given.Nack()
		l.look(m)
		require.Equal(t, []string{"release a"}, s.take())
	})
}

// In order, what comes after a message that the broker may give to somebody else is not
// handed out before it.
func TestOrderedMessagesBehindALostOneAreReleased(t *testing.T) {
	for name, lost := range map[string]int{"with the handler": 0, "waiting": 1} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cfg := testConfig()
				cfg.Ordered = true
				o, s := New(cfg), &source{}
				var list []*Message
				for _, b := range []string{"a", "b", "c"} {
					m := &Message{Source: s, Deliveries: 1, Lease: time.Now().Add(time.Minute), LeaseTime: time.Minute}
					m.Stored.Body = []byte(b)
					list = append(list, m)
				}
				require.Equal(t, 3, o.budget.TryTake(3))
				o.NewLane().Put(list)
				a := <-o.Channel()
				time.Sleep(45 * time.Second)
				require.Equal(t, []string{"renew a", "renew b", "renew c"}, s.take())
				for i, m := range list {
					if i == lost {
						m.Renewed(nil, time.Time{}, context.DeadlineExceeded)
					} else {
						m.Renewed(nil, time.Now().Add(time.Minute), nil)
					}
				}
				require.ElementsMatch(t, []string{"release b", "release c"}, s.take())
				a.Ack()
				require.Equal(t, []string{"ack a"}, s.take())
				drained(t, o)
			})
		})
	}
}

func TestMaxProcessing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := testConfig()
		cfg.MaxProcessing = time.Minute
		cfg.Redelivery.MaxLocalPause = 0
		o, s := New(cfg), &source{}
		put(t, o.NewLane(), s, "a")
		m := <-o.Channel()
		begun := time.Now()
		<-m.Context().Done()
		require.ErrorIs(t, context.Cause(m.Context()), ErrTooLong)
		require.InDelta(t, time.Minute, time.Since(begun), float64(10*time.Second))
		require.Equal(t, []string{"nack a"}, s.take())
		m.Ack() // too late
		require.Empty(t, s.take())
		drained(t, o)
	})
}

// recorder writes down how deliveries begin and end, and how long handlers had them.
type recorder struct {
	silent
	events []string
}

func (r *recorder) add(what string, m *Message) {
	r.events = append(r.events, what+" "+m.Took().Round(time.Second).String())
}

func (r *recorder) Starting(m *Message, _ *message.Message) context.Context {
	r.add("start", m)
	return m.Context()
}

func (r *recorder) Released(m *Message)                           { r.add("released", m) }
func (r *recorder) Nacked(m *Message, _ time.Duration, _, _ bool) { r.add("nacked", m) }

// A handler that takes too long has failed, though its lease was lost before.
func TestMaxProcessingAfterALostLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg, seen := testConfig(), &recorder{}
		cfg.MaxProcessing, cfg.Observer = 2*time.Minute, seen
		o, s := New(cfg), &source{}
		m := &Message{Source: s, Deliveries: 1, Lease: time.Now().Add(time.Minute), LeaseTime: time.Minute}
		require.Equal(t, 1, o.budget.TryTake(1))
		o.NewLane().Put([]*Message{m})
		<-o.Channel()
		time.Sleep(45 * time.Second)
		require.Equal(t, []string{"renew "}, s.take())
		m.Renewed(nil, time.Time{}, context.DeadlineExceeded)
		time.Sleep(2 * time.Minute)
		require.Equal(t, []string{"release "}, s.take())
		require.Equal(t, 1, m.Failed)
		require.Len(t, seen.events, 2)
		require.Equal(t, "start 0s", seen.events[0])
		require.Contains(t, seen.events[1], "nacked 2m")
		drained(t, o)
	})
}

// The time that a handler had a message counts anew with each delivery.
func TestTookIsOfOneDelivery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg, seen := testConfig(), &recorder{}
		cfg.Observer = seen
		o, s := New(cfg), &source{}
		put(t, o.NewLane(), s, "a")
		m := <-o.Channel()
		time.Sleep(5 * time.Second)
		m.Nack()
		time.Sleep(10 * time.Second) // it waits for a receiver again
		drained(t, o)
		require.Equal(t, []string{"release a"}, s.take())
		require.Equal(t, []string{"start 0s", "nacked 5s", "start 0s", "released 0s"}, seen.events)
	})
}

// The end of a subscription gives back what was not taken, and waits for handlers.
// Nothing is kept for a handler that was given up, and may never answer.
func TestNobodyWaitsForWhoWasGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := testConfig()
		cfg.MaxProcessing, cfg.Redelivery.MaxLocalPause = time.Second, 0
		o, s := New(cfg), &source{}
		before := runtime.NumGoroutine()
		put(t, o.NewLane(), s, "a")
		m := <-o.Channel()
		time.Sleep(time.Minute)
		require.ErrorIs(t, context.Cause(m.Context()), ErrTooLong)
		require.Equal(t, []string{"nack a"}, s.take())
		require.Equal(t, before, runtime.NumGoroutine())
		drained(t, o)
	})
}

func TestDrain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, s := New(testConfig()), &source{}
		put(t, o.NewLane(), s, "a", "b", "c", "d")
		a, b := <-o.Channel(), <-o.Channel()
		o.Stop()
		_, open := <-o.Channel()
		require.False(t, open)
		require.ElementsMatch(t, []string{"release c", "release d"}, s.take())
		require.NoError(t, a.Context().Err())
		go func() {
			time.Sleep(500 * time.Millisecond)
			a.Ack()
		}()
		begun := time.Now()
		drained(t, o)
		require.Equal(t, time.Second, time.Since(begun))
		require.Equal(t, []string{"ack a", "release b"}, s.take())
		require.ErrorIs(t, context.Cause(b.Context()), ErrStopped)
		b.Ack()
		put(t, o.NewLane(), s, "late")
		require.Equal(t, []string{"release late"}, s.take())
	})
}

func TestLaneClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, s := New(testConfig()), &source{}
		l, other := o.NewLane(), o.NewLane()
		put(t, l, s, "a", "b")
		a := <-o.Channel()
		put(t, other, s, "z")
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		l.Close(ctx)
		require.ElementsMatch(t, []string{"release a", "release b"}, s.take())
		require.ErrorIs(t, context.Cause(a.Context()), ErrQueueLost)
		z := <-o.Channel()
		require.Equal(t, "z", z.UUID)
		z.Ack()
		require.Equal(t, []string{"ack z"}, s.take())
		drained(t, o)
	})
}

// The context has the values of the subscription's, and ends those made of it.
func TestContext(t *testing.T) {
	type name struct{}
	synctest.Test(t, func(t *testing.T) {
		cfg := testConfig()
		ctx, cancel := context.WithCancel(context.WithValue(t.Context(), name{}, "value"))
		cfg.Context = ctx
		o, s := New(cfg), &source{}
		put(t, o.NewLane(), s, "a")
		m := <-o.Channel()
		require.Equal(t, "value", m.Context().Value(name{}))
		cancel()
		require.NoError(t, m.Context().Err(), "handlers finish")
		child, stop := context.WithCancel(m.Context())
		defer stop()
		require.NoError(t, child.Err())
		m.Ack()
		<-child.Done()
		require.ErrorIs(t, m.Context().Err(), context.Canceled)
		drained(t, o)
	})
}
