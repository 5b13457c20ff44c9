package publisher

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// An outbox that somebody has got is not forgotten, though it was idle when the
// sweep looked: with another beside it the messages of a key would lose their order.
func TestSweepLeavesWhatIsInUse(t *testing.T) {
	p := new(Publisher)
	before := p.outboxes.of(p, "orders")
	require.Empty(t, p.outboxes.unused(), "it has just been made")
	idle := p.outboxes.unused()
	require.Equal(t, []string{"orders"}, idle)
	require.Same(t, before, p.outboxes.of(p, "orders"))
	p.outboxes.forget(idle)
	require.Same(t, before, p.outboxes.of(p, "orders"))

	require.Empty(t, p.outboxes.unused())
	p.outboxes.sweep()
	require.NotSame(t, before, p.outboxes.of(p, "orders"), "nobody has used it")
}
