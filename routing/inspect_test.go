package routing_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
)

const inspected = `{"queueDatas":[
	{"brokerName":"b","perm":4,"readQueueNums":2,"writeQueueNums":1,"topicSysFlag":0},
	{"brokerName":"a","perm":6,"readQueueNums":4,"writeQueueNums":3}],
	"brokerDatas":[
	{"cluster":"two","brokerName":"b","brokerAddrs":{"1":"b-slave:1"}},
	{"cluster":"one","brokerName":"a","brokerAddrs":{"0":"not an address","1":"a-slave:1"}}]}`

// What a Route leaves out is told: brokers without a master or permission, and
// addresses that cannot be dialed.
func TestInspectTopic(t *testing.T) {
	f := &fakeServers{tb: t}
	f.become(f.knows(map[string]string{
		"orders": inspected, "static": `{"queueDatas":[],"brokerDatas":[],"topicQueueMappingByBroker":{"a":{"x":1}}}`, "broken": `[`,
	}))
	info, err := routing.InspectTopic(t.Context(), f, "ns:1", "orders")
	require.NoError(t, err)
	require.Equal(t, &routing.TopicInfo{
		Queues: []routing.TopicQueues{{BrokerName: "a", Read: 4, Write: 3, Perm: 6}, {BrokerName: "b", Read: 2, Write: 1, Perm: 4}},
		Brokers: []routing.BrokerInfo{
			{Cluster: "one", Name: "a", Addrs: map[int64]string{0: "not an address", 1: "a-slave:1"}},
			{Cluster: "two", Name: "b", Addrs: map[int64]string{1: "b-slave:1"}},
		},
	}, info)
	a, ok := info.Broker("a")
	require.True(t, ok)
	addr, ok := a.Master()
	require.True(t, ok)
	require.Equal(t, "not an address", addr)
	b, ok := info.Broker("b")
	require.True(t, ok)
	_, ok = b.Master()
	require.False(t, ok)
	_, ok = info.Broker("c")
	require.False(t, ok)

	info, err = routing.InspectTopic(t.Context(), f, "ns:1", "static")
	require.NoError(t, err)
	require.True(t, info.Static)
	_, err = routing.InspectTopic(t.Context(), f, "ns:1", "broken")
	require.ErrorIs(t, err, headers.ErrMalformed)
	_, err = routing.InspectTopic(t.Context(), f, "ns:1", "missing")
	require.ErrorIs(t, err, &headers.StatusError{Code: headers.TopicNotExist})
	require.Equal(t, []string{"ns:1 orders", "ns:1 static", "ns:1 broken", "ns:1 missing"}, f.asked())
}

// The names of a cluster's addresses are bare numbers in all versions.
func TestInspectBrokers(t *testing.T) {
	f := &fakeServers{tb: t}
	f.become(f.knows(map[string]string{clusterInfo: `{"brokerAddrTable":{
		"b":{"brokerAddrs":{0:"b:1",1:"c:1"},"brokerName":"b","cluster":"one"},
		"a":{"brokerAddrs":{0:"a:1"},"brokerName":"a","cluster":"one"}},"clusterAddrTable":{"one":["a","b"]}}`}))
	brokers, err := routing.InspectBrokers(t.Context(), f, "ns:1")
	require.NoError(t, err)
	require.Equal(t, []routing.BrokerInfo{
		{Cluster: "one", Name: "a", Addrs: map[int64]string{0: "a:1"}},
		{Cluster: "one", Name: "b", Addrs: map[int64]string{0: "b:1", 1: "c:1"}},
	}, brokers)
	f.become(f.says(headers.Success, `{}`))
	_, err = routing.InspectBrokers(t.Context(), f, "ns:1")
	require.ErrorIs(t, err, headers.ErrMalformed)
	f.become(f.says(headers.RequestNotSupported, ""))
	_, err = routing.InspectBrokers(t.Context(), f, "ns:1")
	require.ErrorIs(t, err, &headers.StatusError{Code: headers.RequestNotSupported})
}

func TestRegistered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeServers{tb: t}
		table, err := routing.New(routing.Config{NameServers: []string{"one:1", "two:1"}}, f)
		require.NoError(t, err)
		defer table.Close()
		addrs, err := table.NameServers(t.Context())
		require.NoError(t, err)
		require.ElementsMatch(t, []string{"one:1", "two:1"}, addrs)

		const body = `{"brokerAddrTable":{"a":{"brokerAddrs":{0:"a:1"},"brokerName":"a","cluster":"one"}}}`
		// One that knows nobody, as after its start, does not outdo one that does.
		f.become(func(_ context.Context, addr, _ string) (headers.Command, error) {
			if addr == "one:1" {
				return response(t, headers.Success, `{"brokerAddrTable":{}}`), nil
			}
			return response(t, headers.Success, body), nil
		})
		brokers, err := table.Registered(t.Context(), "orders")
		require.NoError(t, err)
		require.Len(t, brokers, 1)

		f.become(f.says(headers.Success, `{"brokerAddrTable":{}}`))
		_, err = table.Registered(t.Context(), "orders")
		var none *routing.NoBrokersError
		require.ErrorAs(t, err, &none)
		require.Equal(t, "orders", none.Topic)

		down := errors.New("down")
		f.become(func(context.Context, string, string) (headers.Command, error) { return headers.Command{}, down })
		_, err = table.Registered(t.Context(), "orders")
		var failed *routing.NameServersError
		require.ErrorAs(t, err, &failed)
		require.Len(t, failed.Servers, 2)
	})
}

// Reload sees what has changed since the cached route.
func TestReload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeServers{tb: t}
		table, err := routing.New(routing.Config{NameServers: []string{"one:1"}}, f)
		require.NoError(t, err)
		f.become(f.knows(map[string]string{"orders": routeBody(brokerSpec{"a", `"0":"a:1"`, 2, 6})}))
		route, err := table.Route(t.Context(), "orders")
		require.NoError(t, err)
		require.Len(t, route.WriteQueues(), 2)

		f.become(f.knows(map[string]string{"orders": routeBody(brokerSpec{"a", `"0":"a:1"`, 5, 6})}))
		route, err = table.Reload(t.Context(), "orders")
		require.NoError(t, err)
		require.Len(t, route.WriteQueues(), 5)
		require.NoError(t, table.Close())
		_, err = table.Reload(t.Context(), "orders")
		require.ErrorIs(t, err, routing.ErrClosed)
	})
}
