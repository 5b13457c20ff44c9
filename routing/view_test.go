package routing_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
)

// viewLog notes the events of both views as text.
func viewLog(c *routing.Config) (take func() []string) {
	lines := make(chan string, 1000)
	queues := func(r *routing.Route) string {
		if r == nil {
			return "nothing"
		}
		return fmt.Sprintf("%d/%d", len(r.WriteQueues()), len(r.ReadQueues()))
	}
	c.Events.RouteChanged = func(_ string, v routing.View, before, after *routing.Route) {
		lines <- fmt.Sprintf("%v: %s to %s", v, queues(before), queues(after))
	}
	c.Events.RefreshFailed = func(_ string, v routing.View, err error) { lines <- fmt.Sprintf("%v: %v", v, err) }
	return func() []string {
		var all []string
		for len(lines) > 0 {
			all = append(all, <-lines)
		}
		return all
	}
}

// A topic that is read-only keeps its route to read by. Writers have it looked up again
// each time, and get it back as soon as they may.
func TestReadOnlyTopicKeepsItsRoute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := map[string]string{"a": `"0":"a:1"`}
		f := &fakeServers{tb: t}
		f.answer = f.says(headers.Success, routeOf(a, both{"a", 2, 2, 6}))
		var take func() []string
		table := newTable(t, f, func(c *routing.Config) { take = viewLog(c) })
		write, err := table.Route(t.Context(), "t")
		require.NoError(t, err)
		read, err := table.ReadRoute(t.Context(), "t")
		require.NoError(t, err)
		require.Same(t, write, read)
		require.Len(t, f.asked(), 1, "one lookup serves both")
		synctest.Wait()
		require.Equal(t, []string{"writing: nothing to 2/2", "reading: nothing to 2/2"}, take())

		f.become(f.says(headers.Success, routeOf(a, both{"a", 2, 2, 4})))
		settle(30 * time.Second)
		require.Equal(t, []string{`writing: routing: topic "t" has no queue to publish to: no broker grants the write permission`}, take(), "readers see no change")
		f.asked()
		for range 3 {
			read, err = table.ReadRoute(t.Context(), "t")
			require.NoError(t, err)
			require.Equal(t, "a:0 a:1", names(read.ReadQueues()))
			require.Empty(t, f.asked())
			_, err = table.Route(t.Context(), "t")
			require.Equal(t, &routing.NoQueueError{Topic: "t", Reason: routing.NoWritePermission}, err)
			require.Len(t, f.asked(), 1)
		}
		settle(time.Minute)
		require.Len(t, f.asked(), 2, "it is refreshed")
		require.Empty(t, take())

		f.become(f.says(headers.Success, routeOf(a, both{"a", 2, 0, 6})))
		settle(30 * time.Second)
		require.Empty(t, take(), "still closed to writers, and the same to readers")
		_, err = table.Route(t.Context(), "t")
		require.Equal(t, &routing.NoQueueError{Topic: "t", Reason: routing.NoWriteQueues}, err)

		f.become(f.says(headers.Success, routeOf(a, both{"a", 2, 1, 6})))
		write, err = table.Route(t.Context(), "t")
		require.NoError(t, err)
		require.Equal(t, "a:0", names(write.WriteQueues()))
		synctest.Wait()
		require.Equal(t, []string{"writing: nothing to 1/2"}, take())
	})
}

// The first word about a topic may be that it can only be read, or only be written.
func TestViewsOfANewTopic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := map[string]string{"a": `"0":"a:1"`}
		f := &fakeServers{tb: t}
		f.answer = f.knows(map[string]string{"read": routeOf(a, both{"a", 2, 2, 4}), "write": routeOf(a, both{"a", 2, 2, 2})})
		var take func() []string
		table := newTable(t, f, func(c *routing.Config) { take = viewLog(c) })
		_, err := table.Route(t.Context(), "read")
		require.ErrorContains(t, err, "no broker grants the write permission")
		f.asked()
		r, err := table.ReadRoute(t.Context(), "read")
		require.NoError(t, err)
		require.Len(t, r.ReadQueues(), 2)
		require.Empty(t, f.asked(), "the writer's lookup has brought it")
		synctest.Wait()
		require.Equal(t, []string{"reading: nothing to 0/2"}, take())

		_, err = table.ReadRoute(t.Context(), "write")
		require.Equal(t, &routing.NoQueueError{Topic: "write", View: routing.Reading, Reason: routing.NoReadPermission}, err)
		_, err = table.Route(t.Context(), "write")
		require.NoError(t, err)
		synctest.Wait()
		require.Equal(t, []string{"writing: nothing to 2/0"}, take())
	})
}

