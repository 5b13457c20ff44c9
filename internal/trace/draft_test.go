package trace

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

// Records share messages up to the limits on body and keys, whichever comes first,
// and each is found by its id.
func TestDraftLimits(t *testing.T) {
	for name, test := range map[string]struct {
		records int
		keys    string
		tags    string
		fewest  int // messages
	}{
		"ids":        {2000, "", "", 4},
		"keys":       {100, strings.Repeat("k", 5000), "", 20},
		"body":       {100, "", strings.Repeat("t", 30_000), 25},
		"keys alone": {3, strings.Repeat("k", 31_000), "", 3},
		"same keys":  {500, "same", "", 1},
	} {
		t.Run(name, func(t *testing.T) {
			var d draft
			var bodies, keys []string
			send := func() {
				require.LessOrEqual(t, len(d.body), maxBodySize)
				require.LessOrEqual(t, len(d.keys.text), maxKeysSize)
				require.LessOrEqual(t, headers.PropertySize("KEYS", string(d.keys.text))+80, 32_000)
				bodies, keys = append(bodies, string(d.body)), append(keys, string(d.keys.text))
				d.reset()
			}
			for i := range test.records {
				r := record{id: fmt.Sprintf("%056d", i), tags: test.tags, keys: test.keys}
				if len(r.keys) > 1000 {
					r.keys += fmt.Sprint(i)
				}
				if !d.add(&r) {
					send()
					require.True(t, d.add(&r))
				}
			}
			send()
			require.GreaterOrEqual(t, len(bodies), test.fewest)
			require.LessOrEqual(t, len(bodies), test.fewest+test.fewest/4)
			i := 0
			for n, b := range bodies {
				found := make(map[string]bool)
				for _, key := range strings.Fields(keys[n]) {
					found[key] = true
				}
				for range strings.Count(b, "\x02") {
					require.True(t, found[fmt.Sprintf("%056d", i)])
					i++
				}
			}
			require.Equal(t, test.records, i)
		})
	}
}
