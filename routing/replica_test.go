package routing_test

import (
	"context"
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
)

func TestReplica(t *testing.T) {
	r := parsed(t, "t", routeBody(
		brokerSpec{"a", `"0":"a:1","1":"a:2","3":"a:4"`, 1, 6},
		brokerSpec{"b", `"2":"b:3","5":"b:6"`, 1, 6},
		brokerSpec{"c", ``, 1, 6},
		brokerSpec{"d", `"0":"d:1"`, 1, 6}))
	for _, tc := range []struct {
		broker    string
		id        int64
		this, any string // with onlyThisBroker, and without
	}{
		{"a", 0, "a:1", "a:1"},
		{"a", 1, "a:2", "a:2"},
		{"a", 2, "a:4", "a:4"}, // the next slave
		{"a", 3, "a:4", "a:4"},
		{"a", 4, "", "a:1"},
		{"a", -1, "a:1", "a:1"},
		{"a", math.MaxInt64, "", "a:1"},
		{"b", 0, "", "b:3"}, // for the master's id there is no next slave
		{"b", 1, "b:3", "b:3"},
		{"b", 9, "", "b:3"},
		{"c", 0, "", ""},
		{"d", 1, "", "d:1"},
		{"e", 0, "", ""},
		{"", 0, "", ""},
	} {
		for only, want := range map[bool]string{true: tc.this, false: tc.any} {
			s, ok := r.Replica(tc.broker, tc.id, only)
			require.Equal(t, want != "", ok, "%+v", tc)
			require.Equal(t, want, s.Addr, "%+v", tc)
			if ok {
				require.Equal(t, tc.broker, s.BrokerName)
				require.Equal(t, strings.HasSuffix(s.Addr, ":1"), s.IsMaster())
			}
		}
	}
	require.Zero(t, testing.AllocsPerRun(100, func() {
		if _, ok := r.Replica("a", 7, false); !ok {
			panic("none")
		}
	}))
}

// Servers that nobody can dial, and those of brokers without a queue of the topic, are
// none to read from. Of what is named twice the first counts.
func TestReplicasCanBeDialed(t *testing.T) {
	body := routeBody(
		brokerSpec{"a", `"0":"nowhere","1":"a:2","2":""`, 1, 6},
		brokerSpec{"a", `"1":"other:1","4":"a:5"`, 1, 6},
		brokerSpec{"b", `"0":"b:1","1":":1"`, 1, 4})
	r := parsed(t, "t", strings.Replace(body, `"brokerDatas":[`, `"brokerDatas":[{"brokerName":"stray","brokerAddrs":{"1":"stray:1"}},`, 1))
	require.Equal(t, []routing.Replica{{"a", 1, "a:2"}, {"a", 4, "a:5"}, {"b", 0, "b:1"}}, r.Replicas())
	require.Len(t, r.Unusable(), 1, "slaves are of no concern to who publishes")
}

func TestTableReplica(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeServers{tb: t}
		f.answer = f.says(headers.Success, routeBody(brokerSpec{"a", `"0":"a:1","1":"a:2"`, 1, 4}))
		table := newTable(t, f, nil)
		s, err := table.Replica(t.Context(), "t", "a", 1, true)
		require.NoError(t, err)
		require.Equal(t, routing.Replica{BrokerName: "a", ID: 1, Addr: "a:2"}, s)
		require.Len(t, f.asked(), 1)
		require.Zero(t, testing.AllocsPerRun(100, func() {
			if _, err := table.Replica(t.Context(), "t", "a", 1, true); err != nil {
				panic(err)
			}
		}))

		// One that is not there is asked for once more.
		_, err = table.Replica(t.Context(), "t", "a", 2, true)
		require.Equal(t, &routing.BrokerNotFoundError{Topic: "t", Broker: "a", View: routing.Reading, NameServers: []string{"ns1:9876"}}, err)
		require.EqualError(t, err, `routing: broker "a" of topic "t" has no address to read from on name server ns1:9876`)
		require.Len(t, f.asked(), 1)
		s, err = table.Replica(t.Context(), "t", "a", 2, false)
		require.NoError(t, err)
		require.True(t, s.IsMaster())
		require.Empty(t, f.asked())
		f.become(f.says(headers.Success, routeBody(brokerSpec{"a", `"0":"a:1","2":"a:3"`, 1, 4})))
		s, err = table.Replica(t.Context(), "t", "a", 2, true)
		require.NoError(t, err)
		require.Equal(t, "a:3", s.Addr)

		f.become(f.says(headers.Success, routeBody(brokerSpec{"a", `"0":"a:1"`, 1, 2})))
		_, err = table.Replica(t.Context(), "t", "a", 7, true)
		require.Equal(t, &routing.NoQueueError{Topic: "t", View: routing.Reading, Reason: routing.NoReadPermission}, err)
		f.become(hang)
		require.NoError(t, table.Close())
		_, err = table.Replica(t.Context(), "t", "a", 2, true)
		require.ErrorIs(t, err, routing.ErrClosed)
	})
}

