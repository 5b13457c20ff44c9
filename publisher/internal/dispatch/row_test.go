package dispatch

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// Whatever is done to a row, it has what a plain slice has after the same.
func TestRow(t *testing.T) {
	for seed := range uint64(200) {
		rnd := rand.New(rand.NewPCG(seed, 0))
		var r row[Message]
		var want []*Message
		for range 300 {
			switch rnd.IntN(9) {
			case 0, 1, 2, 3:
				for range 1 + rnd.IntN(6) {
					e := &Message{}
					r.push(e)
					want = append(want, e)
				}
			case 4, 5: // takes some, keeping a few of those that it passes
				n := rnd.IntN(len(want) + 1)
				var stay []*Message
				list := r.list()
				for _, e := range want[:n] {
					if rnd.IntN(4) == 0 {
						list[len(stay)] = e
						stay = append(stay, e)
					}
				}
				r.take(n, len(stay))
				want = slices.Concat(stay, want[n:])
			case 6:
				gone := make(map[*Message]bool)
				for _, e := range want {
					gone[e] = rnd.IntN(3) == 0
				}
				r.deleteFunc(func(e *Message) bool { return gone[e] })
				want = slices.DeleteFunc(want, func(e *Message) bool { return gone[e] })
			case 7:
				if len(want) > 0 {
					require.Same(t, want[len(want)-1], r.pop())
					want = want[:len(want)-1]
				}
			case 8:
				back := []*Message{{}, {}}
				r.pushFront(back)
				want = slices.Concat(back, want)
			}
			require.Len(t, want, r.len())
			require.True(t, slices.Equal(want, r.list()), "seed %d", seed)
			for _, e := range r.buf[:r.first] {
				require.Nil(t, e, "an message that was taken would keep its call in memory")
			}
		}
	}
}

// To take the first message moves no other: with very many that wait, each of them
// would be moved for each one that leaves.
func TestRowTakesWithoutMoving(t *testing.T) {
	var r row[Message]
	for range 1000 {
		r.push(&Message{})
	}
	second := &r.list()[1]
	r.take(1, 0)
	require.Same(t, second, &r.list()[0])
}

// A row that is filled and emptied over and over needs no new memory.
func TestRowAllocations(t *testing.T) {
	var r row[Message]
	e := &Message{}
	require.Zero(t, testing.AllocsPerRun(1000, func() {
		for range 64 {
			r.push(e)
		}
		r.take(45, 0)
		r.take(19, 0)
	}))
}
