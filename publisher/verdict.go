package publisher

import (
	"context"
	"errors"
	"strings"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
	"github.com/watermill-rocketmq/watermill-rocketmq/transport"
)

// verdict is what a failed attempt means.
type verdict struct {
	// outcome of the attempt: whether the broker may have stored the message.
	outcome Outcome
	// next is what to do about it.
	next step
	// refresh says that the topic's route may be out of date.
	refresh bool
	// broker is what the attempt shows of the broker, for other messages.
	broker sign
}

// step is what follows a failed attempt.
type step int

const (
	// giveUp: no other attempt can succeed.
	giveUp step = iota
	// retryElsewhere: another broker may take what this one does not. If there is
	// none, or the message belongs to a queue, it is this one again.
	retryElsewhere
	// retryHere: no broker is to blame; all of them are good for another attempt.
	retryHere
	// split: the broker refuses what is in the request. One message of a batch
	// may be the reason, or the size of all together; for a single message it is
	// the end.
	split
)

// again says that another attempt can succeed with the same request.
func (v verdict) again() bool { return v.next == retryElsewhere || v.next == retryHere }

// judge is the one place where failures are classified.
func judge(err error) verdict {
	var nameServers *routing.NameServersError
	var status *headers.StatusError
	var op *transport.OpError
	var unreadable *answerError
	var create *CreateTopicError
	var wait *routing.WaitError
	var version *versionError
	var unsupported *UnsupportedError
	var level *DelayLevelError
	if refusalOf(err) != nil {
		return verdict{} // the same credentials, or certificate, will fail again
	}
	switch {
	case errors.As(err, &create):
		// Before all else: what it wraps is not about the message.
		v := verdict{refresh: true}
		if create.again() {
			v.next = retryHere
		}
		return v
	case errors.As(err, &version):
		// What is in it is about a question, not about the message.
		v := judge(version.err)
		v.outcome = NotSent
		return v
	case errors.As(err, &unsupported), errors.As(err, &level):
		return verdict{}
	case errors.As(err, &wait):
		// What is in it is about a lookup before.
		return verdict{next: retryElsewhere, refresh: true}
	case errors.As(err, &nameServers):
		// Looked for first, since it wraps statuses and network errors of name
		// servers. They say nothing of the message, which no broker has seen.
		return verdict{next: retryHere, refresh: true}
	case errors.As(err, &status):
		return judgeStatus(status)
	case errors.As(err, &op):
		return judgeOp(op)
	case errors.As(err, &unreadable):
		return verdict{outcome: MayBeStored, broker: signAnswered}
	default:
		return judgeRouting(err)
	}
}

// judgeOp classifies calls that brought no answer.
func judgeOp(op *transport.OpError) verdict {
	if op.Op == "encode" {
		return verdict{} // the same request will fail again
	}
	if op.Op == "decorate" {
		return verdict{next: retryHere, refresh: true} // no request was made
	}
	v := verdict{next: retryElsewhere, refresh: true, broker: signUnreachable}
	if errors.Is(op, context.DeadlineExceeded) || errors.Is(op, context.Canceled) {
		v.broker = signUnanswered
	}
	if op.Sent {
		v.outcome = MayBeStored
	}
	return v
}

// judgeRouting classifies the errors of finding a queue and its broker, at which
// nothing was sent. Those that an operator must mend end the delivery.
func judgeRouting(err error) verdict {
	var noRoute *routing.NoRouteError
	var static *routing.StaticTopicError
	var noQueue *routing.NoQueueError
	var selector *SelectorError
	switch {
	case errors.As(err, &noRoute), errors.As(err, &static), errors.As(err, &selector):
		return verdict{}
	case errors.As(err, &noQueue):
		if noQueue.Reason == routing.NoMaster || noQueue.Reason == routing.NoWritePermission {
			return verdict{next: retryHere, refresh: true}
		}
		return verdict{}
	default:
		return verdict{next: retryElsewhere, refresh: true}
	}
}

// judgeStatus classifies the answers of a broker. It goes by the code. Where one
// code covers several causes it looks for fragments of the remark that are the
// same in all broker versions; without one the wider meaning holds: the message
// may be stored, and another broker may take it.
func judgeStatus(s *headers.StatusError) verdict {
	has := func(fragments ...string) bool {
		for _, fragment := range fragments {
			if strings.Contains(s.Remark, fragment) {
				return true
			}
		}
		return false
	}
	switch s.Code {
	case headers.SystemError:
		switch {
		case has("request queueId["):
			// 4.9's way to say InvalidParameter: the topic has fewer queues now.
			return verdict{next: retryElsewhere, refresh: true, broker: signAnswered}
		case has(remarkNoTimers):
			return verdict{broker: signAnswered}
		case has("timer message is under flow control"):
			return verdict{next: retryElsewhere, broker: signAnswered}
		case has("message body size exceeded"):
			return verdict{next: split, broker: signAnswered} // said of batches
		case has("The specified topic", "longer than"):
			return verdict{} // 4.9: a topic name that will not do
		}
		// Mostly a store that failed, in a state that only the broker knows.
		return verdict{outcome: MayBeStored, next: retryElsewhere, broker: signRefuses}
	case headers.SystemBusy:
		if has("[REJECTREQUEST]", "[OVERLOAD]", "[TIMEOUT_CLEAN_QUEUE]", "[PCBUSY_CLEAN_QUEUE]") {
			return verdict{next: retryElsewhere, broker: signRefuses} // turned away at the door
		}
		return verdict{outcome: MayBeStored, next: retryElsewhere, broker: signRefuses}
	case headers.ServiceNotAvailable, headers.NoBuyerID, headers.NotInCurrentUnit, headers.FlowControl:
		return verdict{next: retryElsewhere, broker: signRefuses}
	case headers.TopicNotExist, headers.NotLeaderForQueue:
		return verdict{next: retryElsewhere, refresh: true, broker: signAnswered}
	case headers.NoPermission:
		if has("Sending message to topic[") {
			return verdict{} // a system topic
		}
		return verdict{next: retryElsewhere, refresh: true, broker: signRefuses} // a broker that is read-only for now
	case headers.InvalidParameter:
		if has("queueId[") {
			return verdict{next: retryElsewhere, refresh: true, broker: signAnswered}
		}
		return verdict{broker: signAnswered}
	case headers.GoAway:
		return verdict{next: retryElsewhere, refresh: true, broker: signRefuses}
	case headers.MessageIllegal:
		return verdict{next: split, broker: signAnswered}
	case headers.RequestNotSupported, headers.VersionNotSupported:
		return verdict{}
	default:
		// A code from the future: no reason to believe that it will go away, or
		// that the message was not stored.
		return verdict{outcome: MayBeStored, broker: signAnswered}
	}
}
