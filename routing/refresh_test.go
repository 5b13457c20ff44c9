package routing_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
)

// eventLog notes events of the view Writing as text.
type eventLog struct{ lines chan string }

func newEventLog(c *routing.Config) *eventLog {
	l := &eventLog{lines: make(chan string, 1000)}
	c.Events.RouteChanged = func(topic string, v routing.View, before, after *routing.Route) {
		if v != routing.Writing {
			return
		}
		from := "nothing"
		if before != nil {
			from = fmt.Sprint(len(before.WriteQueues()))
		}
		l.lines <- fmt.Sprintf("%s changed from %s to %d queues", topic, from, len(after.WriteQueues()))
	}
	c.Events.RefreshFailed = func(topic string, v routing.View, err error) {
		if v == routing.Writing {
			l.lines <- topic + " failed: " + err.Error()
		}
	}
	return l
}

// take returns the lines since it was last called.
func (l *eventLog) take() []string {
	var lines []string
	for {
		select {
		case line := <-l.lines:
			lines = append(lines, line)
		default:
			return lines
		}
	}
}

func TestPeriodicRefresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeServers{tb: t}
		f.answer = f.knows(map[string]string{"t1": simpleRoute("a"), "t2": simpleRoute("a")})
		var log *eventLog
		table := newTable(t, f, func(c *routing.Config) { log = newEventLog(c) })
		for _, topic := range []string{"t1", "t2"} {
			_, err := table.Route(t.Context(), topic)
			require.NoError(t, err)
		}
		old, err := table.Route(t.Context(), "t1")
		require.NoError(t, err)
		synctest.Wait()
		require.ElementsMatch(t, []string{"t1 changed from nothing to 2 queues", "t2 changed from nothing to 2 queues"}, log.take())
		f.asked()

		settle(30 * time.Second)
		require.ElementsMatch(t, []string{"ns1:9876 t1", "ns1:9876 t2"}, f.asked())
		same, err := table.Route(t.Context(), "t1")
		require.NoError(t, err)
		require.Same(t, old, same)
		require.Empty(t, log.take(), "nothing changed")

		turn := old.Turn()
		f.become(f.knows(map[string]string{"t1": simpleRoute("a", "b"), "t2": simpleRoute("a")}))
		settle(30 * time.Second)
		changed, err := table.Route(t.Context(), "t1")
		require.NoError(t, err)
		require.Len(t, changed.WriteQueues(), 4)
		require.Equal(t, []string{"t1 changed from 2 to 4 queues"}, log.take())
		require.Len(t, old.WriteQueues(), 2, "a route does not change")
		require.Equal(t, turn+1, changed.Turn(), "a refresh does not disturb the round robin")
		f.asked()

		f.become(f.says(headers.SystemError, ""))
		settle(30 * time.Second)
		kept, err := table.Route(t.Context(), "t1")
		require.NoError(t, err)
		require.Same(t, changed, kept)
		lines := log.take()
		require.Len(t, lines, 2)
		for _, line := range lines {
			require.Regexp(t, `^t[12] failed: routing: topic "t[12]": no name server gave a usable answer: .*SYSTEM_ERROR`, line)
		}
	})
}

func TestPeriodicRefreshGoesOnBehindHangingNameServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeServers{tb: t}
		good := f.says(headers.Success, simpleRoute("a"))
		f.answer = good
		table := newTable(t, f, twoServers)
		const topics = 50
		for i := range topics {
			_, err := table.Route(t.Context(), fmt.Sprint("t", i))
			require.NoError(t, err)
		}
		hanging, _, _ := cut(f.asked()[0])
		f.become(func(ctx context.Context, addr, topic string) (headers.Command, error) {
			if addr == hanging {
				return hang(ctx, addr, topic)
			}
			return good(ctx, addr, topic)
		})
		settle(31 * time.Second)
		require.Len(t, f.asked(), topics+1, "one second was lost, not one for each topic")
	})
}

func cut(call string) (addr, topic string, ok bool) {
	n, err := fmt.Sscan(call, &addr, &topic)
	return addr, topic, n == 2 && err == nil
}

