// Package rounds is for tests that make random choices for as long as STRESS_TIME says (a Go
// duration, a second by default), round after round. Each round is a subtest that is named by
// its seed: STRESS_SEED runs that one again. The choices of a round are then the same, though
// goroutines may meet in another order.
package rounds

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"
)

// Run runs rounds until the time is over, or one has failed.
func Run(t *testing.T, round func(t *testing.T, seed uint64)) {
	t.Helper()
	if text := os.Getenv("STRESS_SEED"); text != "" {
		seed, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			t.Fatalf("STRESS_SEED: %v", err)
		}
		t.Run(text, func(t *testing.T) { round(t, seed) })
		return
	}
	length := time.Second
	if text := os.Getenv("STRESS_TIME"); text != "" {
		var err error
		if length, err = time.ParseDuration(text); err != nil {
			t.Fatalf("STRESS_TIME: %v", err)
		}
	}
	for began := time.Now(); time.Since(began) < length && !t.Failed(); {
		seed := rand.Uint64()
		t.Run(fmt.Sprint(seed), func(t *testing.T) { round(t, seed) })
	}
}
