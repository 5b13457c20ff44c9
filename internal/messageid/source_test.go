package messageid

import (
	"encoding/hex"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// clock is a clock that a test moves.
type clock struct {
	mu   sync.Mutex
	time time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.time
}

func (c *clock) set(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.time = t
}

// testSource is an Source with a clock.
type testSource struct {
	ids *Source
	now func() time.Time
}

func newTestSource(t *testing.T, now func() time.Time) testSource {
	t.Helper()
	s, err := NewSource(now())
	require.NoError(t, err)
	return testSource{s, now}
}

func (s testSource) next() (ID, error) { return s.ids.Next(s.now()) }

func nextID(t *testing.T, s testSource) string {
	t.Helper()
	id, err := s.next()
	require.NoError(t, err)
	return id.String()
}

func TestMessageIDLayout(t *testing.T) {
	at := time.Date(2026, 11, 24, 8, 30, 0, 123e6, time.Local)
	c := &clock{time: at}
	s := newTestSource(t, c.now)

	first, second := nextID(t, s), nextID(t, s)
	require.Regexp(t, "^[0-9A-F]{32}$", first)
	require.Equal(t, first[:20], second[:20], "the random bytes are the publisher's own")

	milli, err := strconv.ParseInt(first[20:28], 16, 64)
	require.NoError(t, err)
	monthStart := time.Date(2026, 11, 1, 0, 0, 0, 0, time.Local)
	require.Equal(t, at.Sub(monthStart).Milliseconds(), milli)
	require.Equal(t, "0000", first[28:])
	require.Equal(t, "0001", second[28:])

	require.NotEqual(t, first[:20], nextID(t, newTestSource(t, c.now))[:20], "two publishers share no random bytes")
}

// The 24th day of a month is where a signed 32-bit count of milliseconds ends.
func TestMessageIDLateInTheMonth(t *testing.T) {
	at := time.Date(2026, 12, 31, 23, 59, 59, 999e6, time.Local)
	s := newTestSource(t, (&clock{time: at}).now)
	id := nextID(t, s)
	milli, err := strconv.ParseUint(id[20:28], 16, 32)
	require.NoError(t, err)
	require.Equal(t, uint64(at.Sub(time.Date(2026, 12, 1, 0, 0, 0, 0, time.Local)).Milliseconds()), milli)
}

func TestMessageIDIsNeverTheSameTwice(t *testing.T) {
	start := time.Date(2026, 11, 30, 23, 59, 59, 0, time.Local)
	for name, times := range map[string][]time.Duration{
		"counter wraps in a millisecond": {0},
		"clock steps back":               {0, -time.Hour, -time.Hour, 0},
		"month begins":                   {999 * time.Millisecond, time.Second, 2 * time.Second},
		"clock steps back over a month":  {time.Second, 0, time.Second},
		"a year later, same moment":      {0, 365 * 24 * time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			c := &clock{time: start}
			s := newTestSource(t, c.now)
			seen := make(map[string]bool)
			for _, d := range times {
				c.set(start.Add(d))
				for range 70_000 { // more than the counter's 65,536
					id := nextID(t, s)
					require.False(t, seen[id], "%s came twice", id)
					seen[id] = true
				}
			}
		})
	}
}

func TestMessageIDsOfManyGoroutinesDiffer(t *testing.T) {
	c := &clock{time: time.Date(2026, 11, 30, 23, 59, 59, 999e6, time.Local)}
	s := newTestSource(t, c.now)
	const workers, each = 8, 20_000
	ids := make([][]string, workers)
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for i := range each {
				if i == each/2 {
					c.set(c.now().Add(time.Millisecond)) // into the next month
				}
				id, err := s.next()
				if err != nil {
					t.Error(err)
					return
				}
				ids[w] = append(ids[w], id.String())
			}
		})
	}
	wg.Wait()
	seen := make(map[string]bool, workers*each)
	for _, list := range ids {
		for _, id := range list {
			require.False(t, seen[id], "%s came twice", id)
			seen[id] = true
		}
	}
	require.Len(t, seen, workers*each)
}

func TestUpperHex(t *testing.T) {
	raw := []byte{0x00, 0x9a, 0xbc, 0xef, 0xff}
	dst := make([]byte, 2*len(raw))
	upperHex(dst, raw)
	require.Equal(t, strings.ToUpper(hex.EncodeToString(raw)), string(dst))
}

func TestMessageIDAllocations(t *testing.T) {
	s := newTestSource(t, time.Now)
	require.Zero(t, testing.AllocsPerRun(1000, func() { _, _ = s.next() }))
}

// A new month starts the time over, with other random bytes.
func TestMessageIDOfANewMonth(t *testing.T) {
	c := &clock{time: time.Date(2026, 11, 30, 23, 59, 59, 0, time.Local)}
	s := newTestSource(t, c.now)
	before := nextID(t, s)
	c.set(time.Date(2026, 12, 1, 0, 0, 1, 5e6, time.Local))
	after := nextID(t, s)
	require.NotEqual(t, before[:20], after[:20])
	milli, err := strconv.ParseUint(after[20:28], 16, 32)
	require.NoError(t, err)
	require.EqualValues(t, 1005, milli)
}

// All ten bytes are random: none holds the version or variant of a UUID.
func TestMessageIDRandomBytes(t *testing.T) {
	seen := make([]map[string]bool, 10)
	for range 100 {
		id := nextID(t, newTestSource(t, time.Now))
		for i := range seen {
			if seen[i] == nil {
				seen[i] = make(map[string]bool)
			}
			seen[i][id[2*i:2*i+2]] = true
		}
	}
	for i, values := range seen {
		require.Greater(t, len(values), 64, "byte %d", i)
	}
}
