package dispatch

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// An accumulator that somebody has got is not forgotten, though it was idle when the
// sweep looked: with another beside it the messages of a key would lose their order.
func TestSweepLeavesWhatIsInUse(t *testing.T) {
	e := New(Config{SweepInterval: time.Hour})
	defer e.Cut()
	topics := &e.topics
	before := topics.of("orders")
	require.Empty(t, topics.unused(), "it has just been made")
	idle := topics.unused()
	require.Equal(t, []string{"orders"}, idle)
	require.Same(t, before, topics.of("orders"))
	topics.forget(idle)
	require.Same(t, before, topics.of("orders"))

	require.Empty(t, topics.unused())
	topics.sweep()
	require.NotSame(t, before, topics.of("orders"), "nobody has used it")
}
