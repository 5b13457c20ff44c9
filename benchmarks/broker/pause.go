package broker

import (
	"context"
	"time"
)

// Pause lets a broker work before it is asked again. Its error is why ctx has ended.
func Pause(ctx context.Context, length time.Duration) error {
	select {
	case <-time.After(length):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
