package routing_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
)

func TestNewNamesEachFault(t *testing.T) {
	_, err := routing.New(routing.Config{
		NameServers:        []string{"ok:9876", "noport", ":9876", "a:1;b:1", "a:0", "::1:9876", "https://a:1"},
		RefreshInterval:    -1,
		NameServerTimeout:  -1,
		DefaultTopicQueues: -1,
	}, &fakeServers{})
	for _, text := range []string{
		`NameServers[1] is "noport"`, `NameServers[2] is ":9876"`, `NameServers[3] is "a:1;b:1", want host:port: one entry per address`,
		`NameServers[4] is "a:0"`, `NameServers[5] is "::1:9876"`, `NameServers[6] is "https://a:1"`,
		"RefreshInterval is -1ns", "NameServerTimeout is -1ns", "DefaultTopicQueues is -1",
	} {
		require.ErrorContains(t, err, text)
	}
	require.NotContains(t, err.Error(), "NameServers[0]")

	_, err = routing.New(routing.Config{}, &fakeServers{})
	require.ErrorContains(t, err, "NameServers is empty")
	_, err = routing.New(routing.Config{NameServers: []string{"a:1"}, DefaultTopicQueues: 1<<16 + 1}, &fakeServers{})
	require.ErrorContains(t, err, "DefaultTopicQueues is 65537, want 1 to 65536")
	_, err = routing.New(routing.Config{NameServers: []string{"a:1"}}, nil)
	require.ErrorContains(t, err, "Invoker is nil")
}

func TestNameServerAddressesAreCleaned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeServers{answer: hang}
		given := []string{" a:1 ", "http://b:1", "a:1", "[::1]:9876"}
		table := newTable(t, f, func(c *routing.Config) { c.NameServers = given })
		_, err := table.Route(t.Context(), "t")
		var all *routing.NameServersError
		require.ErrorAs(t, err, &all)
		require.ElementsMatch(t, []string{"a:1 t", "b:1 t", "[::1]:9876 t"}, f.asked())
		require.Equal(t, []string{" a:1 ", "http://b:1", "a:1", "[::1]:9876"}, given, "the caller's slice is its own")
	})
}

func TestRouteIsCached(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeServers{tb: t}
		f.answer = f.knows(map[string]string{"t": simpleRoute("a", "b")})
		table := newTable(t, f, nil)
		first, err := table.Route(t.Context(), "t")
		require.NoError(t, err)
		require.Equal(t, []string{"a:0", "a:1", "b:0", "b:1"}, queueNames(first))

		ended, cancel := context.WithCancel(t.Context())
		cancel()
		again, err := table.Route(ended, "t")
		require.NoError(t, err, "a hit does not look at ctx")
		require.Same(t, first, again)
		require.Equal(t, []string{"ns1:9876 t"}, f.asked())
	})
}

func TestRouteHitDoesNotAllocate(t *testing.T) {
	f := &fakeServers{tb: t}
	f.answer = f.knows(map[string]string{"t": simpleRoute("a", "b")})
	table := newTable(t, f, nil)
	ctx := t.Context()
	_, err := table.Route(ctx, "t")
	require.NoError(t, err)
	require.Zero(t, testing.AllocsPerRun(1000, func() {
		if _, err := table.Route(ctx, "t"); err != nil {
			panic(err)
		}
		if _, err := table.BrokerAddr(ctx, "t", "b"); err != nil {
			panic(err)
		}
	}))
}

func BenchmarkRouteHit(b *testing.B) {
	f := &fakeServers{tb: b}
	f.answer = f.knows(map[string]string{"t": simpleRoute("a", "b")})
	table := newTable(b, f, nil)
	b.Run("one", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := table.Route(b.Context(), "t"); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("parallel", func(b *testing.B) {
		b.ReportAllocs()
		ctx := b.Context()
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				if _, err := table.Route(ctx, "t"); err != nil {
					b.Error(err)
				}
			}
		})
	})
}

func TestConcurrentMissesShareOneLookup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeServers{tb: t}
		body := response(t, headers.Success, simpleRoute("a"))
		f.answer = func(ctx context.Context, _, _ string) (headers.Command, error) {
			advance(500 * time.Millisecond)
			return body, ctx.Err()
		}
		table := newTable(t, f, nil)
		start := time.Now()
		var ok atomic.Int32
		var wg sync.WaitGroup
		for i := range 100 {
			ctx, cancel := context.WithCancelCause(t.Context())
			leaves := i%2 == 0 // the first caller, who started the lookup, among them
			gaveUp := fmt.Errorf("caller %d gave up", i)
			if leaves {
				time.AfterFunc(100*time.Millisecond, func() { cancel(gaveUp) })
			}
			wg.Go(func() {
				defer cancel(nil)
				r, err := table.Route(ctx, "t")
				if leaves {
					require.ErrorIs(t, err, gaveUp)
					require.ErrorIs(t, err, context.Canceled, "whatever the cause")
					require.ErrorContains(t, err, `routing: wait for the route of topic "t"`)
					require.Equal(t, 100*time.Millisecond, time.Since(start))
					return
				}
				require.NoError(t, err)
				require.Len(t, r.WriteQueues(), 2)
				ok.Add(1)
			})
			synctest.Wait()
		}
		wg.Wait()
		require.EqualValues(t, 50, ok.Load())
		require.Equal(t, 500*time.Millisecond, time.Since(start))
		require.Len(t, f.asked(), 1)
	})
}