// Each view hears of its own changes, and both see the latest route.
func TestChangesOfOneView(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		addrs := map[string]string{"a": `"0":"a:1","1":"a:2"`}
		f := &fakeServers{tb: t}
		f.answer = f.says(headers.Success, routeOf(addrs, both{"a", 2, 2, 6}))
		var take func() []string
		table := newTable(t, f, func(c *routing.Config) { take = viewLog(c) })
		_, err := table.Route(t.Context(), "t")
		require.NoError(t, err)
		for _, step := range []struct {
			name, body string
			want       []string
		}{
			{"first", "", []string{"writing: nothing to 2/2", "reading: nothing to 2/2"}},
			{"the same", routeOf(addrs, both{"a", 2, 2, 6}), nil},
			{"more to read", routeOf(addrs, both{"a", 3, 2, 6}), []string{"reading: 2/2 to 2/3"}},
			{"more to write", routeOf(addrs, both{"a", 3, 3, 6}), []string{"writing: 2/3 to 3/3"}},
			{"a slave moves", routeOf(map[string]string{"a": `"0":"a:1","1":"a:3"`}, both{"a", 3, 3, 6}), []string{"reading: 3/3 to 3/3"}},
			{"a slave leaves", routeOf(map[string]string{"a": `"0":"a:1"`}, both{"a", 3, 3, 6}), []string{"reading: 3/3 to 3/3"}},
			{"the master moves", routeOf(map[string]string{"a": `"0":"a:9"`}, both{"a", 3, 3, 6}), []string{"writing: 3/3 to 3/3", "reading: 3/3 to 3/3"}},
			{"the inherit permission", routeOf(map[string]string{"a": `"0":"a:9"`}, both{"a", 3, 3, 7}), nil},
			{"an order configuration", withMember(routeOf(map[string]string{"a": `"0":"a:9"`}, both{"a", 3, 3, 7}), `"orderTopicConf":"a:1"`), []string{"writing: 3/3 to 1/3"}},
			{
				"no permission to read", withMember(routeOf(map[string]string{"a": `"0":"a:9"`}, both{"a", 3, 3, 2}), `"orderTopicConf":"a:1"`),
				[]string{`reading: routing: topic "t" has no queue to read: no broker grants the read permission`},
			},
			{"and again", withMember(routeOf(map[string]string{"a": `"0":"a:9"`}, both{"a", 3, 3, 6}), `"orderTopicConf":"a:1"`), []string{"reading: nothing to 1/3"}},
		} {
			if step.body != "" {
				f.become(f.says(headers.Success, step.body))
				_, err = table.Reload(t.Context(), "t")
				require.NoError(t, err, step.name)
			}
			synctest.Wait()
			require.Equal(t, step.want, take(), step.name)
		}
		write, err := table.Route(t.Context(), "t")
		require.NoError(t, err)
		read, err := table.ReadRoute(t.Context(), "t")
		require.NoError(t, err)
		require.Same(t, write, read)
		require.Equal(t, int32(6), read.Info().Queues[0].Perm)
	})
}

// What is borrowed from the default topic is not to be read.
func TestBorrowedRouteIsNotToBeRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeServers{tb: t}
		all := map[string]string{"TBW102": routeBody(brokerSpec{"a", `"0":"a:1"`, 8, 7}), clusterInfo: someBroker}
		f.answer = f.knows(all)
		var take func() []string
		table := newTable(t, f, func(c *routing.Config) { take = viewLog(c) })
		r, err := table.Route(t.Context(), "new")
		require.NoError(t, err)
		require.Empty(t, r.ReadQueues())
		_, err = table.ReadRoute(t.Context(), "new")
		require.Equal(t, &routing.NoQueueError{Topic: "new", View: routing.Reading, Reason: routing.NoOwnRoute}, err)
		require.Equal(t, err, r.Err(routing.Reading))
		require.EqualError(t, err, `routing: topic "new" has no queue to read: the topic has no route of its own`)
		synctest.Wait()
		require.Equal(t, []string{"writing: nothing to 4/0"}, take())

		// The first message makes a topic of it.
		f.become(f.knows(map[string]string{"new": simpleRoute("a")}))
		table.Refresh("new")
		settle(time.Second)
		require.Equal(t, []string{"writing: 4/0 to 2/2", "reading: nothing to 2/2"}, take())

		// Where brokers create no topics, that is the reason.
		f.become(f.knows(map[string]string{clusterInfo: someBroker}))
		var noRoute *routing.NoRouteError
		_, err = table.ReadRoute(t.Context(), "unknown")
		require.ErrorAs(t, err, &noRoute)
		f.become(f.knows(map[string]string{clusterInfo: noBroker}))
		var noBrokers *routing.NoBrokersError
		_, err = table.ReadRoute(t.Context(), "unknown")
		require.ErrorAs(t, err, &noBrokers)
		f.become(f.knows(map[string]string{"TBW102": routeBody(brokerSpec{"a", `"0":"a:1"`, 8, 6})}))
		_, err = table.ReadRoute(t.Context(), "unknown")
		require.Equal(t, &routing.NoQueueError{Topic: "unknown", View: routing.Reading, Reason: routing.NoOwnRoute}, err)
	})
}

