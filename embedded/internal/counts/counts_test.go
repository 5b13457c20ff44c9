package counts_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/counts"
)

// start is noon of a day.
var start = time.Date(2026, 3, 4, 12, 0, 0, 0, time.Local)

func TestWindows(t *testing.T) {
	at := func(d time.Duration) int64 { return start.Add(d).UnixMilli() }
	c := counts.New(2, at(0))
	_, ok := c.Of(counts.TopicPuts, "orders", at(0))
	require.False(t, ok)
	c.Put("orders", 3, false, at(time.Second))
	c.Put("orders", 1, false, at(2*time.Second))
	of := func(d time.Duration) counts.Stats {
		s, ok := c.Of(counts.TopicPuts, "orders", at(d))
		require.True(t, ok)
		return s
	}
	require.Zero(t, of(9*time.Second).Minute.Sum, "nobody has looked yet")
	require.Equal(t, counts.Snapshot{Sum: 4, PerTime: 2, Rate: 0.4}, of(10*time.Second).Minute, "in ten seconds")
	require.Equal(t, counts.Snapshot{Sum: 4, PerTime: 2, Rate: 0.2}, of(20*time.Second).Minute)
	require.Zero(t, of(90*time.Second).Minute, "it was more than a minute ago")
	require.Equal(t, int64(4), of(10*time.Minute).Hour.Sum)
	require.Zero(t, of(3*time.Hour).Hour.Sum)
	require.Equal(t, int64(4), of(3*time.Hour).Day.Sum)
	require.Zero(t, of(30*time.Hour).Day.Sum)

	c.Got("shop", "orders", 2, false, at(0))
	_, ok = c.Of(counts.GroupGets, "orders@shop", at(0))
	require.True(t, ok)
	c.Put("second", 1, false, at(0))
	c.Put("third", 1, false, at(0))
	_, ok = c.Of(counts.TopicPuts, "third", at(0))
	require.False(t, ok, "one topic too many")
	c.Forget("second")
	c.Put("third", 1, false, at(0))
	_, ok = c.Of(counts.TopicPuts, "third", at(0))
	require.True(t, ok)
}

func TestTotals(t *testing.T) {
	c := counts.New(10, start.UnixMilli())
	c.Put("orders", 3, false, start.UnixMilli())
	c.Put("TBW102", 7, true, start.UnixMilli())
	put, got := c.Totals(start.UnixMilli())
	require.Equal(t, counts.Totals{Now: 3}, put)
	require.Zero(t, got)
	tomorrow := start.Add(24 * time.Hour).UnixMilli()
	c.Put("orders", 1, false, tomorrow)
	c.Got("shop", "orders", 5, false, tomorrow)
	put, got = c.Totals(tomorrow)
	require.Equal(t, counts.Totals{Today: 3, Now: 4}, put)
	require.Equal(t, counts.Totals{Now: 5}, got)
	put, _ = c.Totals(start.Add(48 * time.Hour).UnixMilli())
	require.Equal(t, counts.Totals{Yesterday: 3, Today: 4, Now: 4}, put)
	put, _ = c.Totals(start.Add(96 * time.Hour).UnixMilli())
	require.Equal(t, counts.Totals{Yesterday: 4, Today: 4, Now: 4}, put)
}
