package realbroker

import (
	"context"
	"time"
)

// poll calls ok at once and then at the interval, until it says yes, fails, or
// the context ends.
func poll(ctx context.Context, every time.Duration, ok func() (bool, error)) error {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		if done, err := ok(); done || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-ticker.C:
		}
	}
}