func TestTopicGoneFromNameServerKeepsItsRoute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeServers{tb: t}
		all := map[string]string{"t": simpleRoute("a"), "TBW102": routeBody(brokerSpec{"b", `"0":"b:1"`, 8, 7}), clusterInfo: someBroker}
		f.answer = f.knows(all)
		var log *eventLog
		table := newTable(t, f, func(c *routing.Config) { log = newEventLog(c) })
		known, err := table.Route(t.Context(), "t")
		require.NoError(t, err)
		synctest.Wait()
		log.take()
		f.asked()

		gone := map[string]string{"TBW102": all["TBW102"], clusterInfo: someBroker}
		f.become(f.knows(gone))
		for range 3 {
			settle(30 * time.Second)
			stale, err := table.Route(t.Context(), "t")
			require.NoError(t, err)
			require.Same(t, known, stale)
			require.Equal(t, []string{"ns1:9876 t"}, f.asked(), "it goes on asking, for this topic only")
			require.Equal(t, []string{`t failed: routing: topic "t" is gone from the name servers, its last known route is kept: answered TOPIC_NOT_EXIST (17): no, says the fake`}, log.take())
		}

		f.become(f.knows(all))
		settle(30 * time.Second)
		back, err := table.Route(t.Context(), "t")
		require.NoError(t, err)
		require.Same(t, known, back)
		require.Empty(t, log.take())
	})
}

func TestNoQueueDropsTheRoute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeServers{tb: t}
		f.answer = f.knows(map[string]string{"t": simpleRoute("a")})
		var log *eventLog
		table := newTable(t, f, func(c *routing.Config) { log = newEventLog(c) })
		_, err := table.Route(t.Context(), "t")
		require.NoError(t, err)
		synctest.Wait()
		log.take()

		f.become(f.knows(map[string]string{"t": routeBody(brokerSpec{"a", `"0":"a:10911"`, 2, 4})}))
		table.Refresh("t")
		settle(time.Second)
		require.Equal(t, []string{`t failed: routing: topic "t" has no queue to publish to: no broker grants the write permission`}, log.take())
		_, err = table.Route(t.Context(), "t")
		require.Equal(t, &routing.NoQueueError{Topic: "t", Reason: routing.NoWritePermission}, err)
		require.Empty(t, table.Brokers())

		f.become(f.knows(map[string]string{"t": simpleRoute("a")}))
		_, err = table.Route(t.Context(), "t")
		require.NoError(t, err)
		synctest.Wait()
		require.Equal(t, []string{"t changed from nothing to 2 queues"}, log.take())
	})
}

// What no sound name server says does not put an end to a route that was good. It is
// told of each time, and counts as a failure of the name server.
func TestUnfitRouteIsNotBelieved(t *testing.T) {
	borrowed := routeBody(brokerSpec{"a", `"0":"a:1"`, 8, 7})
	for name, answer := range map[string]string{
		"nothing":             `{"queueDatas":[],"brokerDatas":[]}`,
		"no queues":           `{"queueDatas":[],"brokerDatas":[{"brokerName":"a","brokerAddrs":{"0":"a:10911"}}]}`,
		"no brokers":          `{"queueDatas":[{"brokerName":"a","writeQueueNums":2,"perm":6}],"brokerDatas":[]}`,
		"order, no brokers":   `{"orderTopicConf":"a:2","queueDatas":[],"brokerDatas":[]}`,
		"strangers, nowhere":  routeBody(brokerSpec{"b", `"0":"nowhere"`, 2, 7}, brokerSpec{"c", `"0":""`, 2, 7}),
		"strangers, no queue": `{"queueDatas":[],"brokerDatas":[{"brokerName":"b","brokerAddrs":{"0":"b:1"}}]}`,
	} {
		for _, topic := range []string{"own", "of the default topic"} {
			t.Run(name+", "+topic, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					f := &fakeServers{tb: t}
					f.answer = f.knows(map[string]string{"own": simpleRoute("a"), "TBW102": borrowed})
					var log *eventLog
					var failed []error
					table := newTable(t, f, func(c *routing.Config) {
						log = newEventLog(c)
						c.Events.NameServerFailed = func(_ string, err error) { failed = append(failed, err) }
					})
					known, err := table.Route(t.Context(), topic)
					require.NoError(t, err)
					synctest.Wait()
					log.take()

					f.become(f.knows(map[string]string{"own": answer, "TBW102": answer}))
					for n := range 3 {
						settle(30 * time.Second)
						r, err := table.Route(t.Context(), topic)
						require.NoError(t, err)
						require.Same(t, known, r)
						require.Len(t, failed, n+1)
						require.ErrorIs(t, failed[n], routing.ErrUnfitRoute)
						require.Len(t, log.take(), 1)
					}
					_, err = table.Reload(t.Context(), topic)
					require.ErrorIs(t, err, routing.ErrUnfitRoute)

					// Bad news that a sound name server gives is believed.
					readOnly := routeBody(brokerSpec{"a", `"0":"a:10911"`, 2, 4})
					f.become(f.knows(map[string]string{"own": readOnly, "TBW102": readOnly}))
					settle(30 * time.Second)
					_, err = table.Route(t.Context(), topic)
					var none *routing.NoQueueError
					require.ErrorAs(t, err, &none)
					require.Equal(t, routing.NoWritePermission, none.Reason)
				})
			})
		}
	}
}

