package requestreply

import (
	"errors"
	"fmt"

	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
)

var (
	// ErrTimeout means that no reply came within RequesterConfig.Timeout. The error of a
	// request that waited for so long matches context.DeadlineExceeded as well.
	ErrTimeout = errors.New("no reply in time")
	// ErrClosed means that the Requester or the Responder was closed before or during the
	// call.
	ErrClosed = errors.New("requester or responder is closed")
	// ErrCloseTimeout is returned by Requester.Close when requests were still waiting after
	// RequesterConfig.CloseTimeout. They were given up and returned ErrClosed.
	ErrCloseTimeout = errors.New("requests did not end in time")
	// ErrNotRequest means that a message is no request: it does not say who waits for a
	// reply, or it does not come from a subscriber of this module.
	ErrNotRequest = errors.New("the message is no request")
	// ErrExpired is the cause that ends the context of a request in the hands of its
	// handler when nobody waits for the reply any more.
	ErrExpired = errors.New("nobody waits for the reply any more")
)

// RequestError is what Requester.Request returns in place of a reply.
type RequestError struct {
	// Topic is the Watermill topic, and UUID that of the request.
	Topic, UUID string
	// CorrelationID is what requester and responder know the request by (CORRELATION_ID).
	// It is empty if the request did not get so far as to have one.
	CorrelationID string
	// Outcome says where the request is: NotSent if no broker has it, so that nobody can
	// have handled it or will; Stored if a broker said that it has it; MayBeStored if that
	// is not known. Of a request that is or may be stored it is not known whether it was
	// handled, or will be yet.
	Outcome publisher.Outcome
	// Err is ErrTimeout, ErrClosed, why the caller's context has ended, a *publisher.Error
	// or what is in the Result of one, or an *UnreadableError.
	Err error
}

// Error tells the outcome and the reason.
func (e *RequestError) Error() string {
	return fmt.Sprintf("requestreply: no reply to request %q to topic %q (%s): %v", e.UUID, e.Topic, e.Outcome, e.Err)
}

// Unwrap returns the reason.
func (e *RequestError) Unwrap() error { return e.Err }

// SafeToRetry reports whether the request can be made again without being handled twice:
// nobody has it, and it is not the request itself that cannot be sent
// (publisher.ErrPermanent). A request that is not safe to retry can be made again where its
// handler bears that.
func (e *RequestError) SafeToRetry() bool {
	return e.Outcome == publisher.NotSent && !errors.Is(e.Err, publisher.ErrPermanent)
}

// UnreadableError means that a reply came which cannot be decompressed, or which the
// Unmarshaler refuses. The request was handled.
type UnreadableError struct{ Err error }

// Error has the cause in it.
func (e *UnreadableError) Error() string { return "cannot read the reply: " + e.Err.Error() }

// Unwrap returns the cause.
func (e *UnreadableError) Unwrap() error { return e.Err }

// ReplyError means that a reply did not get to its requester, as far as is known. The
// request can be answered again: a requester takes one reply and drops the others.
type ReplyError struct {
	// CorrelationID is that of the request, and UUID its Watermill UUID.
	CorrelationID, UUID string
	// Gone says that brokers do not know the requester: it has ended, or has lost its
	// connection and not come back in time. Others could not be asked, if there are any.
	Gone bool
	// Attempts is how often it was tried.
	Attempts int
	// Err is that of the last attempt, or why none was made. It matches
	// publisher.ErrPermanent for a reply that can never be sent as it is.
	Err error
}

// Error tells the cause.
func (e *ReplyError) Error() string {
	what := "cannot deliver the reply"
	if e.Gone {
		what = "the requester is gone, no reply"
	}
	return fmt.Sprintf("requestreply: %s to request %q (%d attempts): %v", what, e.UUID, e.Attempts, e.Err)
}

// Unwrap returns the cause.
func (e *ReplyError) Unwrap() error { return e.Err }

// permanent makes an error match publisher.ErrPermanent, and leaves its text and what it
// wraps as they are.
type permanent struct{ error }

func (e permanent) Unwrap() error { return e.error }

func (e permanent) Is(target error) bool { return target == publisher.ErrPermanent }
