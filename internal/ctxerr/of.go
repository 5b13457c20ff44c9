// Package ctxerr says why a context has ended.
package ctxerr

import (
	"context"
	"errors"
	"fmt"
)

// Of returns why ctx has ended, nil if it has not. Callers look for context.Canceled
// and context.DeadlineExceeded as often as for the cause that they gave, so the error
// matches both.
func Of(ctx context.Context) error {
	err := ctx.Err()
	if err == nil {
		return nil
	}
	cause := context.Cause(ctx)
	if errors.Is(cause, err) {
		return cause
	}
	return fmt.Errorf("%w: %w", err, cause)
}
