package memlog

import (
	"bytes"
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestLog(t *testing.T) {
	l := New(0)
	require.Zero(t, l.First())
	require.Nil(t, l.View(0, 1))
	var offsets []int64
	for i := range 3000 {
		offsets = append(offsets, l.End())
		l.Append(bytes.Repeat([]byte{byte(i)}, 1+i%1700))
	}
	l.Append(make([]byte, 3*mostChunk))
	for i, offset := range offsets {
		require.Equal(t, bytes.Repeat([]byte{byte(i)}, 1+i%1700), l.View(offset, 1+i%1700))
	}
	require.Len(t, l.View(l.End()-3*mostChunk, 3*mostChunk), 3*mostChunk)
	require.Nil(t, l.View(l.End()-1, 2))
	require.Nil(t, l.View(-1, 1))
	require.Nil(t, l.View(0, -1))
	require.Nil(t, l.View(offsets[0], 1<<40))
	require.Nil(t, l.View(math.MaxInt64, 4))
	require.Zero(t, l.First())
}

// A log with a bound drops its oldest records, and what was seen of them stays.
func TestBound(t *testing.T) {
	const most = 4 * mostChunk
	l := New(most)
	record := bytes.Repeat([]byte{7}, 1000)
	l.Append(record)
	seen := l.View(0, 1000)
	for range 20_000 {
		l.Append(record)
		require.LessOrEqual(t, l.End()-l.First(), int64(most))
	}
	require.Equal(t, record, seen)
	require.Nil(t, l.View(0, 1000))
	require.Greater(t, l.First(), int64(0))
	require.Equal(t, record, l.View(l.First(), 1000))
	require.GreaterOrEqual(t, l.End()-l.First(), int64(most-2*mostChunk))
}
