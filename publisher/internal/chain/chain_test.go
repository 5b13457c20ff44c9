package chain

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

type member struct{ link Link[member] }

// Whatever is done to a chain, it has what a plain slice has after the same.
func TestChain(t *testing.T) {
	for seed := range uint64(200) {
		rnd := rand.New(rand.NewPCG(seed, 0))
		var c Chain[member]
		var want []*member
		for range 100 {
			m := &member{}
			m.link.Member = m
			switch at := rnd.IntN(len(want) + 1); rnd.IntN(4) {
			case 0:
				c.Add(&m.link)
				want = append(want, m)
			case 1:
				var before *Link[member]
				if at > 0 {
					before = &want[at-1].link
				}
				c.Insert(&m.link, before)
				want = slices.Insert(want, at, m)
			default:
				if at < len(want) {
					c.Remove(&want[at].link)
					require.False(t, want[at].link.In())
					want = slices.Delete(want, at, at+1)
				}
			}
			var got []*member
			for l := c.Last(); l != nil; l = l.Before() {
				require.True(t, l.In())
				got = append(got, l.Member)
			}
			slices.Reverse(got)
			require.True(t, slices.Equal(want, got), "seed %d", seed) // the same members, not equal ones
			if len(want) > 0 {
				require.Same(t, want[0], c.First().Member)
			} else {
				require.Nil(t, c.First())
			}
		}
	}
}
