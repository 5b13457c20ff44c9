package publisher

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
)

// The values are what String.hashCode of Java 17 gives.
func TestHashKey(t *testing.T) {
	for key, hash := range map[string]int32{
		"":                   0,
		"a":                  97,
		"Hello":              69609650,
		"polygenelubricants": -2147483648,
		"Größe":              69209585,
		"\U0001F600":         1772899,
		"订单":                 1129459,
		"order-42":           1234255197,
		"k\U0001F600\x00z":   1802572808,
	} {
		require.Equal(t, hash, hashKey(key), "%q", key)
	}
}

func TestQueueOfKey(t *testing.T) {
	queues := make([]routing.MessageQueue, 5)
	for i := range queues {
		queues[i].QueueID = int32(i)
	}
	for hash, id := range map[int32]int32{0: 0, 4: 4, 5: 0, -1: 1, -6: 1, -2147483648: 3} {
		require.Equal(t, id, queueOfKey(queues, hash).QueueID, "%d", hash)
	}
}
