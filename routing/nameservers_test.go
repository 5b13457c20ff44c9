package routing_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
)

var twoServers = func(c *routing.Config) { c.NameServers = []string{"ns1:9876", "ns2:9876"} }

// onlyGood is a set of name servers of which one gives good answers and the
// others give bad.
func onlyGood(good string, answer, bad func(context.Context, string, string) (headers.Command, error)) func(context.Context, string, string) (headers.Command, error) {
	return func(ctx context.Context, addr, topic string) (headers.Command, error) {
		if addr == good {
			return answer(ctx, addr, topic)
		}
		return bad(ctx, addr, topic)
	}
}

func TestFailover(t *testing.T) {
	f := &fakeServers{tb: t}
	for name, bad := range map[string]func(context.Context, string, string) (headers.Command, error){
		"dial fails": func(context.Context, string, string) (headers.Command, error) {
			return headers.Command{}, errors.New("refused")
		},
		"no answer":       hang,
		"garbage":         f.says(headers.Success, "<html>"),
		"huge route":      f.says(headers.Success, routeBody(brokerSpec{"a", `"0":"a:1"`, 1 << 30, 6})),
		"unexpected code": f.says(headers.SystemError, ""),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := &fakeServers{tb: t}
				good := f.says(headers.Success, simpleRoute("a"))
				var failed []string
				table := newTable(t, f, func(c *routing.Config) {
					twoServers(c)
					c.Events.NameServerFailed = func(addr string, err error) { failed = append(failed, addr) }
				})
				f.become(bad)
				_, err := table.Route(t.Context(), "t1")
				var all *routing.NameServersError
				require.ErrorAs(t, err, &all)
				require.Len(t, all.Servers, 2)
				require.Equal(t, "t1", all.Topic)
				for _, s := range all.Servers {
					require.ErrorContains(t, err, s.Addr+": "+s.Err.Error())
					require.ErrorIs(t, err, s.Err)
				}
				first := all.Servers[0].Addr // the shuffle put it there
				second := all.Servers[1].Addr
				require.Equal(t, []string{first, second}, failed)
				require.Equal(t, []string{first + " t1", second + " t1"}, f.asked())

				f.become(onlyGood(second, good, bad))
				_, err = table.Route(t.Context(), "t2")
				require.NoError(t, err)
				require.Equal(t, []string{first + " t2", second + " t2"}, f.asked())
				_, err = table.Route(t.Context(), "t3")
				require.NoError(t, err)
				require.Equal(t, []string{second + " t3"}, f.asked(), "the one that answered is asked first")

				f.become(onlyGood(first, good, bad))
				_, err = table.Route(t.Context(), "t4")
				require.NoError(t, err)
				require.Equal(t, []string{second + " t4", first + " t4"}, f.asked())
			})
		})
	}
}

func TestNameServerTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeServers{answer: hang}
		table := newTable(t, f, func(c *routing.Config) {
			twoServers(c)
			c.NameServerTimeout = 300 * time.Millisecond
		})
		start := time.Now()
		_, err := table.Route(t.Context(), "t")
		require.Equal(t, 600*time.Millisecond, time.Since(start))
		require.ErrorIs(t, err, routing.ErrNoAnswer)
		require.NotErrorIs(t, err, context.DeadlineExceeded, "which would look like the caller's own")
		require.ErrorContains(t, err, `routing: topic "t": no name server gave a usable answer: ns`)
		require.ErrorContains(t, err, ": no answer within 300ms: context deadline exceeded")
	})
}

func TestNameServersAreShuffled(t *testing.T) {
	first := make(map[string]bool)
	for range 200 { // to start with the same one each time has a chance of 2^-199
		f := &fakeServers{tb: t}
		f.answer = f.says(headers.Success, simpleRoute("a"))
		table := newTable(t, f, twoServers)
		_, err := table.Route(t.Context(), "t")
		require.NoError(t, err)
		first[f.asked()[0]] = true
		require.NoError(t, table.Close())
	}
	require.Len(t, first, 2)
}

