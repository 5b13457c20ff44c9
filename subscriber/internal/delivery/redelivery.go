package delivery

import (
	"math"
	"math/rand/v2"
	"time"
)

// Redelivery says what becomes of a message whose handler failed.
type Redelivery struct {
	// MinPause is the time between the first failure and the next delivery. It doubles with
	// each failure until MaxPause.
	MinPause, MaxPause time.Duration
	// MaxLocalPause is the longest pause that the lane waits out itself. For longer ones the
	// Source is asked to deliver again. Ordered subscriptions wait out all pauses.
	MaxLocalPause time.Duration
	// MaxDeliveries is how often a message is delivered before it becomes a dead letter. 0
	// delivers it for ever.
	MaxDeliveries int
}

// jitter is how much of a pause is left to chance, so that messages that have failed
// together do not come back together.
const jitter = 0.2

// pause is the time between the failure of a delivery, the first of which is 1, and the
// next.
func (r *Redelivery) pause(delivery int) time.Duration {
	p := r.MaxPause
	if doubled := float64(r.MinPause) * math.Pow(2, float64(delivery-1)); doubled < float64(r.MaxPause) {
		p = time.Duration(doubled)
	}
	return p - time.Duration(jitter*rand.Float64()*float64(p))
}

// last reports whether a message is not to be delivered again.
func (r *Redelivery) last(delivery int) bool {
	return r.MaxDeliveries > 0 && delivery >= r.MaxDeliveries
}
