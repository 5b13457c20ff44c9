package subscriber

import (
	"time"

	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber/internal/engine"
)

// From is a place in the queues of a topic. The zero value is Earliest.
type From struct {
	latest bool
	at     time.Time
}

// Earliest is the first message that is stored.
func Earliest() From { return From{} }

// Latest is the next message that will be stored.
func Latest() From { return From{latest: true} }

// At is the first message that was stored at t, or later, by the clock of the broker, to
// the millisecond.
func At(t time.Time) From { return From{at: t} }

// String names the place.
func (f From) String() string {
	switch {
	case f.latest:
		return "latest"
	case !f.at.IsZero():
		return f.at.Format(time.RFC3339Nano)
	}
	return "earliest"
}

func (f From) position() engine.From {
	switch {
	case f.latest:
		return engine.From{Position: engine.Latest}
	case !f.at.IsZero():
		return engine.From{Position: engine.FromTime, Time: f.at}
	}
	return engine.From{}
}
