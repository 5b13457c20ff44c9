package contest

import (
	"context"
	"time"
)

// pause lets a broker work before it is asked again. Its error is why ctx has ended.
func pause(ctx context.Context, length time.Duration) error {
	select {
	case <-time.After(length):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
