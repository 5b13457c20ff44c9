package publisher

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/transport"
)

// The error of a dial is shared by all that waited for it, so what one attempt adds
// to it must not be seen by the others.
func TestTimedOutCopies(t *testing.T) {
	shared := &transport.OpError{Op: "dial", Addr: "a:1", Err: context.DeadlineExceeded}
	own := timedOut(shared, ErrAttemptTimeout)
	other := timedOut(shared, ErrSendTimeout)
	require.Equal(t, context.DeadlineExceeded, shared.Err)
	require.ErrorIs(t, own, ErrAttemptTimeout)
	require.NotErrorIs(t, own, ErrSendTimeout)
	require.ErrorIs(t, other, ErrSendTimeout)
	require.NotErrorIs(t, other, ErrAttemptTimeout)
	for _, err := range []error{own, other} {
		var op *transport.OpError
		require.ErrorAs(t, err, &op)
		require.Equal(t, "a:1", op.Addr)
		require.ErrorIs(t, err, context.DeadlineExceeded)
	}
}
