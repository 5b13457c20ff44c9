package routing_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
)

func TestListedKeepsTheNameServersOrder(t *testing.T) {
	r := parsed(t, "t", routeBody(brokerSpec{"b", `"0":"b:1"`, 2, 6}, brokerSpec{"c", `"1":"c:1"`, 2, 6}, brokerSpec{"a", `"0":"a:1"`, 1, 6}))
	queue := func(broker string, id int32) routing.MessageQueue {
		return routing.MessageQueue{Topic: "t", BrokerName: broker, QueueID: id}
	}
	require.Equal(t, []routing.MessageQueue{queue("a", 0), queue("b", 0), queue("b", 1)}, r.WriteQueues())
	require.Equal(t, []routing.MessageQueue{queue("b", 0), queue("b", 1), queue("a", 0)}, r.Listed())

	r = parsed(t, "t", withMember(routeBody(brokerSpec{"a", `"0":"a:1"`, 2, 6}), `"orderTopicConf":"b:1;a:1"`))
	require.Equal(t, []routing.MessageQueue{queue("b", 0), queue("a", 0)}, r.WriteQueues())
	require.Equal(t, []routing.MessageQueue{queue("a", 0), queue("a", 1)}, r.Listed(), "proxies do not know the configuration")

	r = parsed(t, "t", withMember(routeBody(brokerSpec{"a", `"1":"a:1"`, 2, 6}), `"orderTopicConf":"a:1"`))
	require.Equal(t, r.WriteQueues(), r.Listed(), "never empty")
}

// A refresh that brings the brokers in another order is a change: keys by SipHash
// go by that order.
func TestRefreshSeesTheOrderOfBrokers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeServers{tb: t}
		f.answer = f.knows(map[string]string{"t": simpleRoute("a", "b")})
		table := newTable(t, f, func(c *routing.Config) { c.RefreshInterval = time.Second })
		before, err := table.Route(t.Context(), "t")
		require.NoError(t, err)
		f.become(f.knows(map[string]string{"t": simpleRoute("b", "a")}))
		settle(2 * time.Second)
		after, err := table.Route(t.Context(), "t")
		require.NoError(t, err)
		require.Equal(t, before.WriteQueues(), after.WriteQueues())
		require.NotEqual(t, before.Listed(), after.Listed())
	})
}
