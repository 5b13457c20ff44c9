package pop

import (
	"errors"
	"fmt"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/verdict"
)

// ErrClosed means that the Engine or the Fetcher is closed.
var ErrClosed = errors.New("engine is closed")

// errAbandoned means that a request is not made any more, as nobody waits for its end.
var errAbandoned = errors.New("not waited for any longer")

// errUnsent is errAbandoned of a request that the broker has not seen.
var errUnsent = verdict.Mark(errAbandoned, verdict.Verdict{Outcome: verdict.NotSent})

// errLeaseOver means that the broker gives the message to somebody else.
var errLeaseOver = errors.New("lease is over")

// errAckLate means that an ack has come to its broker, after the lease.
var errAckLate = errors.New("lease was over")

// UnsupportedError means that a broker has no POP, which brokers have from 5.0.0 on.
type UnsupportedError struct {
	Broker string
	// Version is what the broker says it is.
	Version headers.Version
	// Err is the answer of a broker whose version says that it should have POP; nil for
	// one that is too old.
	Err error
}

// Error names the broker and its version.
func (e *UnsupportedError) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("broker %s (%s) does not take POP requests: %v", e.Broker, e.Version, e.Err)
	}
	return fmt.Sprintf("broker %s is of version %s, and POP needs %s", e.Broker, e.Version, headers.Version5_0_0)
}

// Unwrap returns the broker's answer.
func (e *UnsupportedError) Unwrap() error { return e.Err }

// BrokerError is a request to one broker that has failed, while the position of a group is
// set or a subscription begins.
type BrokerError struct {
	Topic, Broker string
	// Op is what was to be done.
	Op  string
	Err error
}

// Error names the broker and what was to be done.
func (e *BrokerError) Error() string {
	return fmt.Sprintf("%s of topic %q at broker %s: %v", e.Op, e.Topic, e.Broker, e.Err)
}

// Unwrap returns the cause.
func (e *BrokerError) Unwrap() error { return e.Err }

// UnconfirmedError says what brokers have not confirmed when a Fetcher was closed: its
// messages may be delivered again, or later than they could be.
type UnconfirmedError struct {
	Topic string
	// Acks are those whose answer has not come, Others the renewals and the messages that
	// were given back.
	Acks, Others int
	// Err is why the last of them has failed, or why it was not waited for.
	Err error
}

// Error has the counts.
func (e *UnconfirmedError) Error() string {
	return fmt.Sprintf("brokers have not confirmed %d acks and %d other requests about messages of topic %q: %v", e.Acks, e.Others, e.Topic, e.Err)
}

// Unwrap returns the cause.
func (e *UnconfirmedError) Unwrap() error { return e.Err }
