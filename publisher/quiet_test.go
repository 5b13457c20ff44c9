package publisher

import (
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestQuiet(t *testing.T) {
	var q quiet
	now := time.Unix(0, 0)
	ask := func(thing string, missed int, ok bool) {
		t.Helper()
		gotMissed, gotOK := q.ask(thing, now)
		require.Equal(t, missed, gotMissed)
		require.Equal(t, ok, gotOK)
	}
	ask("a", 0, true)
	ask("a", 0, false)
	ask("b", 0, true)
	now = now.Add(quietFor - 1)
	ask("a", 0, false)
	now = now.Add(1)
	ask("a", 2, true)
	ask("a", 0, false)
	now = now.Add(quietFor)
	ask("a", 1, true)
	ask("b", 0, true)
}

// However many things fail, what is known of them is bounded.
func TestQuietIsBounded(t *testing.T) {
	var q quiet
	now := time.Unix(0, 0)
	for i := range 2 * maxQuiet {
		_, ok := q.ask(strconv.Itoa(i), now)
		require.Equal(t, i < maxQuiet, ok)
	}
	require.Len(t, q.known, maxQuiet)
	now = now.Add(quietFor)
	_, ok := q.ask("new", now)
	require.True(t, ok)
	require.Len(t, q.known, 1)
}