// A topic that is gone keeps the routes that it had, in each view that had one.
func TestGoneTopicKeepsItsViews(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := map[string]string{"a": `"0":"a:1"`}
		f := &fakeServers{tb: t}
		f.answer = f.knows(map[string]string{"t": routeOf(a, both{"a", 2, 2, 4}), "w": routeOf(a, both{"a", 2, 2, 2})})
		var take func() []string
		table := newTable(t, f, func(c *routing.Config) { take = viewLog(c) })
		known, err := table.ReadRoute(t.Context(), "t")
		require.NoError(t, err)
		_, err = table.Route(t.Context(), "w")
		require.NoError(t, err)
		synctest.Wait()
		take()

		f.become(f.knows(map[string]string{clusterInfo: someBroker}))
		settle(30 * time.Second)
		require.ElementsMatch(t, []string{
			`reading: routing: topic "t" is gone from the name servers, its last known route is kept: answered TOPIC_NOT_EXIST (17): no, says the fake`,
			`writing: routing: topic "w" is gone from the name servers, its last known route is kept: answered TOPIC_NOT_EXIST (17): no, says the fake`,
		}, take())
		r, err := table.ReadRoute(t.Context(), "t")
		require.NoError(t, err)
		require.Same(t, known, r)
		_, err = table.Route(t.Context(), "t")
		var noRoute *routing.NoRouteError
		require.ErrorAs(t, err, &noRoute, "nobody could write to it before, either")
		_, err = table.ReadRoute(t.Context(), "w")
		require.Equal(t, &routing.NoQueueError{Topic: "w", View: routing.Reading, Reason: routing.NoOwnRoute}, err)
		_, err = table.Replica(t.Context(), "t", "b", 0, false)
		var notFound *routing.BrokerNotFoundError
		require.ErrorAs(t, err, &notFound, "the last known route counts")
	})
}

// An answer that no sound name server gives is judged for each view: what was readable
// stays so, and what could not be written takes the answer as it is.
func TestUnfitRouteIsJudgedForEachView(t *testing.T) {
	const empty = `{"queueDatas":[],"brokerDatas":[]}`
	readable := routeOf(map[string]string{"a": `"0":"a:1"`}, both{"a", 2, 2, 4})
	t.Run("read-only before", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			f := &fakeServers{tb: t}
			f.answer = f.says(headers.Success, readable)
			var take func() []string
			table := newTable(t, f, func(c *routing.Config) { take = viewLog(c) })
			known, err := table.ReadRoute(t.Context(), "t")
			require.NoError(t, err)
			synctest.Wait()
			take()
			for _, body := range []string{empty, routeOf(map[string]string{"x": `"1":"nowhere"`}, both{"x", 2, 2, 4})} {
				f.become(f.says(headers.Success, body))
				settle(30 * time.Second)
				lines := take()
				require.Len(t, lines, 1)
				require.Contains(t, lines[0], "reading: no route to be used, in place of one that is known: ")
				r, err := table.ReadRoute(t.Context(), "t")
				require.NoError(t, err)
				require.Same(t, known, r)
			}
			f.become(f.says(headers.Success, empty))
			_, err = table.Route(t.Context(), "t")
			require.Equal(t, &routing.NoQueueError{Topic: "t", Reason: routing.NoQueuesListed}, err)
			_, err = table.Replica(t.Context(), "t", "b", 0, false)
			require.ErrorIs(t, err, routing.ErrUnfitRoute)
		})
	})
	t.Run("slaves of strangers", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			f := &fakeServers{tb: t}
			f.answer = f.says(headers.Success, simpleRoute("a"))
			table := newTable(t, f, nil)
			known, err := table.Route(t.Context(), "t")
			require.NoError(t, err)
			f.become(f.says(headers.Success, routeOf(map[string]string{"x": `"0":"nowhere","1":"x:2"`}, both{"x", 3, 3, 6})))
			settle(30 * time.Second)
			write, err := table.Route(t.Context(), "t")
			require.NoError(t, err)
			require.Same(t, known, write, "nobody could write by the new one")
			read, err := table.ReadRoute(t.Context(), "t")
			require.NoError(t, err)
			require.Equal(t, "x:0 x:1 x:2", names(read.ReadQueues()))
		})
	})
}

