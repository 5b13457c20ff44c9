// Package verdict says what a failed attempt to store messages means: whether the
// broker may have them, and what is to be done next.
//
// Of knows the errors of transport, routing and headers, and Refusal those of them by
// which access control or a certificate keeps a client out. Whoever makes another
// error, or knows better, says so where the error is made, with Mark.
package verdict

import "errors"

// Outcome says where messages are after an attempt.
type Outcome int

const (
	// NotSent means that no broker has them.
	NotSent Outcome = iota
	// MayBeStored means that the attempt may have reached a broker, which did not
	// say what became of them.
	MayBeStored
	// Stored means that a broker said it has them.
	Stored
)

// Next is what follows a failed attempt.
type Next int

const (
	// GiveUp: no other attempt can succeed.
	GiveUp Next = iota
	// RetryElsewhere: another broker may take what this one does not. If there is
	// none, or the message belongs to a queue, it is this one again.
	RetryElsewhere
	// RetryHere: no broker is to blame; all of them are good for another attempt.
	RetryHere
	// Split: the broker refuses what is in the request. One message of a batch
	// may be the reason, or the size of all together; for a single message it is
	// the end.
	Split
)

// Sign is what an attempt shows of the broker it went to.
type Sign int

const (
	// NoSign: nothing, the broker was not asked.
	NoSign Sign = iota
	// Answered: it works, whatever it thinks of the message.
	Answered
	// Refuses: it answers, but takes no messages for now.
	Refuses
	// Unreachable: no connection, or one that was lost.
	Unreachable
	// Unanswered: nothing came in the time that there was.
	Unanswered
)

// Verdict is what a failed attempt means. The zero value says that nothing was sent
// and nothing will help.
type Verdict struct {
	// Outcome of the attempt.
	Outcome Outcome
	// Next is what to do about it.
	Next Next
	// Refresh says that the topic's route may be out of date.
	Refresh bool
	// Seldom says of a refresh that the failure has other causes as a rule, and may
	// last: a lookup now and then is enough.
	Seldom bool
	// Broker is what the attempt shows of the broker, for other messages.
	Broker Sign
	// Content says, of an end, that the content of the message is the reason. It is
	// always so where a single message cannot be split.
	Content bool
	// Unable says, of an end, that this broker cannot do what the message needs, and
	// another broker of the topic may.
	Unable bool
}

// Again says that another attempt can succeed with the same request.
func (v Verdict) Again() bool { return v.Next == RetryElsewhere || v.Next == RetryHere }

// marked is an error with its verdict.
type marked struct {
	err     error
	verdict Verdict
}

func (e *marked) Error() string { return e.err.Error() }

func (e *marked) Unwrap() error { return e.err }

// Mark returns err with a verdict, which Of returns for it and for what wraps it.
func Mark(err error, v Verdict) error { return &marked{err, v} }

// Bare returns err without the mark, if it has one, for those who look at the error
// and not at its verdict.
func Bare(err error) error {
	for {
		mark, ok := err.(*marked)
		if !ok {
			return err
		}
		err = mark.err
	}
}

// Marked returns the verdict that err, or an error that it wraps, is marked with.
func Marked(err error) (v Verdict, ok bool) {
	var m *marked
	if !errors.As(err, &m) {
		return Verdict{}, false
	}
	return m.verdict, true
}
