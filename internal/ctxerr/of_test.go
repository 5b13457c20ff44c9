package ctxerr_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/internal/ctxerr"
)

// The error matches what the context says, and what its owner gave as the cause,
// whether or not the one wraps the other.
func TestOf(t *testing.T) {
	gone := errors.New("user is gone")
	for name, cause := range map[string]error{
		"none":               nil,
		"another error":      gone,
		"around Canceled":    fmt.Errorf("%w: %w", gone, context.Canceled),
		"Canceled by itself": context.Canceled,
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancelCause(t.Context())
			require.NoError(t, ctxerr.Of(ctx))
			cancel(cause)
			err := ctxerr.Of(ctx)
			require.ErrorIs(t, err, context.Canceled)
			if cause != nil {
				require.ErrorIs(t, err, cause)
			}
		})
	}
	late, cancel := context.WithTimeoutCause(t.Context(), 0, gone)
	defer cancel()
	require.ErrorIs(t, ctxerr.Of(late), context.DeadlineExceeded)
	require.ErrorIs(t, ctxerr.Of(late), gone)
}