// Who comes between the answer to a lookup and the next look into the cache does not
// start another.
func TestCallersThatComeWithTheAnswerShareIt(t *testing.T) {
	for range 300 {
		synctest.Test(t, func(t *testing.T) {
			f := &fakeServers{tb: t}
			f.answer = f.knows(map[string]string{"t": simpleRoute("a")})
			table := newTable(t, f, nil)
			var wg sync.WaitGroup
			for range 20 {
				wg.Go(func() {
					for range 3 {
						_, err := table.BrokerAddr(t.Context(), "t", "a")
						require.NoError(t, err)
						_, err = table.Route(t.Context(), "t")
						require.NoError(t, err)
					}
				})
			}
			wg.Wait()
			require.Len(t, f.asked(), 1)
		})
	}
}

func TestLookupOutlivesItsCallers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeServers{tb: t}
		body := response(t, headers.Success, simpleRoute("a"))
		f.answer = func(ctx context.Context, _, _ string) (headers.Command, error) {
			advance(500 * time.Millisecond)
			return body, ctx.Err()
		}
		table := newTable(t, f, nil)
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		_, err := table.Route(ctx, "t")
		require.ErrorIs(t, err, context.DeadlineExceeded)
		_, err = table.Route(ctx, "other")
		require.ErrorIs(t, err, context.DeadlineExceeded, "an ended ctx starts nothing")
		settle(time.Second)
		_, err = table.Route(t.Context(), "t")
		require.NoError(t, err)
		require.Equal(t, []string{"ns1:9876 t"}, f.asked())
	})
}

func TestFailedLookupsAreNotCachedButSpaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeServers{tb: t}
		f.answer = f.says(headers.SystemError, "")
		table := newTable(t, f, nil)
		start := time.Now()
		for i := range 3 {
			_, err := table.Route(t.Context(), "t")
			require.ErrorIs(t, err, &headers.StatusError{Code: headers.SystemError})
			require.Equal(t, time.Duration(i)*100*time.Millisecond, time.Since(start))
		}
		f.become(f.knows(map[string]string{"t": simpleRoute("a")}))
		_, err := table.Route(t.Context(), "t")
		require.NoError(t, err)
	})
}

func TestBrokerAddr(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeServers{tb: t}
		f.answer = f.knows(map[string]string{"t": simpleRoute("a"), "other": simpleRoute("c")})
		table := newTable(t, f, nil)

		addr, err := table.BrokerAddr(t.Context(), "t", "a")
		require.NoError(t, err)
		require.Equal(t, "a:10911", addr)
		require.Len(t, f.asked(), 1)

		_, err = table.BrokerAddr(t.Context(), "t", "b")
		require.Equal(t, &routing.BrokerNotFoundError{Topic: "t", Broker: "b", NameServers: []string{"ns1:9876"}}, err)
		require.EqualError(t, err, `routing: broker "b" of topic "t" has no master address on name server ns1:9876`)
		require.Len(t, f.asked(), 1, "asked once more before it said so")

		f.become(f.knows(map[string]string{"t": simpleRoute("a", "b")}))
		addr, err = table.BrokerAddr(t.Context(), "t", "b")
		require.NoError(t, err, "the broker has registered meanwhile")
		require.Equal(t, "b:10911", addr)
		require.Len(t, f.asked(), 1)

		f.become(f.knows(nil)) // the topic is gone: the last known route counts
		_, err = table.BrokerAddr(t.Context(), "t", "x")
		var notFound *routing.BrokerNotFoundError
		require.ErrorAs(t, err, &notFound)

		f.become(hang)
		_, err = table.BrokerAddr(t.Context(), "t", "x")
		require.ErrorIs(t, err, routing.ErrNoAnswer)
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		_, err = table.BrokerAddr(ctx, "t", "x")
		require.ErrorIs(t, err, context.DeadlineExceeded)
	})
}

