package view_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/offsets"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/view"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

func TestLag(t *testing.T) {
	for _, one := range []struct{ least, most, committed, unacked, want int64 }{
		{0, 10, view.None, view.None, view.None},
		{0, 10, 0, view.None, 10},
		{0, 10, 10, view.None, 0},
		{0, 10, 10, 7, 3}, // popped, and not acknowledged
		{0, 10, 7, 9, 3},  // acknowledged out of order
		{0, 10, view.None, 4, 6},
		{5, 10, 2, view.None, 5},  // what was dropped is not to be consumed
		{0, 10, 12, view.None, 0}, // any offset can be committed
	} {
		p := view.Position{Queue: view.Queue{MinOffset: one.least, MaxOffset: one.most}, Committed: one.committed, Unacked: one.unacked}
		require.Equal(t, one.want, p.Lag(), "%+v", one)
	}
}

// A group is there if it has a name, members or an offset, with the queues of all topics
// that it has to do with, and no topic that is gone.
func TestGroups(t *testing.T) {
	queues := func(topic string) []view.Queue {
		if topic == "gone" {
			return nil
		}
		return []view.Queue{{ID: 0, MaxOffset: 3}, {ID: 1, MaxOffset: 5}}
	}
	described := map[string]view.Group{"b": {MessageModel: headers.Clustering, Subscriptions: []headers.SubscriptionData{{Topic: "t"}, {Topic: "gone"}}}}
	committed := map[offsets.Queue]int64{{Group: "b", Topic: "t", ID: 1}: 4, {Group: "c", Topic: "u", ID: 0}: 1}
	unacked := map[offsets.Queue]int64{{Group: "c", Topic: "u", ID: 0}: 0}
	list := view.Groups([]string{"a", "b"}, described, committed, unacked, queues)
	require.Len(t, list, 3)
	require.Equal(t, view.Group{Name: "a"}, list[0])
	require.Equal(t, "b", list[1].Name)
	require.Equal(t, headers.Clustering, list[1].MessageModel)
	require.Equal(t, []view.Position{
		{Topic: "t", Queue: view.Queue{ID: 0, MaxOffset: 3}, Committed: view.None, Unacked: view.None},
		{Topic: "t", Queue: view.Queue{ID: 1, MaxOffset: 5}, Committed: 4, Unacked: view.None},
	}, list[1].Positions)
	require.Equal(t, "c", list[2].Name)
	require.EqualValues(t, 3, list[2].Positions[0].Lag())
	require.Equal(t, view.None, list[2].Positions[1].Lag())
}
