package routing_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
)

func TestRandomUsesEveryQueue(t *testing.T) {
	r := parsed(t, "t", simpleRoute("a", "b", "c"))
	seen := make(map[routing.MessageQueue]int)
	for range 6000 {
		seen[routing.Random{}.Select(r, nil)]++
	}
	require.Len(t, seen, 6)
	for q, n := range seen { // 1000 each, give or take 29: ten times that never happens
		require.InDelta(t, 1000, n, 290, q)
	}
}

func TestRandomAvoids(t *testing.T) {
	r := parsed(t, "t", simpleRoute("a", "b", "c"))
	for range 200 {
		require.Equal(t, "b", routing.Random{}.Select(r, []string{"a", "c"}).BrokerName)
		require.Equal(t, "c", routing.Random{}.Select(r, []string{"c", "a", "b"}).BrokerName, "all failed: c longest ago")
	}
	require.Zero(t, testing.AllocsPerRun(100, func() { routing.Random{}.Select(r, nil) }))
}

func TestListedKeepsTheNameServersOrder(t *testing.T) {
	r := parsed(t, "t", routeBody(brokerSpec{"b", `"0":"b:1"`, 2, 6}, brokerSpec{"c", `"1":"c:1"`, 2, 6}, brokerSpec{"a", `"0":"a:1"`, 1, 6}))
	queue := func(broker string, id int32) routing.MessageQueue {
		return routing.MessageQueue{Topic: "t", BrokerName: broker, QueueID: id}
	}
	require.Equal(t, []routing.MessageQueue{queue("a", 0), queue("b", 0), queue("b", 1)}, r.Queues())
	require.Equal(t, []routing.MessageQueue{queue("b", 0), queue("b", 1), queue("a", 0)}, r.Listed())

	r = parsed(t, "t", withMember(routeBody(brokerSpec{"a", `"0":"a:1"`, 2, 6}), `"orderTopicConf":"b:1;a:1"`))
	require.Equal(t, []routing.MessageQueue{queue("b", 0), queue("a", 0)}, r.Queues())
	require.Equal(t, []routing.MessageQueue{queue("a", 0), queue("a", 1)}, r.Listed(), "proxies do not know the configuration")

	r = parsed(t, "t", withMember(routeBody(brokerSpec{"a", `"1":"a:1"`, 2, 6}), `"orderTopicConf":"a:1"`))
	require.Equal(t, r.Queues(), r.Listed(), "never empty")
}
