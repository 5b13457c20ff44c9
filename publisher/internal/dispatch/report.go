package dispatch

import (
	"errors"
	"time"

	"github.com/watermill-rocketmq/watermill-rocketmq/internal/verdict"
)

// Why no further attempt is made for a message.
var (
	// ErrClosed: the engine was closed.
	ErrClosed = errors.New("publisher closed")
	// ErrSendTimeout: Config.SendTimeout is over.
	ErrSendTimeout = errors.New("send timeout")
	// ErrAttemptTimeout is why an attempt had no time left.
	ErrAttemptTimeout = errors.New("attempt timeout")
	// ErrNotAttempted: another message of the call has failed.
	ErrNotAttempted = errors.New("another message of the call failed")
)

const mayBeStored = verdict.MayBeStored

// Report is what became of a message.
type Report struct {
	Outcome verdict.Outcome
	// Attempts counts the attempts made, the good one included.
	Attempts int
	// Failed has the failed attempts in order. Of a long row only the first and the
	// latest eight are kept.
	Failed []Failure
	// Stored says where the message is, or was sent to one-way; nil if that is not
	// known. It is the one at Place of Of messages there.
	Stored    *Stored
	Place, Of int
	// Err is nil if the message was published. GaveUp says that it is the reason why no
	// further attempt was made; then Last is the error of the last one.
	Err    error
	GaveUp bool
	Last   error
	// Content says that the content of the message is the reason for Err, so that it will
	// fail again.
	Content bool
	// Latency is more than 0 if the message was not sent since the answer, which lately
	// took that long, would have come too late.
	Latency time.Duration
	// Took is how long it was from the beginning of the call until the result.
	Took time.Duration
}

// keptFailures is how many attempts from either end of a long row are kept.
const keptFailures = 8

func (r *Report) addFailed(f Failure) {
	if len(r.Failed) == 2*keptFailures {
		copy(r.Failed[keptFailures:], r.Failed[keptFailures+1:])
		r.Failed = r.Failed[:2*keptFailures-1]
	}
	r.Failed = append(r.Failed, f)
}
