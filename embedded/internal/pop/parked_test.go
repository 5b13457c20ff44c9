package pop_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/filters"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/offsets"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/pop"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/tags"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

func queue(id int32) offsets.Queue { return offsets.Queue{Group: "group", Topic: "topic", ID: id} }

func TestParkedOrder(t *testing.T) {
	for last, want := range map[bool][]string{false: {"a", "b", "c", "d"}, true: {"d", "c", "b", "a"}} {
		p := pop.Parked[string]{Last: last}
		for _, r := range []struct {
			name  string
			until int64
		}{{"b", 20}, {"a", 10}, {"d", 30}, {"c", 20}} {
			require.True(t, p.Park(queue(0), r.name, r.until, nil))
		}
		var got []string
		for {
			r, ok := p.Wake(queue(0), nil)
			if !ok {
				break
			}
			got = append(got, r)
		}
		require.Equal(t, want, got, "those that end at the same time in the order in which they came")
	}
}

func TestParkedFilter(t *testing.T) {
	var p pop.Parked[string]
	tag, ok := tags.Parse("blue")
	require.True(t, ok)
	blue := filters.Tags(tag)
	p.Park(queue(pop.AnyQueue), "any", 1, &blue)
	p.Park(queue(3), "of queue 3", 1, nil)
	require.Empty(t, p.Arrived("other", 3, tagged("blue")))
	require.Equal(t, []string{"of queue 3"}, p.Arrived("topic", 3, tagged("red")))
	require.Equal(t, []string{"any"}, p.Arrived("topic", 3, tagged("blue")))
	require.Empty(t, p.Arrived("topic", 3, tagged("blue")))
}

// tagged says what filters pass a message with a tag.
func tagged(tag string) func(*filters.Filter) bool {
	return func(f *filters.Filter) bool { return f.PassesHash(headers.HashCode(tag)) }
}

func TestParkedRemove(t *testing.T) {
	var p pop.Parked[string]
	p.Park(queue(0), "a", 1, nil)
	p.Park(queue(0), "b", 1, nil)
	p.Park(queue(1), "a2", 1, nil)
	require.True(t, p.Remove(queue(0), "a"))
	require.False(t, p.Remove(queue(0), "a"))
	p.RemoveIf(func(r string) bool { return r == "a2" })
	require.Empty(t, p.Arrived("topic", 1, tagged("")))
	require.Equal(t, []string{"b"}, p.Freed(queue(0)))
}

func TestParkedFull(t *testing.T) {
	var p pop.Parked[int]
	n := 0
	for p.Park(queue(0), n, 1, nil) {
		n++
	}
	require.Equal(t, 1025, n)
	require.True(t, p.Park(queue(1), 0, 1, nil))
}

func TestBaseTopic(t *testing.T) {
	for topic, want := range map[string]string{
		"topic":                           "topic",
		headers.RetryV1.Topic("g", "t_x"): "t_x",
		headers.RetryV2.Topic("g", "t"):   "t",
		headers.RetryTopicPrefix + "g":    headers.RetryTopicPrefix + "g",
	} {
		require.Equal(t, want, pop.BaseTopic("g", topic))
	}
}
