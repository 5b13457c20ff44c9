package pool_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/internal/pool"
)

func TestBuffers(t *testing.T) {
	b := pool.Buffers{Fresh: 10, Most: 100}
	for _, size := range []int{0, 50, 100, 101, 1000} {
		buffer := b.Get()
		require.Empty(t, *buffer)
		require.GreaterOrEqual(t, cap(*buffer), 10)
		require.LessOrEqual(t, cap(*buffer), 100, "a larger one is not kept")
		*buffer = append(make([]byte, 0, max(size, cap(*buffer))), "used"...)
		b.Put(buffer)
	}
}
