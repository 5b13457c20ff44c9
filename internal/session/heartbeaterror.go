package session

import (
	"fmt"
	"strings"
)

// HeartbeatError means that a broker has not taken a heartbeat, as far as is known.
type HeartbeatError struct {
	Addr string
	Err  error
}

// Error names the broker and has the cause in it.
func (e *HeartbeatError) Error() string {
	return fmt.Sprintf("broker %s did not take the heartbeat: %v", e.Addr, e.Err)
}

// Unwrap returns the cause.
func (e *HeartbeatError) Unwrap() error { return e.Err }

// BeatError means that some of the brokers that Member.Beat was for have not taken the
// heartbeat. The others have.
type BeatError struct {
	Failed []*HeartbeatError // at least one, in the order that Beat was given
}

// Error has all causes in it.
func (e *BeatError) Error() string {
	texts := make([]string, len(e.Failed))
	for i, one := range e.Failed {
		texts[i] = one.Error()
	}
	return strings.Join(texts, "; ")
}

// Unwrap returns what has failed.
func (e *BeatError) Unwrap() []error {
	all := make([]error, len(e.Failed))
	for i, one := range e.Failed {
		all[i] = one
	}
	return all
}