// The servers that have to know a consumer are those of the cached route to read by, each
// once. Nobody is asked for them, and who asks for them keeps the topic in use.
func TestReadAddrs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeServers{tb: t}
		f.answer = f.says(headers.Success, routeBody(
			brokerSpec{"b", `"0":"b:1","1":"x:1"`, 1, 4}, brokerSpec{"a", `"0":"a:1","1":"x:1"`, 1, 7}, brokerSpec{"c", `"3":"c:1"`, 1, 6}))
		table := newTable(t, f, func(c *routing.Config) { c.RefreshInterval = time.Minute })
		require.Nil(t, table.ReadAddrs("t"))
		require.Empty(t, f.asked())
		_, err := table.ReadRoute(t.Context(), "t")
		require.NoError(t, err)
		want := []string{"a:1", "b:1", "c:1", "x:1"}
		require.Equal(t, want, table.ReadAddrs("t"))
		for range 60 { // topics that nobody uses are forgotten after 10 minutes
			time.Sleep(time.Minute)
			require.Equal(t, want, table.ReadAddrs("t"))
		}
		share := table.Share("", 0)
		require.Equal(t, want, share.ReadAddrs("t"))
		require.NoError(t, share.Close())
		require.Nil(t, share.ReadAddrs("t"))

		// A route that is borrowed to write by is none to read by.
		known, unknown := f.answer, f.says(headers.TopicNotExist, "")
		f.become(func(ctx context.Context, addr, topic string) (headers.Command, error) {
			if topic == routing.DefaultTopic {
				return known(ctx, addr, topic)
			}
			return unknown(ctx, addr, topic)
		})
		route, err := table.Route(t.Context(), "new")
		require.NoError(t, err)
		require.True(t, route.FromDefaultTopic())
		require.Nil(t, table.ReadAddrs("new"))
	})
}

// A slave that is registered under an address that nobody can dial keeps the one it
// had, as a master does.
func TestBadSlaveAddressDoesNotReplaceAGoodOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeServers{tb: t}
		f.answer = f.says(headers.Success, routeBody(brokerSpec{"a", `"0":"a:1","1":"a:2"`, 1, 6}))
		table := newTable(t, f, nil)
		_, err := table.ReadRoute(t.Context(), "t")
		require.NoError(t, err)
		f.become(f.says(headers.Success, routeBody(brokerSpec{"a", `"0":"a:1","1":"nowhere","2":"nowhere"`, 2, 6})))
		for range 2 {
			_, err = table.Reload(t.Context(), "t")
			require.NoError(t, err)
			r, err := table.ReadRoute(t.Context(), "t")
			require.NoError(t, err)
			require.Len(t, r.ReadQueues(), 2)
			require.Equal(t, []routing.Replica{{"a", 0, "a:1"}, {"a", 1, "a:2"}}, r.Replicas())
		}
	})
}

// A connection to a slave that is lost has the topics looked up that it serves, those
// that can only be read among them.
func TestRefreshByAddrOfASlave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeServers{tb: t}
		f.answer = f.knows(map[string]string{
			"written": routeBody(brokerSpec{"a", `"0":"a:1","1":"a:2"`, 1, 6}), "read": routeBody(brokerSpec{"a", `"1":"a:2"`, 1, 6}), "other": simpleRoute("b"),
		})
		table := newTable(t, f, nil)
		for _, topic := range []string{"written", "read", "other"} {
			_, err := table.ReadRoute(t.Context(), topic)
			require.NoError(t, err)
		}
		settle(time.Second)
		f.asked()
		table.RefreshByAddr("a:2")
		settle(time.Second)
		require.ElementsMatch(t, []string{"ns1:9876 written", "ns1:9876 read"}, f.asked())
	})
}