// Another name server may know better than one that says such a thing.
func TestUnfitRouteLetsTheNextNameServerBeAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeServers{tb: t}
		good := f.says(headers.Success, simpleRoute("a"))
		f.answer = good
		table := newTable(t, f, twoServers)
		_, err := table.Route(t.Context(), "t")
		require.NoError(t, err)
		unfit := f.says(headers.Success, `{"queueDatas":[],"brokerDatas":[]}`)
		for _, sound := range []string{"ns1:9876", "ns2:9876"} {
			f.become(onlyGood(sound, f.says(headers.Success, simpleRoute("a", "b")), unfit))
			r, err := table.Reload(t.Context(), "t")
			require.NoError(t, err)
			require.Len(t, r.WriteQueues(), 4)
			f.become(onlyGood(sound, good, unfit))
			r, err = table.Reload(t.Context(), "t")
			require.NoError(t, err)
			require.Len(t, r.WriteQueues(), 2)
		}
	})
}

// A broker that is registered under an address that nobody can dial keeps the one it
// had, and is told of. What else the answer has counts.
func TestBadAddressDoesNotReplaceAGoodOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeServers{tb: t}
		f.answer = f.says(headers.Success, simpleRoute("a", "b"))
		var log *eventLog
		table := newTable(t, f, func(c *routing.Config) { log = newEventLog(c) })
		_, err := table.Route(t.Context(), "t")
		require.NoError(t, err)
		synctest.Wait()
		log.take()

		f.become(f.says(headers.Success, routeBody(brokerSpec{"a", `"0":"nowhere"`, 3, 6}, brokerSpec{"b", `"0":""`, 2, 6}, brokerSpec{"c", `"0":"c"`, 2, 6})))
		for range 2 {
			r, err := table.Reload(t.Context(), "t")
			require.NoError(t, err)
			require.Equal(t, []string{"a:0", "a:1", "a:2", "b:0", "b:1"}, queueNames(r))
			require.Equal(t, []routing.Broker{{Name: "a", Addr: "a:10911"}, {Name: "b", Addr: "b:10911"}}, r.Brokers())
			require.Len(t, r.Unusable(), 3)
			require.Equal(t, "nowhere", r.Unusable()[0].Addr)
		}
		synctest.Wait()
		require.Equal(t, []string{"t changed from 4 to 5 queues"}, log.take(), "once")

		f.become(f.says(headers.Success, routeBody(brokerSpec{"a", `"0":"elsewhere:1"`, 3, 6}, brokerSpec{"b", `"1":"b:2"`, 2, 6})))
		r, err := table.Reload(t.Context(), "t")
		require.NoError(t, err)
		require.Equal(t, []routing.Broker{{Name: "a", Addr: "elsewhere:1"}}, r.Brokers(), "without a master there is no old address")
		require.Empty(t, r.Unusable())
	})
}

// A name server of bad addresses that nothing better is known of is obeyed: the error
// tells which they are.
func TestBadAddressesOfANewTopic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeServers{tb: t}
		f.answer = f.says(headers.Success, routeBody(brokerSpec{"a", `"0":"nowhere"`, 3, 6}))
		_, err := newTable(t, f, nil).Route(t.Context(), "t")
		var none *routing.NoQueueError
		require.ErrorAs(t, err, &none)
		require.Equal(t, routing.BadMasterAddress, none.Reason)
		require.Equal(t, "nowhere", none.Unusable[0].Addr)
	})
}

