package dispatch

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Messages that come while a sender waits for company join those that wait. To
// start another sender for them would be of no use.
func TestLingeringLaneStartsNothing(t *testing.T) {
	e := New(Config{Linger: time.Minute, MaxMessages: 10, MaxBytes: 1 << 20})
	l := &newAccumulator(e, "orders").free
	c := &Call{Began: e.Now()}
	messages := c.Begin(nil, 2)
	l.row.push(&messages[0])
	require.Len(t, l.startAll(nil, e.Now()), 1, "the sender that is to wait")

	l.active, l.lingering = 0, true // as it is when that waits
	l.row.push(&messages[1])
	require.Empty(t, l.startAll(nil, e.Now()))
	require.Zero(t, l.active)
}