func TestBrokersOfAllTopics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeServers{tb: t}
		moved := routeBody(brokerSpec{"b", `"0":"b-new:10911"`, 1, 6})
		f.answer = f.knows(map[string]string{"t1": simpleRoute("b", "a"), "t2": simpleRoute("c", "b"), "t3": moved})
		table := newTable(t, f, nil)
		require.Empty(t, table.Brokers())
		for _, topic := range []string{"t3", "t1", "t2"} {
			_, err := table.Route(t.Context(), topic)
			require.NoError(t, err)
		}
		require.Equal(t, []routing.Broker{{Name: "a", Addr: "a:10911"}, {Name: "b", Addr: "b:10911"}, {Name: "c", Addr: "c:10911"}}, table.Brokers())
		table.Refresh("t3")
		settle(time.Second)
		require.Equal(t, []routing.Broker{{Name: "a", Addr: "a:10911"}, {Name: "b", Addr: "b-new:10911"}, {Name: "c", Addr: "c:10911"}}, table.Brokers(),
			"the route that was asked for last is right about b")
	})
}

func TestHasBroker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeServers{tb: t}
		f.answer = f.knows(map[string]string{"t1": simpleRoute("b", "a"), "t2": simpleRoute("c")})
		table := newTable(t, f, nil)
		require.False(t, table.HasBroker("a:10911", ""))
		for _, topic := range []string{"t1", "t2"} {
			_, err := table.Route(t.Context(), topic)
			require.NoError(t, err)
		}
		for addr, name := range map[string]string{"a:10911": "a", "b:10911": "b", "c:10911": "c"} {
			require.True(t, table.HasBroker(addr, ""))
			require.True(t, table.HasBroker(addr, name))
			require.False(t, table.HasBroker(addr, "d"))
		}
		require.False(t, table.HasBroker("d:10911", ""))
		require.NoError(t, table.Close())
		require.False(t, table.HasBroker("a:10911", ""))
	})
}

func TestCloseAnswersEveryWaiter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeServers{tb: t}
		f.answer = f.knows(map[string]string{"cached": simpleRoute("a")})
		var events atomic.Int32
		table := newTable(t, f, func(c *routing.Config) {
			c.Events.NameServerFailed = func(string, error) { events.Add(1) }
			c.Events.RefreshFailed = func(string, routing.View, error) { events.Add(1) }
		})
		_, err := table.Route(t.Context(), "cached")
		require.NoError(t, err)
		f.become(hang)
		var wg sync.WaitGroup
		for i := range 10 {
			wg.Go(func() {
				_, err := table.Route(t.Context(), fmt.Sprint("t", i%2))
				require.ErrorIs(t, err, routing.ErrClosed)
			})
			wg.Go(func() {
				_, err := table.BrokerAddr(t.Context(), "cached", "x")
				require.ErrorIs(t, err, routing.ErrClosed)
			})
		}
		table.RefreshByAddr("a:10911")
		synctest.Wait()
		start := time.Now()
		for range 3 {
			wg.Go(func() { require.NoError(t, table.Close()) })
		}
		wg.Wait()
		require.Zero(t, time.Since(start))
		require.Zero(t, events.Load(), "closing is no failure")

		_, err = table.Route(t.Context(), "cached")
		require.ErrorIs(t, err, routing.ErrClosed)
		_, err = table.BrokerAddr(t.Context(), "cached", "a")
		require.ErrorIs(t, err, routing.ErrClosed)
		require.Empty(t, table.Brokers())
		table.Refresh("cached")
		table.RefreshByAddr("a:10911")
		require.NoError(t, table.Close())
	})
}

func TestEventsMayCallTheTable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeServers{tb: t}
		f.answer = f.knows(map[string]string{"t": simpleRoute("a")})
		var table *routing.Table
		var changes atomic.Int32
		table = newTable(t, f, func(c *routing.Config) {
			c.Events.RouteChanged = func(topic string, v routing.View, before, after *routing.Route) {
				if v != routing.Writing {
					return
				}
				changes.Add(1)
				require.Nil(t, before)
				require.Equal(t, after.Brokers(), table.Brokers())
				r, err := table.Route(context.Background(), topic)
				require.NoError(t, err, "a hit")
				require.Same(t, after, r)
				table.Refresh(topic)
				table.RefreshByAddr("a:10911")
			}
		})
		_, err := table.Route(t.Context(), "t")
		require.NoError(t, err)
		settle(time.Second)
		require.EqualValues(t, 1, changes.Load())
		require.GreaterOrEqual(t, len(f.asked()), 2)
	})
}

func TestManyTopicsAtOnce(t *testing.T) {
	f := &fakeServers{tb: t}
	bodies := make(map[string]string)
	for i := range 20 {
		bodies[fmt.Sprint("t", i)] = simpleRoute("a", "b")
	}
	f.answer = f.knows(bodies)
	table := newTable(t, f, func(c *routing.Config) { c.RefreshInterval = time.Millisecond })
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			for j := range 200 {
				topic := fmt.Sprint("t", (i+j)%20)
				r, err := table.Route(t.Context(), topic)
				if err != nil || r.Topic() != topic {
					t.Errorf("%s: %v, %v", topic, r, err)
				}
				table.Refresh(topic)
				table.RefreshByAddr("a:10911")
				table.Brokers()
			}
		})
	}
	wg.Wait()
}
