package publisher

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Messages that come while a sender waits for company join those that wait. To
// start another sender for them would be of no use.
func TestLingeringLaneStartsNothing(t *testing.T) {
	p := &Publisher{cfg: Config{Batch: BatchConfig{Linger: time.Minute, MaxMessages: 10, MaxBytes: 1 << 20}}, now: time.Now}
	o := newOutbox(p, "orders")
	l := &o.free
	c := &call{began: p.now(), entries: make([]entry, 2)}
	for i := range c.entries {
		c.entries[i] = entry{call: c, result: &Result{}}
	}
	l.waiting = append(l.waiting, &c.entries[0])
	require.Len(t, l.startIfFree(nil), 1, "the sender that is to wait")

	l.active, l.lingering = 0, true // as it is when that waits
	l.waiting = append(l.waiting, &c.entries[1])
	require.Empty(t, l.startIfFree(nil))
	require.Zero(t, l.active)
}
