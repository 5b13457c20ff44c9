package dispatch

import (
	"time"

	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
)

// Config sets up an Engine. All of it has to be set, but for Linger and HurryAfter.
type Config struct {
	Sender   Sender
	Observer Observer

	// MaxMessages and MaxBytes limit a request. A larger message is sent by itself.
	MaxMessages, MaxBytes int
	// Linger is how long messages wait for others to come, unless they fill a request
	// already.
	Linger time.Duration

	// SendTimeout is the time that a message has, AttemptTimeout that of an attempt.
	SendTimeout, AttemptTimeout time.Duration
	// Pause is the pause after the given number of failed attempts.
	Pause func(failed int) time.Duration
	// HurryAfter is how long messages wait for a request that is under way until they
	// are sent beside it, few as they may be. 50 ms by default.
	HurryAfter time.Duration
	// SweepInterval is how long an accumulator that nobody uses is kept: once to
	// twice that.
	SweepInterval time.Duration

	Avoidance Avoidance
	// Selector chooses the queue of messages without a key.
	Selector routing.Selector
	// Keys chooses the queue of those with one.
	Keys Keys
}

// Keys says which queue a key belongs to.
type Keys interface {
	// Queues returns the queues of a route that keys are spread over, in the order
	// that Queue counts them in.
	Queues(*routing.Route) []routing.MessageQueue
	// Queue picks that of a key's hash.
	Queue(hash uint64, queues []routing.MessageQueue) routing.MessageQueue
}
