package gathered_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/publisher/internal/dispatch"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher/internal/gathered"
)

// Messages are taken for one piece only if they are one: all of a call, in its order, and
// none left out.
func TestTogether(t *testing.T) {
	callOf := func(data []byte) []*dispatch.Message {
		messages := new(dispatch.Call).Begin(nil, len(data))
		list := make([]*dispatch.Message, len(data))
		for i := range messages {
			messages[i].Data = data[i : i+1] // with those that follow behind it
			list[i] = &messages[i]
		}
		return list
	}
	a, b := callOf([]byte("abcd")), callOf([]byte("ABCD"))
	for name, list := range map[string][]*dispatch.Message{
		"of two calls":          {a[0], b[1]},
		"another call between":  {a[0], b[0], a[2]},
		"one left out":          {a[0], a[2]},
		"in another order":      {a[0], a[2], a[1], a[3]},
		"the last ones swapped": {a[0], a[1], a[3], a[2]},
	} {
		require.Nil(t, gathered.Together(list), name)
	}
	require.Equal(t, "a", string(gathered.Together(a[:1])))
	require.Equal(t, "abcd", string(gathered.Together(a)))
	require.Equal(t, "bc", string(gathered.Together(a[1:3])))
}
