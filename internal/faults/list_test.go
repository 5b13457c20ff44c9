package faults

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestList(t *testing.T) {
	var l List
	l.Int("Queues", 4, 1, 10)
	l.Duration("Timeout", 0)
	l.Of("Cluster", nil)
	require.NoError(t, l.Err("config"))

	inner := List{errors.New("NameServers is empty"), errors.New("Dial is nil")}
	reason := errors.New("reason")
	l.Add("Topics: %w", reason)
	l.Int("Queues", 11, 1, 10)
	l.Duration("Timeout", -time.Second)
	l.Of("Cluster", inner.Err("cluster"))
	err := l.Err("config")
	require.ErrorIs(t, err, reason)
	require.EqualError(t, err, "config: Topics: reason\nQueues is 11, want 1 to 10\nTimeout is -1s, want 0 or more\nCluster.NameServers is empty\nCluster.Dial is nil")
}
