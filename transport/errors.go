package transport

import (
	"context"
	"errors"
	"fmt"
)

var (
	// ErrClosed means that the Client was closed before or during the call.
	ErrClosed = errors.New("transport client closed")
	// ErrStalled means that a connection was closed because its peer had been
	// silent while calls ran out of time. See Config.StallTimeout.
	ErrStalled = errors.New("peer is silent")
	// ErrRetired means that a connection ended because Retire was called and its
	// last answer had come.
	ErrRetired = errors.New("connection retired")

	// errGone means that a connection had ended before it took the request.
	errGone = errors.New("connection has ended")
)

// OpError is a call that brought no answer.
type OpError struct {
	// Op is what failed: "dial", "decorate", "encode", "write", "read" or
	// "wait".
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
	sent := "not sent"
	if e.Sent {
		sent = "may have been received"
	}
	return fmt.Sprintf("transport: %s %s: %v (request %s)", e.Op, e.Addr, e.Err, sent)
}

// Unwrap returns the cause.
func (e *OpError) Unwrap() error { return e.Err }

// contextError returns why ctx ended, so that it matches both ctx.Err and the
// cause it was given.
func contextError(ctx context.Context) error {
	err, cause := ctx.Err(), context.Cause(ctx)
	if errors.Is(cause, err) {
		return cause
	}
	return fmt.Errorf("%w: %w", err, cause)
}
