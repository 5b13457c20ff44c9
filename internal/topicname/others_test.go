package topicname_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/internal/faults"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/topicname"
	"github.com/watermill-rocketmq/watermill-rocketmq/marshaler"
)

// ownMapper is one of a user's own, which is asked each time.
type ownMapper struct{ marshaler.EscapeTopics }

// Each topic that has another name is told of once, also where many map it at once. The
// namespace alone is no other name.
func TestNamesThatDiffer(t *testing.T) {
	for _, mapper := range []marshaler.TopicMapper{marshaler.EscapeTopics{}, ownMapper{}} {
		var mu sync.Mutex
		told := make(map[string][]string)
		n := topicname.New(mapper, "ns", func(topic, name string) {
			mu.Lock()
			defer mu.Unlock()
			told[topic] = append(told[topic], name)
		})
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				for _, topic := range []string{"orders", "orders.eu", "orders.us", "orders.eu"} {
					if _, err := n.Map(topic); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		require.Equal(t, map[string][]string{"orders.eu": {"ns%_wm_orders-2Eeu"}, "orders.us": {"ns%_wm_orders-2Eus"}}, told)
	}
}

// A log does not grow without end for a program that has a topic for each of its tenants.
func TestNamesThatDifferAreBounded(t *testing.T) {
	told := 0
	n := topicname.New(ownMapper{}, "", func(string, string) { told++ })
	for range 2 {
		for i := range 3000 {
			_, err := n.Map(fmt.Sprint("tenant.", i))
			require.NoError(t, err)
		}
	}
	require.Equal(t, 1024, told)
}

// The mapper behind a table is told of the namespace as well, and checked.
func TestTableInNamespace(t *testing.T) {
	table, err := marshaler.NewTopicTable(map[string]string{"orders": "ORDERS"}, marshaler.EscapeTopics{})
	require.NoError(t, err)
	n := names(table, "ns")
	for topic, want := range map[string]string{"orders": "ns%ORDERS", "ns%x": "ns%_wm_ns-25x", "plain": "ns%plain"} {
		for range 2 {
			mapped, err := n.Map(topic)
			require.NoError(t, err)
			require.Equal(t, want, mapped.Name)
		}
		back, err := n.Unmap(want, nil)
		require.NoError(t, err)
		require.Equal(t, topic, back)
	}
	var l faults.List
	topicname.Check(&l, "Topics", table.WithOthers(marshaler.DotTopics{Dot: 'x'}), "")
	topicname.Check(&l, "Topics", (*marshaler.TopicTable)(nil), "")
	topicname.Check(&l, "Topics", marshaler.DotTopics{}, "")
	topicname.Check(&l, "Topics", ownMapper{}, "")
	require.EqualError(t, l.Err("test"), "test: Topics: marshaler: Dot is 'x', want one of _, - and |\nTopics is nil")
}
