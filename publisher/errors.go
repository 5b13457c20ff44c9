package publisher

import (
	"errors"
	"fmt"
	"time"

	"github.com/watermill-rocketmq/watermill-rocketmq/publisher/internal/dispatch"
)

var (
	// ErrClosed means that the Publisher was closed before or during the call.
	ErrClosed = dispatch.ErrClosed
	// ErrSendTimeout means that Config.SendTimeout passed before a broker
	// confirmed the message. The attempts and their errors are in the Result.
	ErrSendTimeout = dispatch.ErrSendTimeout
	// ErrAttemptTimeout is the error of an attempt that took longer than
	// Config.AttemptTimeout, or than its share of the time that its message had
	// left. It is found in Attempt.Err.
	ErrAttemptTimeout = dispatch.ErrAttemptTimeout
	// ErrNilMessage means that a message of the call was nil.
	ErrNilMessage = errors.New("message is nil")
	// ErrNotAttempted is the error of messages that were fine themselves but
	// stood beside or behind one that failed in the same call.
	ErrNotAttempted = dispatch.ErrNotAttempted
	// ErrCloseTimeout is returned by Close when Publish calls were still under
	// way after Config.CloseTimeout. They were cut off and returned ErrClosed.
	ErrCloseTimeout = errors.New("publish calls did not end in time")
)

// Error is returned by Publish, PublishAsync and PublishOneway when not every message
// of the call is published or, by the second, taken. It says of each what became of
// it.
type Error struct {
	// Topic is the Watermill topic.
	Topic string
	// Results has one entry for each message of the call, in its order. Entries
	// with a nil Err are published.
	Results []Result
}

// Cause returns the result of the message that ended the call.
func (e *Error) Cause() *Result {
	for i := range e.Results {
		if err := e.Results[i].Err; err != nil && !isBystander(err) {
			return &e.Results[i]
		}
	}
	return &Result{}
}

// isBystander reports whether err is that of a message that would not have failed
// by itself. It compares and does not match: a marshaler's error may wrap anything.
func isBystander(err error) bool {
	gaveUp, ok := err.(*GiveUpError)
	return err == ErrNotAttempted || ok && gaveUp.Cause == ErrNotAttempted
}

// Outcome is the most that can be said of all messages that were not published
// together: MayBeStored or Stored if one of them is, else NotSent.
func (e *Error) Outcome() Outcome {
	most := NotSent
	for _, r := range e.Results {
		if r.Err != nil {
			most = max(most, r.Outcome)
		}
	}
	return most
}

// Error tells the first failure and counts the outcomes.
func (e *Error) Error() string {
	cause := e.Cause()
	if len(e.Results) == 1 {
		return fmt.Sprintf("publisher: cannot publish message %q to topic %q (%s): %v", cause.UUID, e.Topic, cause.Outcome, cause.Err)
	}
	var count [Stored + 1]int
	for _, r := range e.Results {
		count[r.Outcome]++
	}
	return fmt.Sprintf("publisher: cannot publish message %q to topic %q (%s; of %d messages in the call %d are stored, %d may be stored, %d are not sent): %v",
		cause.UUID, e.Topic, cause.Outcome, len(e.Results), count[Stored], count[MayBeStored], count[NotSent], cause.Err)
}

// Unwrap returns the error of the message that ended the call.
func (e *Error) Unwrap() error { return e.Cause().Err }

// Is reports whether a message of the call can never be published as it is, if
// target is ErrPermanent.
func (e *Error) Is(target error) bool {
	if target != ErrPermanent {
		return false
	}
	for i := range e.Results {
		if errors.Is(e.Results[i].Err, ErrPermanent) {
			return true
		}
	}
	return false
}

// NotDurableError means that the broker has stored the message but has not
// flushed or replicated it as its configuration asks for. It is returned with
// Config.RequireDurable only. The publisher does not send the message again, and
// neither should the caller: that would make a duplicate.
type NotDurableError struct{ Status SendStatus }

// Error names the status.
func (e *NotDurableError) Error() string {
	return fmt.Sprintf("broker has stored the message but answered %s: it is not yet on disk or on a replica, and was not sent again", e.Status)
}

// OverloadError means that a message has waited for its turn until the answer would
// have come too late, and was not sent: the topic gets more messages than its brokers
// take. The message can be sent again, at a lower rate.
type OverloadError struct {
	// Latency is how long answers have lately taken.
	Latency time.Duration
	// Err is ErrSendTimeout, or why the message's context ended.
	Err error
}

// Error tells the latency.
func (e *OverloadError) Error() string {
	return fmt.Sprintf("%v: more messages than brokers take, an answer takes %v", e.Err, e.Latency.Round(time.Millisecond))
}

// Unwrap returns the reason.
func (e *OverloadError) Unwrap() error { return e.Err }

// MarshalError means that the marshaler refused the message, or returned one
// that RocketMQ cannot carry.
type MarshalError struct{ Err error }

// Error carries the marshaler's error.
func (e *MarshalError) Error() string { return "cannot marshal message: " + e.Err.Error() }

// Unwrap returns the marshaler's error.
func (e *MarshalError) Unwrap() error { return e.Err }

// OrderingKeyError means that Config.OrderingKey returned an error, or a key that
// cannot be stored as a property.
type OrderingKeyError struct{ Err error }

// Error carries the reason.
func (e *OrderingKeyError) Error() string { return "no ordering key for message: " + e.Err.Error() }

// Unwrap returns the reason.
func (e *OrderingKeyError) Unwrap() error { return e.Err }

// GiveUpError means that attempts were made and none brought success before the
// time was over or the publisher was closed.
type GiveUpError struct {
	Attempts int
	// Cause is ErrSendTimeout, ErrClosed, or why the message's context ended: it
	// matches context.Canceled or context.DeadlineExceeded, and the cause.
	Cause error
	// Last is the error of the last attempt. That of one that did not get as far
	// as a broker is a *routing.WaitError, around the error of the latest lookup of
	// the topic's route that failed: errors.As finds the *routing.NameServersError
	// or the resolver's error behind a time-out.
	Last error
}

// Error tells the cause and the last attempt's error.
func (e *GiveUpError) Error() string {
	if e.Last == nil {
		return fmt.Sprintf("%v after %d attempts", e.Cause, e.Attempts)
	}
	if e.Attempts == 1 {
		return fmt.Sprintf("%v after 1 attempt: %v", e.Cause, e.Last)
	}
	return fmt.Sprintf("%v after %d attempts, the last: %v", e.Cause, e.Attempts, e.Last)
}

// Unwrap returns the cause and the last attempt's error.
func (e *GiveUpError) Unwrap() []error {
	if e.Last == nil {
		return []error{e.Cause}
	}
	return []error{e.Cause, e.Last}
}
