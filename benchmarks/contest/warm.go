package contest

import (
	"context"
	"fmt"
	"time"
)

// WarmPoint is a stretch of the real broker's warm-up.
type WarmPoint struct {
	PerCall int     `json:"perCall"`
	Rate    float64 `json:"rate"`
}

// warm sends raw frames to the real broker, single ones and batches in turn: a
// broker that has only just started is much slower than one that has served for
// a while.
func (c *course) warm(ctx context.Context, b *stand) error {
	single, _ := CandidateByID(Raw64)
	e, err := c.enter(ctx, single, b.NameServer)
	if err != nil {
		return err
	}
	defer e.process.Close()
	begin := time.Now()
	var sent int64
	for i := 0; sent < c.settings.WarmMessages && time.Since(begin) < c.settings.WarmLimit; i++ {
		load := &Case{Callers: 1, PerCall: 1, Body: Body1K}
		e.candidate.Depth = 64
		if i%2 == 1 {
			load.PerCall, e.candidate.Depth = 32, 16
		}
		s, _, err := e.run(e.task(load, c.dir, 2*time.Second, 0))
		if err != nil {
			return fmt.Errorf("contest: warm-up: %w", err)
		}
		sent += s.Acknowledged
		c.report.Warm = append(c.report.Warm, WarmPoint{load.PerCall, s.Rate()})
		if err := c.keepSmall(ctx, b); err != nil {
			return err
		}
	}
	c.report.WarmMessages, c.report.WarmTime = sent, time.Since(begin)
	c.settings.Log.Printf("the broker is warm: %d messages in %s", sent, time.Since(begin).Round(time.Second))
	_, err = b.AwaitSettled(ctx)
	return err
}
