package transport

import (
	"errors"
	"fmt"
)

var (
	// ErrClosed means that the Client was closed before or during the call.
	ErrClosed = errors.New("transport client closed")
	// ErrStalled means that a connection was closed because its peer had been
	// silent while calls ran out of time. See Config.StallTimeout.
	ErrStalled = errors.New("peer is silent")
	// ErrRetired means that a connection ended because Retire was called, or the
	// peer answered GO_AWAY, and its last answer had come. For a call it means that
	// Retire was called while it waited for the dial.
	ErrRetired = errors.New("connection retired")
	// ErrAnswered means that a request of the peer has an answer already.
	ErrAnswered = errors.New("already answered")
	// ErrTooManyAnswers means that the peer has not read the answers to 64 requests,
	// or 4 MiB of them, and that there is no room for another.
	ErrTooManyAnswers = errors.New("peer does not read the answers it has asked for")

	// errGone means that a connection had ended before it took the request.
	errGone = errors.New("connection has ended")
)

// OpError is a call that brought no answer, or an answer that could not be given.
type OpError struct {
	// Op is what failed: "dial", "decorate", "encode", "write", "read", "wait", or
	// "answer" for one that was to be given to the peer.
	Op   string
	Addr string
	// Sent says that the whole request may have reached the peer, which may have
	// acted on it or may still do so. If it is false the peer has not seen the
	// request, or at most the beginning of it, which no peer acts on.
	Sent bool
	// Err is the cause: of the network, of the caller's context, or one of this
	// package's errors.
	Err error
}

// Error names the operation, the address and the cause.
func (e *OpError) Error() string {
	sent := "request not sent"
	switch {
	case e.Sent:
		sent = "request may have been received"
	case e.Op == "answer":
		sent = "answer not sent"
	}
	return fmt.Sprintf("transport: %s %s: %v (%s)", e.Op, e.Addr, e.Err, sent)
}

// Unwrap returns the cause.
func (e *OpError) Unwrap() error { return e.Err }