// RefreshOlder asks no sooner than its time after the last lookup, however often it is
// called, and not beside a Refresh that is about to be.
func TestRefreshOlder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeServers{tb: t}
		f.answer = f.says(headers.Success, simpleRoute("a"))
		table := newTable(t, f, nil)
		_, err := table.Route(t.Context(), "t")
		require.NoError(t, err)
		f.asked()
		start := time.Now()
		for time.Since(start) < 10*time.Second-time.Millisecond {
			table.RefreshOlder("t", time.Second)
			advance(time.Millisecond)
		}
		settle(500 * time.Millisecond)
		require.Len(t, f.asked(), 9)
		table.Refresh("t")
		table.RefreshOlder("t", time.Millisecond)
		settle(500 * time.Millisecond)
		require.Len(t, f.asked(), 1)
		table.RefreshOlder("new", time.Hour)
		synctest.Wait()
		require.Len(t, f.asked(), 1, "nothing is known of it")
	})
}

func TestDefaultTopicRouteGivesWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeServers{tb: t}
		all := map[string]string{"TBW102": routeBody(brokerSpec{"a", `"0":"a:1"`, 8, 7}, brokerSpec{"b", `"0":"b:1"`, 8, 7})}
		f.answer = f.knows(all)
		var log *eventLog
		table := newTable(t, f, func(c *routing.Config) { log = newEventLog(c) })
		r, err := table.Route(t.Context(), "new")
		require.NoError(t, err)
		require.True(t, r.FromDefaultTopic())
		f.asked()

		settle(30 * time.Second)
		require.Equal(t, []string{"ns1:9876 new", "ns1:9876 TBW102"}, f.asked(), "the own route is asked for at each refresh")
		f.become(f.says(headers.SystemError, ""))
		settle(30 * time.Second)
		r, err = table.Route(t.Context(), "new")
		require.NoError(t, err, "a failure keeps the borrowed route")
		require.True(t, r.FromDefaultTopic())
		log.take()

		// The first message made broker a create the topic.
		f.become(f.knows(map[string]string{"new": routeBody(brokerSpec{"a", `"0":"a:1"`, 4, 6}), "TBW102": all["TBW102"]}))
		table.Refresh("new")
		settle(time.Second)
		r, err = table.Route(t.Context(), "new")
		require.NoError(t, err)
		require.False(t, r.FromDefaultTopic())
		require.Equal(t, []string{"new changed from 8 to 4 queues"}, log.take())
	})
}

func TestRefreshCoalesces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeServers{tb: t}
		body := response(t, headers.Success, simpleRoute("a"))
		f.answer = func(context.Context, string, string) (headers.Command, error) {
			advance(300 * time.Millisecond)
			return body, nil
		}
		table := newTable(t, f, nil)
		_, err := table.Route(t.Context(), "t")
		require.NoError(t, err)
		require.Len(t, f.asked(), 1)

		storm := func() {
			start := time.Now()
			for range 1000 {
				table.Refresh("t")
			}
			require.Zero(t, time.Since(start), "Refresh does not block")
		}
		storm()
		synctest.Wait()
		require.Len(t, f.asked(), 1, "it starts at once")
		storm() // these must not be content with the lookup under way
		settle(10 * time.Second)
		require.Len(t, f.asked(), 1, "one more lookup covers them all")
	})
}

func TestRefreshIsSpaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeServers{tb: t}
		f.answer = f.says(headers.Success, simpleRoute("a"))
		table := newTable(t, f, nil)
		_, err := table.Route(t.Context(), "t")
		require.NoError(t, err)
		start := time.Now()
		for time.Since(start) < time.Second { // a send fails every millisecond
			table.Refresh("t")
			advance(time.Millisecond)
		}
		settle(time.Second)
		f.mu.Lock()
		times := slices.Clone(f.times)
		f.mu.Unlock()
		require.InDelta(t, 11, len(times), 1)
		for i := 1; i < len(times); i++ {
			require.GreaterOrEqual(t, times[i].Sub(times[i-1]), 100*time.Millisecond)
		}
	})
}

