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
