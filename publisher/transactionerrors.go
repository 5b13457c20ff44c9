package publisher

import (
	"errors"
	"fmt"
)

var (
	// ErrNoTransactionCheck means that the publisher has no
	// Config.Transaction.Check. Without one, a transaction whose commit is lost
	// is never settled, so none is begun.
	ErrNoTransactionCheck = errors.New("no Config.Transaction.Check")
	// ErrTransactionEnded means that the transaction was committed, rolled back
	// or left to the check before, or that another call is ending it. This
	// call did nothing. The error that wraps it says which.
	ErrTransactionEnded = errors.New("the transaction has ended before")
)

// TransactionError is returned where a transaction may not have ended as was asked
// for. Unless it may be tried again here, the check settles it: a broker asks a
// producer of the group what became of the transaction.
type TransactionError struct {
	// State that was asked for, TransactionCommit or TransactionRollback.
	State TransactionState
	// MessageID is the unique id of the message.
	MessageID string
	// Outcome is MayBeStored if the broker may have done what was asked for, and
	// NotSent if it has not.
	Outcome Outcome
	// Open says that the transaction is open as before: nothing has happened,
	// and Commit or Rollback may be called again, or Unknown to leave it to the
	// check.
	Open bool
	Err  error
}

// Error says what may have happened and what will.
func (e *TransactionError) Error() string {
	call, done := "Commit", "committed"
	if e.State == TransactionRollback {
		call, done = "Rollback", "rolled back"
	}
	switch {
	case e.Open:
		return fmt.Sprintf("publisher: message %s is not %s, which may be tried again: %v", e.MessageID, done, e.Err)
	case errors.Is(e.Err, ErrTransactionEnded):
		return fmt.Sprintf("publisher: %s of message %s did nothing: %v", call, e.MessageID, e.Err)
	case e.Outcome == NotSent:
		return fmt.Sprintf("publisher: message %s is not %s; the check will settle it: %v", e.MessageID, done, e.Err)
	default:
		return fmt.Sprintf("publisher: message %s may be %s; the check will settle it: %v", e.MessageID, done, e.Err)
	}
}

// Unwrap returns the reason.
func (e *TransactionError) Unwrap() error { return e.Err }
