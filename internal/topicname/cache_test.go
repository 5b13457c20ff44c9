package topicname

import (
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/marshaler"
)

func TestCache(t *testing.T) {
	var c cache
	_, ok := c.get("orders")
	require.False(t, ok)
	for i := range maxKnown {
		c.put(strconv.Itoa(i), marshaler.MappedTopic{Name: "topic-" + strconv.Itoa(i)})
	}
	c.put("orders", marshaler.MappedTopic{Name: "orders"})
	_, ok = c.get("orders")
	require.False(t, ok, "there are as many as it remembers")
	for i := range maxKnown {
		mapped, ok := c.get(strconv.Itoa(i))
		require.True(t, ok)
		require.Equal(t, "topic-"+strconv.Itoa(i), mapped.Name)
	}
}

// A mapper of the user's own may say something else the next time.
func TestOnlyOwnMappersAreCached(t *testing.T) {
	require.True(t, mapsAlike(marshaler.EscapeTopics{Namespace: "test"}))
	require.True(t, mapsAlike(marshaler.PlainTopics{}))
	require.False(t, mapsAlike(&marshaler.EscapeTopics{}), "it can be changed")
	require.False(t, mapsAlike(struct{ marshaler.EscapeTopics }{}))
}
