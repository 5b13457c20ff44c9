package subscriber_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Deliveries are explained by what the broker knew, and not by anything else.
func TestMixedGroup(t *testing.T) {
	start := time.Now().Truncate(time.Second)
	at := func(seconds float64) time.Time { return start.Add(time.Duration(seconds * float64(time.Second))) }
	given := func(client clientKind, seconds float64, from, to int64) (list []groupDelivery) {
		for offset := from; offset < to; offset++ {
			list = append(list, groupDelivery{client, string(client), 3, offset, at(seconds)})
		}
		return list
	}
	known := func(seconds float64, offset int64) groupOffset { return groupOffset{at(seconds), at(seconds), offset} }
	for name, tc := range map[string]struct {
		deliveries [][]groupDelivery
		offsets    []groupOffset
		want       map[string]int
		faults     int
	}{
		"all once": {
			[][]groupDelivery{given(ourClient, 1, 0, 10), given(javaClient, 2, 10, 20)},
			[]groupOffset{known(0, 0), known(1.5, 10), known(3, 20)},
			map[string]int{},
			0,
		},
		"read before the commit": {
			[][]groupDelivery{given(ourClient, 1, 0, 10), given(javaClient, 1.5, 4, 20)},
			[]groupOffset{known(0, 0), known(1.2, 4), known(1.6, 10)},
			map[string]int{"Java after ours: not committed yet": 6},
			0,
		},
		"read at once by two": {
			[][]groupDelivery{given(goClient, 1, 0, 10), given(javaClient, 1.1, 0, 5), given(goClient, 1.2, 10, 12), given(javaClient, 1.3, 5, 12)},
			[]groupOffset{known(0, 0), known(1.4, 12)},
			map[string]int{"Java after rocketmq-client-go: not committed yet": 12},
			0,
		},
		"taken back": {
			[][]groupDelivery{given(ourClient, 1, 0, 10), given(goClient, 9, 4, 10)},
			[]groupOffset{known(0, 0), known(2, 10), known(7, 4), known(10, 10)},
			map[string]int{"rocketmq-client-go after ours: committed, and taken back": 6},
			0,
		},
		"begun before the offset": {
			[][]groupDelivery{given(javaClient, 1, 0, 10), given(ourClient, 9, 4, 12)},
			[]groupOffset{known(0, 0), known(2, 10), known(10, 12)},
			map[string]int{"ours after Java: for no reason": 6},
			6,
		},
		"not committed in time": {
			[][]groupDelivery{given(ourClient, 1, 0, 10)},
			[]groupOffset{known(0, 0), known(2, 4), known(8, 10)},
			map[string]int{},
			6,
		},
	} {
		t.Run(name, func(t *testing.T) {
			g := &mixedGroup{offsets: map[int32][]groupOffset{3: tc.offsets}}
			for _, list := range tc.deliveries {
				g.deliveries = append(g.deliveries, list...)
			}
			reasons, faults := g.again()
			require.Equal(t, tc.want, reasons)
			require.Len(t, faults, tc.faults)
		})
	}
}