func TestBadNewsIsConfirmed(t *testing.T) {
	f := &fakeServers{tb: t}
	c := golden(t, "58_err_route_17_resp.hex")
	require.ErrorIs(t, c.Err(), &headers.StatusError{Code: headers.TopicNotExist})
	for name, news := range map[string]func(context.Context, string, string) (headers.Command, error){
		"topic not known": func(context.Context, string, string) (headers.Command, error) { return c, nil },
		"no master yet":   f.says(headers.Success, routeBody(brokerSpec{"a", `"1":"a:1"`, 1, 6})),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := &fakeServers{tb: t}
				good := f.says(headers.Success, simpleRoute("a"))
				table := newTable(t, f, twoServers)
				for _, fresh := range []string{"ns1:9876", "ns2:9876"} { // one of them has just started
					f.become(func(ctx context.Context, addr, topic string) (headers.Command, error) {
						if addr == fresh {
							return news(ctx, addr, topic)
						}
						return good(ctx, addr, topic)
					})
					r, err := table.Route(t.Context(), "topic of "+fresh)
					require.NoError(t, err)
					require.False(t, r.FromDefaultTopic())
				}
			})
		})
	}
}

func TestBadNewsGoesBeforeFailures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeServers{tb: t}
		table := newTable(t, f, twoServers)
		knows := f.knows(map[string]string{"TBW102": routeBody(brokerSpec{"a", `"0":"a:1"`, 8, 7})})
		f.become(onlyGood("ns1:9876", knows, hang))
		start := time.Now()
		for _, topic := range []string{"t1", "t2", "t3", "t4"} {
			r, err := table.Route(t.Context(), topic)
			require.NoError(t, err)
			require.True(t, r.FromDefaultTopic())
			require.Equal(t, time.Second, time.Since(start), "the hanging name server is waited for once, not for every unknown topic")
		}
		asked := strings.Join(f.asked(), ",")
		require.Equal(t, 1, strings.Count(asked, "ns2"), asked)

		advance(31 * time.Second) // and once more when it may have come back
		f.asked()
		_, err := table.Route(t.Context(), "t5")
		require.NoError(t, err)
		require.Contains(t, f.asked(), "ns2:9876 t5")
	})
}

func TestNoQueueSaysMoreThanUnknown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeServers{tb: t}
		table := newTable(t, f, twoServers)
		readOnly := f.says(headers.Success, routeBody(brokerSpec{"a", `"0":"a:1"`, 1, 4}))
		for _, knows := range []string{"ns1:9876", "ns2:9876"} {
			f.become(onlyGood(knows, readOnly, f.knows(nil)))
			_, err := table.Route(t.Context(), knows)
			require.Equal(t, &routing.NoQueueError{Topic: knows, Reason: routing.NoWritePermission}, err)
		}
	})
}

func TestStaticTopicIsRefusedByName(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeServers{tb: t}
		table := newTable(t, f, twoServers)
		f.become(f.says(headers.Success, withMember(simpleRoute("a"), `"topicQueueMappingByBroker":{"a":{}}`)))
		_, err := table.Route(t.Context(), "logical")
		require.Equal(t, &routing.StaticTopicError{Topic: "logical"}, err)
		require.EqualError(t, err, `routing: topic "logical" is a static topic (logical queues), which are not supported`)
		require.Len(t, f.asked(), 1, "that is no matter of which name server is asked")
	})
}

func TestDefaultTopic(t *testing.T) {
	type specs = []brokerSpec
	for _, tc := range []struct {
		name   string
		change func(*routing.Config)
		body   string
		queues []string
		err    error
	}{
		{
			name:   "at most 4 queues per broker",
			body:   routeBody(specs{{"b", `"0":"b:1"`, 8, 7}, {"a", `"0":"a:1"`, 2, 7}}...),
			queues: []string{"a:0", "a:1", "b:0", "b:1", "b:2", "b:3"},
		},
		{
			name:   "or as many as wished for",
			change: func(c *routing.Config) { c.DefaultTopicQueues = 1 },
			body:   routeBody(specs{{"b", `"0":"b:1"`, 8, 7}, {"a", `"0":"a:1"`, 2, 7}}...),
			queues: []string{"a:0", "b:0"},
		},
		{
			name:   "brokers that would not create the topic are left out",
			body:   routeBody(specs{{"a", `"0":"a:1"`, 2, 6}, {"b", `"0":"b:1"`, 2, 5}, {"c", `"1":"c:1"`, 2, 7}, {"d", `"0":"d:1"`, 1, 7}}...),
			queues: []string{"d:0"},
		},
		{
			name: "no broker would create the topic",
			body: routeBody(specs{{"a", `"0":"a:1"`, 2, 6}}...),
			err:  &routing.NoQueueError{Topic: "TBW102", Reason: routing.NoInheritPermission},
		},
		{
			name: "static default topic",
			body: withMember(simpleRoute("a"), `"topicQueueMappingByBroker":{"a":{}}`),
			err:  &routing.StaticTopicError{Topic: "TBW102"},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := &fakeServers{tb: t}
				f.answer = f.knows(map[string]string{"TBW102": tc.body})
				table := newTable(t, f, tc.change)
				r, err := table.Route(t.Context(), "new")
				require.Equal(t, []string{"ns1:9876 new", "ns1:9876 TBW102"}, f.asked())
				if tc.err != nil {
					require.ErrorContains(t, err, tc.err.Error())
					require.Equal(t, tc.err, errors.Unwrap(err))
					require.ErrorContains(t, err, `routing: topic "new" has no route of its own`)
					return
				}
				require.NoError(t, err)
				require.True(t, r.FromDefaultTopic())
				require.Equal(t, "new", r.Topic())
				require.Equal(t, tc.queues, queueNames(r))
				for _, q := range r.WriteQueues() {
					require.Equal(t, "new", q.Topic)
				}
			})
		})
	}
}

