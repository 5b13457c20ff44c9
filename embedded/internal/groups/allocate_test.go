package groups_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/groups"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

func queues(n int32) []headers.MessageQueue {
	var list []headers.MessageQueue
	for id := range n {
		list = append(list, headers.MessageQueue{Topic: "topic", BrokerName: "broker-a", QueueID: id})
	}
	return list
}

func ids(list []headers.MessageQueue) []int32 {
	all := []int32{}
	for _, q := range list {
		all = append(all, q.QueueID)
	}
	return all
}

func TestAllocate(t *testing.T) {
	for _, c := range []struct {
		strategy string
		queues   int32
		members  []string
		want     [][]int32
	}{
		{groups.Averagely, 8, []string{"a", "b", "c"}, [][]int32{{0, 1, 2}, {3, 4, 5}, {6, 7}}},
		{groups.Averagely, 4, []string{"a", "b"}, [][]int32{{0, 1}, {2, 3}}},
		{groups.Averagely, 2, []string{"a", "b", "c"}, [][]int32{{0}, {1}, {}}},
		{groups.Averagely, 0, []string{"a"}, [][]int32{{}}},
		{groups.AveragelyByCircle, 5, []string{"a", "b"}, [][]int32{{0, 2, 4}, {1, 3}}},
	} {
		for i, member := range c.members {
			share, ok := groups.Allocate(c.strategy, member, queues(c.queues), c.members)
			require.True(t, ok)
			require.Equal(t, c.want[i], ids(share), "%s: %d queues, member %s of %v", c.strategy, c.queues, member, c.members)
		}
		share, ok := groups.Allocate(c.strategy, "stranger", queues(c.queues), c.members)
		require.True(t, ok)
		require.Empty(t, share)
	}
	_, ok := groups.Allocate("MINE", "a", queues(1), []string{"a"})
	require.False(t, ok)
}

func TestAllocatePops(t *testing.T) {
	two := append(queues(2), headers.MessageQueue{Topic: "topic", BrokerName: "broker-b"})
	list, ok := groups.AllocatePops(groups.Averagely, "a", two, []string{"a", "b"}, -1)
	require.True(t, ok)
	require.Equal(t, []headers.MessageQueue{{Topic: "topic", BrokerName: "broker-a", QueueID: -1}, {Topic: "topic", BrokerName: "broker-b", QueueID: -1}}, list)

	members := []string{"a", "b", "c", "d"}
	list, _ = groups.AllocatePops(groups.Averagely, "d", queues(8), members, 1)
	require.Equal(t, []int32{6, 7, 0, 1}, ids(list), "its own and those of the next member")
	list, _ = groups.AllocatePops(groups.Averagely, "d", queues(3), members, 1)
	require.Equal(t, []int32{0}, ids(list))
	list, _ = groups.AllocatePops(groups.Averagely, "stranger", queues(8), members, 1)
	require.Empty(t, list)
	_, ok = groups.AllocatePops("MINE", "a", queues(8), members, 1)
	require.False(t, ok)
}