// TestMissJoinsPendingRefresh: callers that find no route wait for the
// lookup that a Refresh has asked for, instead of adding one.
func TestMissJoinsPendingRefresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeServers{tb: t}
		f.answer = f.says(headers.Success, simpleRoute("a"))
		table := newTable(t, f, nil)
		table.Refresh("t")
		_, err := table.Route(t.Context(), "t")
		require.NoError(t, err)
		settle(time.Second)
		require.Equal(t, []string{"ns1:9876 t"}, f.asked())
	})
}

func TestRefreshByAddr(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeServers{tb: t}
		all := map[string]string{"t1": simpleRoute("a"), "t2": simpleRoute("b"), "t3": simpleRoute("a", "b"), "t4": simpleRoute("c")}
		f.answer = f.knows(all)
		table := newTable(t, f, nil)
		for topic := range all {
			_, err := table.Route(t.Context(), topic)
			require.NoError(t, err)
		}
		settle(time.Second)
		f.asked()
		for range 100 {
			table.RefreshByAddr("a:10911")
		}
		table.RefreshByAddr("nobody:10911")
		synctest.Wait()
		require.ElementsMatch(t, []string{"ns1:9876 t1", "ns1:9876 t3"}, f.asked())

		settle(time.Second)
		table.RefreshByAddr("a:10911")
		table.RefreshByAddr("b:10911")
		settle(time.Second)
		asked := f.asked()
		slices.Sort(asked)
		require.Equal(t, []string{"ns1:9876 t1", "ns1:9876 t2", "ns1:9876 t3"}, slices.Compact(asked))
	})
}

// Connections that are lost all the time have topics looked up once a second.
func TestRefreshByAddrIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeServers{tb: t}
		all := make(map[string]string)
		for i := range 20 {
			all[fmt.Sprint("t", i)] = simpleRoute("a")
		}
		f.answer = f.knows(all)
		table := newTable(t, f, nil)
		for topic := range all {
			_, err := table.Route(t.Context(), topic)
			require.NoError(t, err)
		}
		settle(2 * time.Second)
		f.asked()
		for range 200 {
			table.RefreshByAddr("a:10911")
			time.Sleep(50 * time.Millisecond)
		}
		require.InDelta(t, 20*10, len(f.asked()), 20)
	})
}

func TestUnusedTopicsAreDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeServers{tb: t}
		f.answer = f.knows(map[string]string{"used": simpleRoute("a"), "idle": simpleRoute("b")})
		table := newTable(t, f, nil)
		for _, topic := range []string{"idle", "used"} {
			_, err := table.Route(t.Context(), topic)
			require.NoError(t, err)
		}
		_, err := table.Route(t.Context(), "unknown")
		require.Error(t, err)
		f.asked()
		for range 20 { // 9 minutes and 50 seconds
			advance(29500 * time.Millisecond)
			_, err := table.Route(t.Context(), "used")
			require.NoError(t, err)
		}
		require.Len(t, table.Brokers(), 2)
		asked := f.asked()
		require.Contains(t, asked, "ns1:9876 idle")
		require.NotContains(t, asked, "ns1:9876 unknown", "a topic without a route is not refreshed")

		settle(time.Minute)
		require.Equal(t, []routing.Broker{{Name: "a", Addr: "a:10911"}}, table.Brokers())
		f.asked()
		settle(time.Minute)
		require.NotContains(t, f.asked(), "ns1:9876 idle")

		_, err = table.Route(t.Context(), "idle")
		require.NoError(t, err, "it comes back when asked for")
	})
}

// TestCloseStopsThePass closes a Table whose refresher waits for the first of
// many topics.
func TestCloseStopsThePass(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeServers{tb: t}
		f.answer = f.says(headers.Success, simpleRoute("a"))
		table := newTable(t, f, nil)
		for i := range 10 {
			_, err := table.Route(t.Context(), fmt.Sprint("t", i))
			require.NoError(t, err)
		}
		f.become(hang)
		settle(30*time.Second + 500*time.Millisecond)
		f.asked()
		start := time.Now()
		require.NoError(t, table.Close())
		require.Zero(t, time.Since(start))
		settle(time.Minute)
		require.Empty(t, f.asked())
	})
}
