package offsets_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/offsets"
)

var queue = offsets.Queue{Group: "group", Topic: "topic"}

func requireOffset(t *testing.T, table *offsets.Table, want int64) {
	t.Helper()
	got, ok := table.Get(queue)
	require.True(t, ok)
	require.Equal(t, want, got)
}

func TestCrash(t *testing.T) {
	round := int64(0)
	table := offsets.NewTable(10, func() int64 { return round })
	table.Commit(queue, 1)
	table.Crash()
	_, ok := table.Get(queue)
	require.False(t, ok, "nothing was on disk")

	table.Commit(queue, 2)
	round++
	table.Crash()
	requireOffset(t, table, 2)
	table.Commit(queue, 3)
	table.Commit(queue, 4)
	requireOffset(t, table, 4)
	table.Crash()
	requireOffset(t, table, 2)
	table.Commit(queue, 5)
	table.Save()
	table.Crash()
	requireOffset(t, table, 5)
}

func TestReset(t *testing.T) {
	table := offsets.NewTable(10, func() int64 { return 0 })
	table.Commit(queue, 7)
	require.True(t, table.Reset(queue, 3))
	require.True(t, table.WasReset(queue))
	table.Commit(queue, 8)
	requireOffset(t, table, 3)
	offset, ok := table.TakeReset(queue)
	require.True(t, ok)
	require.EqualValues(t, 3, offset)
	_, ok = table.TakeReset(queue)
	require.False(t, ok)
	requireOffset(t, table, 8)
}

func TestRoom(t *testing.T) {
	table := offsets.NewTable(1, func() int64 { return 0 })
	require.True(t, table.Commit(queue, 1))
	other := offsets.Queue{Group: "other"}
	require.False(t, table.Commit(other, 1))
	require.False(t, table.Reset(other, 1))
	require.True(t, table.Commit(queue, 2))
}