func TestUnknownTopicIsExplained(t *testing.T) {
	noRoute := func(topic string) error {
		return &routing.NoRouteError{Topic: topic, DefaultTopic: "TBW102", NameServers: []string{"ns1:9876"}}
	}
	for _, tc := range []struct {
		name  string
		topic string
		info  func(f *fakeServers) (headers.Command, error)
		err   error
		asked string
	}{
		{
			name: "brokers are there", topic: "t", err: noRoute("t"), asked: "t TBW102 " + clusterInfo,
			info: func(f *fakeServers) (headers.Command, error) { return response(f.tb, headers.Success, someBroker), nil },
		},
		{
			name: "no broker is there", topic: "t", err: &routing.NoBrokersError{Topic: "t", NameServers: []string{"ns1:9876"}}, asked: "t TBW102 " + clusterInfo,
			info: func(f *fakeServers) (headers.Command, error) { return response(f.tb, headers.Success, noBroker), nil },
		},
		{
			name: "a proxy that does not tell", topic: "t", err: noRoute("t"), asked: "t TBW102 " + clusterInfo,
			info: func(f *fakeServers) (headers.Command, error) {
				return response(f.tb, headers.RequestNotSupported, ""), nil
			},
		},
		{
			name: "the default topic itself", topic: "TBW102", err: noRoute("TBW102"), asked: "TBW102 " + clusterInfo,
			info: func(f *fakeServers) (headers.Command, error) { return response(f.tb, headers.Success, someBroker), nil },
		},
		{
			name: "garbage", topic: "t", err: headers.ErrMalformed, asked: "t TBW102 " + clusterInfo,
			info: func(f *fakeServers) (headers.Command, error) { return response(f.tb, headers.Success, "{}"), nil },
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := &fakeServers{tb: t}
				unknown := f.knows(nil)
				f.answer = func(ctx context.Context, addr, topic string) (headers.Command, error) {
					if topic == clusterInfo {
						return tc.info(f)
					}
					return unknown(ctx, addr, topic)
				}
				table := newTable(t, f, nil)
				r, err := table.Route(t.Context(), tc.topic)
				require.Nil(t, r)
				if errors.Is(tc.err, headers.ErrMalformed) {
					require.ErrorIs(t, err, tc.err)
				} else {
					require.Equal(t, tc.err, err)
				}
				require.Equal(t, tc.asked, strings.ReplaceAll(strings.Join(f.asked(), " "), "ns1:9876 ", ""))
			})
		})
	}
}

// TestGoldenUnknown runs the recorded TOPIC_NOT_EXIST through the whole flow.
func TestGoldenUnknown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeServers{tb: t}
		f.answer = func(_ context.Context, _, topic string) (headers.Command, error) {
			switch topic {
			case "no_such_topic":
				return golden(t, "58_err_route_17_resp.hex"), nil
			case "TBW102":
				return golden(t, "85_v497_route_resp.hex"), nil
			default:
				return golden(t, "54_route_105_resp.hex"), nil
			}
		}
		table := newTable(t, f, nil)
		r, err := table.Route(t.Context(), "no_such_topic")
		require.NoError(t, err)
		require.True(t, r.FromDefaultTopic())
		require.Equal(t, []string{"broker-a:0", "broker-a:1", "broker-a:2", "broker-a:3"}, queueNames(r))
	})
}
