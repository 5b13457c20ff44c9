package load

import (
	"context"
	"time"
)

// shortest is the shortest sleep of a pacer: it has several calls ready at once
// rather than sleep for less.
const shortest = 50 * time.Microsecond

// pace hands out the planned times of an open loop, each when it has come, and
// closes the channel when the phase is over. A caller that is late finds them
// waiting, so a slow answer delays none of the plan.
func (p *phase) pace(ctx context.Context, planned chan<- time.Duration) error {
	defer close(planned)
	clock, err := newSleeper()
	if err != nil {
		return err
	}
	defer clock.close()
	interval := float64(p.task.PerCall) / p.task.Rate * float64(time.Second)
	for i := 0; ; i++ {
		at := time.Duration(float64(i) * interval)
		if at >= p.length {
			return nil
		}
		if wait := at - time.Since(p.begin); wait > 0 {
			if err := clock.sleep(max(wait, shortest)); err != nil {
				return err
			}
		}
		select {
		case planned <- at:
		case <-ctx.Done():
			return nil
		}
	}
}
