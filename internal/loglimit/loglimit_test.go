package loglimit

import (
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestLimit(t *testing.T) {
	var l Limit
	now := time.Unix(0, 0)
	ask := func(thing string, missed int, ok bool) {
		t.Helper()
		gotMissed, gotOK := l.Ask(thing, now)
		require.Equal(t, missed, gotMissed)
		require.Equal(t, ok, gotOK)
	}
	ask("a", 0, true)
	ask("a", 0, false)
	ask("b", 0, true)
	now = now.Add(interval - 1)
	ask("a", 0, false)
	now = now.Add(1)
	ask("a", 2, true)
	ask("a", 0, false)
	now = now.Add(interval)
	ask("a", 1, true)
	ask("b", 0, true)
}

// However many things fail, what is known of them is bounded.
func TestLimitIsBounded(t *testing.T) {
	var l Limit
	now := time.Unix(0, 0)
	for i := range 2 * maxThings {
		_, ok := l.Ask(strconv.Itoa(i), now)
		require.Equal(t, i < maxThings, ok)
	}
	require.Len(t, l.known, maxThings)
	now = now.Add(interval)
	_, ok := l.Ask("new", now)
	require.True(t, ok)
	require.Len(t, l.known, 1)
}
