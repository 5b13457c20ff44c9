package dispatch

import (
	"time"

	"github.com/watermill-rocketmq/watermill-rocketmq/internal/verdict"
	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
)

// Stored is where a broker has put the messages of an attempt, or where they were sent
// one-way.
type Stored struct {
	// At is when that was known.
	At    time.Time
	Queue routing.MessageQueue
	Addr  string
	// Err, if there is one, is what the messages' results say though they are stored.
	Err error

	// What follows is not looked at by the engine.

	Status    int
	Offset    int64  // of the first message; the others follow
	OffsetIDs []byte // of all messages, joined by commas
	Handle    string // to recall a timer message
	Region    string // of the broker
	Untraced  bool   // the broker wants no traces
}

// Failure is an attempt that has failed.
type Failure struct {
	// Queue and Addr say where; empty if none was found.
	Queue routing.MessageQueue
	Addr  string
	Began time.Time
	Took  time.Duration
	// Outcome of this attempt alone.
	Outcome verdict.Outcome
	Err     error
}
