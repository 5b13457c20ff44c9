package publisher

import (
	"math/rand/v2"
	"time"
)

// BackoffConfig is a pause that grows: about Min after the first failed attempt,
// doubling until Max. Each pause is drawn from the upper half of its length, so
// that many publishers do not come back at one moment.
type BackoffConfig struct {
	// Min is 10 ms by default, or Max if that is less.
	Min time.Duration
	// Max is 1 s by default.
	Max time.Duration
}

// pause returns the pause after the given number of failed attempts.
func (b BackoffConfig) pause(failed int) time.Duration {
	length := b.Max
	if shift := failed - 1; shift < 30 && b.Min<<shift < b.Max && b.Min<<shift > 0 {
		length = b.Min << shift
	}
	if length < 2 {
		return length
	}
	return length/2 + rand.N(length/2+1)
}
