package pull

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// What is committed is never beyond a message that is not acked, and all that can be is
// committed, whatever happens in which order: the window says the same as a model which
// keeps everything.
func TestWindowAgainstModel(t *testing.T) {
	for seed := range uint64(300) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		w := window{end: 10}
		end := int64(10)
		state := make(map[int64]entryState) // of all messages ever taken
		var offsets []int64
		for range 400 {
			switch rnd.IntN(5) {
			case 0, 1: // an answer, with gaps
				for range rnd.IntN(5) {
					end += rnd.Int64N(3)
					require.True(t, w.wants(end))
					w.take(end)
					state[end] = taken
					offsets = append(offsets, end)
					end++
				}
				end += rnd.Int64N(3)
				w.advance(end)
			case 2, 3:
				if len(offsets) == 0 {
					continue
				}
				offset := offsets[max(0, len(offsets)-1-rnd.IntN(20))]
				before := w.lowest()
				moved := w.ack(offset)
				require.Equal(t, w.lowest() != before, moved)
				state[offset] = acked
			case 4:
				if len(offsets) == 0 {
					continue
				}
				offset := offsets[max(0, len(offsets)-1-rnd.IntN(20))]
				require.Equal(t, state[offset] == taken, w.release(offset))
				if state[offset] == taken {
					state[offset] = released
				}
				require.Equal(t, state[offset] == released, w.wants(offset))
				if rnd.IntN(2) == 0 && state[offset] == released {
					w.take(offset)
					state[offset] = taken
				}
			}
			want, open := end, 0
			var again []int64
			for offset, s := range state {
				if s == released {
					again = append(again, offset)
				}
				if s != acked {
					want = min(want, offset)
					open++
				}
			}
			require.Equal(t, want, w.lowest())
			require.Equal(t, open, w.open())
			require.Equal(t, end-want, w.span())
			slices.Sort(again)
			require.Equal(t, again, w.releasedIn(0, end))
			first, ok := w.firstReleased()
			require.Equal(t, len(again) > 0, ok)
			if ok {
				require.Equal(t, again[0], first)
			}
		}
		require.False(t, w.ack(9), "before the window")
		require.False(t, w.wants(9))
		require.True(t, slices.IsSorted(offsets))
	}
}

// A window that moves on does not grow.
func TestWindowKeepsItsMemory(t *testing.T) {
	var w window
	for i := range int64(100_000) {
		w.take(i)
		if i >= 100 {
			w.ack(i - 100)
		}
	}
	require.LessOrEqual(t, cap(w.entries), 512)
	require.EqualValues(t, 99_900, w.lowest())
}