// Name servers are asked until one knows queues to write. Who reads takes the first
// answer that has some for it, or that of the writer.
func TestReadersTakeTheWritersAnswer(t *testing.T) {
	a := map[string]string{"a": `"0":"a:1"`}
	readOnly := routeOf(a, both{"a", 2, 2, 4})
	for name, tc := range map[string]struct {
		one, two string
		write    int
		read     int
	}{
		"the other may be written":  {readOnly, routeOf(a, both{"a", 3, 3, 6}), 3, 3},
		"the other is not known":    {readOnly, "", 0, 2},
		"neither may be written":    {readOnly, routeOf(a, both{"a", 2, 2, 4}), 0, 2},
		"only one may be read":      {routeOf(a, both{"a", 2, 0, 2}), readOnly, 0, 2},
		"the other is for writing":  {readOnly, routeOf(a, both{"a", 3, 3, 2}), 3, 2},
		"the other is a static one": {readOnly, withMember(readOnly, `"topicQueueMappingByBroker":{"a":{}}`), 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := &fakeServers{tb: t}
				table := newTable(t, f, twoServers)
				var first string
				f.answer = func(_ context.Context, addr, topic string) (headers.Command, error) {
					body := tc.two
					if first == "" {
						first = addr
					}
					if addr == first {
						body = tc.one
					}
					if body == "" {
						return response(t, headers.TopicNotExist, ""), nil
					}
					return response(t, headers.Success, body), nil
				}
				r, err := table.Route(t.Context(), "t")
				require.Equal(t, tc.write != 0, err == nil, err)
				if err == nil {
					require.Len(t, r.WriteQueues(), tc.write)
				}
				r, err = table.ReadRoute(t.Context(), "t")
				require.Equal(t, tc.read != 0, err == nil, err)
				if err == nil {
					require.Len(t, r.ReadQueues(), tc.read)
				}
			})
		})
	}
}

// Who waits to read is told why the lookup before failed in its view.
func TestWaitErrorOfTheReadView(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeServers{tb: t}
		f.answer = f.says(headers.Success, routeOf(map[string]string{"a": `"0":"a:1"`}, both{"a", 2, 2, 2}))
		table := newTable(t, f, nil)
		_, err := table.ReadRoute(t.Context(), "t")
		require.Error(t, err)
		f.become(hang)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err = table.ReadRoute(ctx, "t")
		var wait *routing.WaitError
		require.ErrorAs(t, err, &wait)
		var none *routing.NoQueueError
		require.ErrorAs(t, wait.Before, &none)
		require.Equal(t, routing.Reading, none.View)
	})
}

func TestSelectorsOfAReadOnlyRoute(t *testing.T) {
	r := parsed(t, "t", routeOf(map[string]string{"a": `"0":"a:1"`}, both{"a", 2, 2, 4}))
	for _, s := range []routing.Selector{routing.RoundRobin{}, routing.Random{}} {
		require.Zero(t, s.Select(r, nil))
		require.Zero(t, s.Select(r, []string{"a"}))
	}
}

// A broker that was known to readers only keeps its address as well, when it is
// registered under one that nobody can dial.
func TestBadAddressOfABrokerThatReadersKnow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeServers{tb: t}
		f.answer = f.says(headers.Success, routeOf(map[string]string{"a": `"0":"a:1"`}, both{"a", 2, 2, 4}))
		table := newTable(t, f, nil)
		_, err := table.ReadRoute(t.Context(), "t")
		require.NoError(t, err)
		f.become(f.says(headers.Success, routeOf(map[string]string{"a": `"0":"nowhere"`}, both{"a", 2, 2, 6})))
		r, err := table.Route(t.Context(), "t")
		require.NoError(t, err)
		require.Equal(t, []routing.Broker{{Name: "a", Addr: "a:1"}}, r.Brokers())
		require.Len(t, r.Unusable(), 1)
	})
}
