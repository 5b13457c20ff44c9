package publisher

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	rocketmq "github.com/watermill-rocketmq/watermill-rocketmq"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/ctxerr"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/verdict"
	"github.com/watermill-rocketmq/watermill-rocketmq/transport"
)

var (
	// ErrRecallHandle means that a recall handle is not one, or not of the broker
	// that it names.
	ErrRecallHandle = errors.New("recall handle is not valid")
	// ErrRecallDisabled means that the broker allows no recalls
	// (recallMessageEnable=false, which is RocketMQ's default).
	ErrRecallDisabled = errors.New("broker allows no recalls")
	// ErrRecallTooLate means that the time of the message has come, or is further
	// ahead than the broker keeps messages for.
	ErrRecallTooLate = errors.New("too late to recall the message")
)

// RecallError is returned by Publisher.Recall for a message that is not, or not
// for certain, recalled.
type RecallError struct {
	// MessageID and Topic (RocketMQ's name) are those in the handle, empty if it
	// cannot be read.
	MessageID, Topic string
	// Outcome is NotSent if no broker has the recall, and MayBeStored if one may
	// have it: the message may then be recalled nevertheless.
	Outcome Outcome
	// Err matches ErrRecallHandle, ErrRecallDisabled, ErrRecallTooLate,
	// *rocketmq.UnsupportedError, ErrSendTimeout, ErrClosed or the end of the context, or
	// is what went wrong on the way.
	Err error
}

// Error names the message and the reason.
func (e *RecallError) Error() string {
	doubt := ""
	if e.Outcome == MayBeStored {
		doubt = " (a broker may have the recall)"
	}
	return fmt.Sprintf("publisher: cannot recall message %q of topic %q%s: %v", e.MessageID, e.Topic, doubt, e.Err)
}

// Unwrap returns the reason.
func (e *RecallError) Unwrap() error { return e.Err }

// Is reports whether the recall can never succeed, if target is ErrPermanent: the
// handle is none, or its time is over.
func (e *RecallError) Is(target error) bool {
	return target == ErrPermanent && (errors.Is(e.Err, ErrRecallHandle) || errors.Is(e.Err, ErrRecallTooLate))
}

// Recall takes back a delayed message that is still waiting, by the RecallHandle
// in its Result. Only timer messages have one, so brokers from 5.3.3 on, and these
// have to allow it: recallMessageEnable=true. Any publisher of the cluster can
// recall the message.
//
// Nil means that the broker has noted that the message is not to be delivered. It
// does not say whether the message was there: a handle whose time lies ahead may
// be recalled again and again. (RecallMessageProcessor, 5.5.0: it stores a mark
// that is looked at when the message is due.) So do not recall in the last second
// before the time.
//
// Recall tries again where that can help, until ctx ends or Config.SendTimeout is
// over; a recall that arrives twice does no harm. Every error is a *RecallError.
// Recall is safe for concurrent use.
func (p *Publisher) Recall(ctx context.Context, handle string) error {
	h, err := headers.ParseRecallHandle(handle)
	if err != nil {
		return &RecallError{Err: fmt.Errorf("%w: %w", ErrRecallHandle, err)}
	}
	r := recall{p: p, header: headers.RecallMessage{
		ProducerGroup: p.cfg.ProducerGroup, Topic: h.Topic, Handle: handle, BrokerName: h.BrokerName,
	}}
	if !p.enter() {
		err = ErrClosed
	} else {
		err = r.run(ctx)
		p.leave()
	}
	if err != nil {
		return &RecallError{MessageID: h.UniqueKey, Topic: h.Topic, Outcome: r.outcome, Err: err}
	}
	return nil
}

// recall is one call of Recall.
type recall struct {
	p       *Publisher
	header  headers.RecallMessage
	outcome Outcome
	tries   int
}

// run makes attempts until one succeeds or fails for good, or the time is up.
func (r *recall) run(parent context.Context) error {
	ctx, cancel := context.WithTimeoutCause(parent, r.p.cfg.SendTimeout, ErrSendTimeout)
	defer cancel()
	for {
		if err := r.ended(ctx); err != nil {
			return err
		}
		r.tries++
		err := r.attempt(ctx)
		if err == nil {
			return nil
		}
		again, final := r.judge(err)
		if !again {
			return final
		}
		r.pause(ctx)
		if cause := r.ended(ctx); cause != nil {
			return &GiveUpError{Attempts: r.tries, Cause: cause, Last: final}
		}
	}
}

// ended returns why no further attempt may be made, nil if one may.
func (r *recall) ended(ctx context.Context) error {
	select {
	case <-r.p.cut:
		return ErrClosed
	default:
		return ctxerr.Of(ctx)
	}
}

// pause waits before the next attempt, or until there may be none.
func (r *recall) pause(ctx context.Context) {
	timer := time.NewTimer(r.p.cfg.Backoff.pause(r.tries))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	case <-r.p.cut:
	}
}

// attempt asks the broker once.
func (r *recall) attempt(parent context.Context) error {
	ctx, cancel := context.WithTimeoutCause(parent, r.p.cfg.AttemptTimeout, ErrAttemptTimeout)
	defer cancel()
	addr, err := r.p.routes.BrokerAddr(ctx, r.header.Topic, r.header.BrokerName)
	if err != nil {
		return err
	}
	version, err := r.p.member.Version(ctx, addr)
	if err != nil {
		return err
	}
	tooOld := &rocketmq.UnsupportedError{Feature: rocketmq.FeatureRecall, Addr: addr, Version: version, Since: "5.3.3"}
	if version < headers.Version5_3_3 {
		return tooOld
	}
	_, err = headers.Successful(r.p.client.Invoke(ctx, addr, &r.header, nil))
	var op *transport.OpError
	if status, ok := err.(*headers.StatusError); ok && status.Code == headers.RequestNotSupported {
		return tooOld
	} else if errors.As(err, &op) && op.Sent {
		r.outcome = MayBeStored
	}
	return err
}

// judge says whether another attempt can help, and gives the error the type that
// callers look for. Codes are those of RecallMessageProcessor (5.5.0); one covers
// several causes, which the remark tells apart.
func (r *recall) judge(err error) (again bool, final error) {
	if refusal := verdict.Refusal(err); refusal != nil {
		return false, refusal
	}
	status, ok := err.(*headers.StatusError)
	if !ok { // not the broker's word about the recall, whatever is in it
		v := judge(err)
		r.p.refresh(r.header.Topic, v)
		return v.Again(), err
	}
	switch status.Code {
	case headers.NoPermission:
		if strings.Contains(status.Remark, "operation is forbidden") {
			return false, fmt.Errorf("%w: %w", ErrRecallDisabled, err)
		}
		return false, err
	case headers.IllegalOperation:
		if strings.Contains(status.Remark, "timestamp invalid") {
			return false, fmt.Errorf("%w: %w", ErrRecallTooLate, err)
		}
		return false, fmt.Errorf("%w: %w", ErrRecallHandle, err)
	case headers.SystemError:
		// "execute error": the mark could not be stored, or not for certain.
		r.outcome = MayBeStored
		return true, err
	case headers.TopicNotExist:
		r.p.routes.Refresh(r.header.Topic)
		return false, err
	default:
		v := verdict.Of(status)
		if status.Code == headers.SlaveNotAvailable {
			v = verdict.Verdict{Next: verdict.RetryHere, Refresh: true} // a slave, which its master's address led to
		}
		r.outcome = max(r.outcome, Outcome(v.Outcome))
		r.p.refresh(r.header.Topic, v)
		return v.Again(), err
	}
}
