package pop_test

import (
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
)

// underWay measures how many pops are under way at most, each of which takes 10 ms.
func (w *world) underWay() (most func() int) {
	const takes = 10 * time.Millisecond
	var mu sync.Mutex
	n, highest := 0, 0
	w.embedded.Intercept(func(rq embedded.Request) embedded.Fault {
		if rq.Code != headers.CodePopMessage {
			return embedded.Fault{}
		}
		mu.Lock()
		defer mu.Unlock()
		n++
		highest = max(highest, n)
		time.AfterFunc(takes-time.Millisecond, func() {
			mu.Lock()
			defer mu.Unlock()
			n--
		})
		return embedded.DelayAnswer(takes)
	})
	return func() int {
		mu.Lock()
		defer mu.Unlock()
		was := highest
		highest = n
		return was
	}
}

// The more pops are under way the longer answers come full: as many as there are queues, 8
// at most, and one where a pop locks out all others.
func TestPopsAtOnce(t *testing.T) {
	for name, test := range map[string]struct {
		queues, want int
		opts         []embedded.Option
	}{
		"one queue":   {1, 1, nil},
		"four queues": {4, 4, nil},
		"many queues": {16, 8, nil},
		"KV":          {16, 1, []embedded.Option{embedded.WithPopKV()}},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, test.queues, func(w *world) {
				w.publish(numbered("m", 16_000)...)
				most := w.underWay()
				m := w.member(nil)
				s := m.subscribe(func(cfg *delivery.Config) { cfg.Messages = 2048 }, engine.Topic{})
				s.take(4000) // in which it grows, or learns how check points are kept
				most()
				s.take(6000)
				require.Equal(w.t, test.want, most())
				s.take(6000)
				w.publish("last")
				s.take(1)
				most()
				w.publish(numbered("n", 5)...)
				s.take(5)
				require.LessOrEqual(w.t, most(), 1, "one by one where there is little")
				require.NoError(w.t, s.end(time.Second))
				m.close()
			}, test.opts...)
		})
	}
}

// No pop asks for more messages than there is room for.
func TestBudgetIsKept(t *testing.T) {
	inBubble(t, 8, func(w *world) {
		w.publish(numbered("m", 500)...)
		m := w.member(nil)
		s := m.subscribe(func(cfg *delivery.Config) { cfg.Messages = 40 }, engine.Topic{})
		time.Sleep(time.Second)
		var held []string
		for range 40 {
			held = append(held, string(s.next().Payload))
		}
		s.none(10 * time.Second)
		require.Equal(w.t, 40, m.observer.total())
		require.Len(w.t, slices.Compact(held), 40)
		require.NoError(w.t, s.end(0))
		m.close()
	})
}

// An idle subscription costs a goroutine for each broker, and none once it has ended.
func TestGoroutines(t *testing.T) {
	inBubble(t, 8, func(w *world) {
		m := w.member(nil)
		require.NoError(w.t, m.Initialize(w.t.Context(), w.at(engine.Earliest, time.Time{}))) // connects
		synctest.Wait()
		before := runtime.NumGoroutine()
		s := m.subscribe(nil, engine.Topic{})
		w.publish(numbered("m", 1000)...)
		s.take(1000)
		time.Sleep(time.Minute)
		synctest.Wait()
		// The broker has one as well, for the request that waits.
		require.LessOrEqual(w.t, runtime.NumGoroutine()-before, 4)
		require.NoError(w.t, s.end(time.Second))
		synctest.Wait()
		require.LessOrEqual(w.t, runtime.NumGoroutine()-before, 1)
		m.close()
	})
}

// Each broker is read on its own: one that is down does not hold up others, and is read
// again as soon as it is back.
func TestBrokerIsDown(t *testing.T) {
	inBubble(t, 2, func(w *world) {
		want := numbered("m", 100)
		w.publish(want...)
		down := w.embedded.Broker(1)
		m := w.member(nil)
		s := m.subscribe(nil, engine.Topic{})
		got := s.take(100)
		time.Sleep(10 * time.Second) // the acks are sent, and stored
		down.Kill()
		time.Sleep(time.Minute)
		others := numbered("n", 100)
		w.publish(others...)
		begin := time.Now()
		got = append(got, s.take(100)...)
		require.Less(w.t, time.Since(begin), time.Second)
		require.NoError(w.t, down.Start())
		w.publish(numbered("o", 100)...)
		begin = time.Now()
		got = append(got, s.take(100)...)
		require.Less(w.t, time.Since(begin), 4*time.Second)
		want = append(append(want, others...), numbered("o", 100)...)
		slices.Sort(got)
		require.True(w.t, slices.Equal(want, got))
		require.NoError(w.t, s.end(time.Second))
		m.close()
	}, embedded.WithBrokers(2))
}

// Members of the group that pull, or may, are told of.
func TestPullersAreToldOf(t *testing.T) {
	inBubble(t, 2, func(w *world) {
		puller := w.member(nil)
		_, err := puller.session.Routes().ReadRoute(w.t.Context(), w.topic)
		require.NoError(w.t, err)
		subscription, err := headers.NewSubscription(w.topic, "", 1)
		require.NoError(w.t, err)
		require.NoError(w.t, puller.session.SetConsumers([]headers.ConsumerData{{
			Group: w.group, ConsumeType: headers.ConsumePassively, MessageModel: headers.Clustering,
			ConsumeFromWhere: headers.ConsumeFromFirstOffset, Subscriptions: []headers.SubscriptionData{subscription},
		}}))
		synctest.Wait()
		m := w.member(nil)
		s := m.subscribe(nil, engine.Topic{})
		synctest.Wait() // nobody logs while the lines are read
		lines := m.logger.Captured()[watermill.ErrorLogLevel]
		require.Len(w.t, lines, 1)
		require.Contains(w.t, lines[0].Msg, "must not be mixed")
		require.Equal(w.t, []string{puller.client.Session().ID()}, lines[0].Fields["members"])
		require.NoError(w.t, s.end(time.Second))
		m.close()
		puller.close()
	})
}
