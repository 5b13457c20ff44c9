package dispatch

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A limit that has ended is not used again, whoever shortens it at that moment.
func TestTimeLimitShortenedWhenItEnds(t *testing.T) {
	var limits timeLimits
	for range 100_000 {
		now := time.Now()
		l := limits.limit(context.Background(), now.Add(time.Hour))
		require.NoError(t, l.Err(), "a fresh limit has ended already")
		var wg sync.WaitGroup
		wg.Go(func() { l.own.end(true) })
		shortened := l.shorten(now.Add(time.Minute))
		wg.Wait()
		limits.stop(shortened)
	}
}
