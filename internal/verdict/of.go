package verdict

import (
	"context"
	"errors"
	"strings"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
	"github.com/watermill-rocketmq/watermill-rocketmq/transport"
)

// question is the error of what was to be asked before a request, which was not sent then.
type question interface{ Question() error }

// Of returns the verdict on the error of an attempt.
func Of(err error) Verdict {
	var nameServers *routing.NameServersError
	var status *headers.StatusError
	var op *transport.OpError
	var wait *routing.WaitError
	var asked question
	if refusal := Refusal(err); refusal != nil {
		return ofRefusal(refusal)
	}
	if v, ok := Marked(err); ok {
		return v
	}
	switch {
	case errors.As(err, &asked):
		// What is in it is about the question, not about the message.
		v := Of(asked.Question())
		v.Outcome = NotSent
		return v
	case errors.As(err, &wait):
		// What is in it is about a lookup before.
		return Verdict{Next: RetryElsewhere, Refresh: true}
	case errors.As(err, &nameServers):
		// Looked for first, since it wraps statuses and network errors of name
		// servers. They say nothing of the message, which no broker has seen.
		return Verdict{Next: RetryHere, Refresh: true}
	case errors.As(err, &status):
		return ofStatus(status)
	case errors.As(err, &op):
		return ofOp(op)
	default:
		return ofRouting(err)
	}
}

// ofOp classifies calls that brought no answer.
func ofOp(op *transport.OpError) Verdict {
	if op.Op == "encode" {
		return Verdict{Content: true} // the same request will fail again
	}
	if op.Op == "decorate" {
		return Verdict{Next: RetryHere, Refresh: true} // no request was made
	}
	v := Verdict{Next: RetryElsewhere, Refresh: true, Broker: Unreachable}
	if errors.Is(op, context.DeadlineExceeded) || errors.Is(op, context.Canceled) {
		v.Broker = Unanswered
	}
	if op.Sent {
		v.Outcome = MayBeStored
	}
	return v
}

// ofRouting classifies the errors of finding a queue and its broker, at which
// nothing was sent. Those that an operator must mend end the delivery.
func ofRouting(err error) Verdict {
	var noRoute *routing.NoRouteError
	var static *routing.StaticTopicError
	var noQueue *routing.NoQueueError
	switch {
	case errors.As(err, &noRoute), errors.As(err, &static):
		return Verdict{}
	case errors.As(err, &noQueue):
		switch noQueue.Reason {
		case routing.NoMaster, routing.NoWritePermission, routing.NoQueuesListed:
			return Verdict{Next: RetryHere, Refresh: true}
		}
		return Verdict{}
	default:
		return Verdict{Next: RetryElsewhere, Refresh: true}
	}
}

// RemarkNoTimers is in the answer of a broker with timerWheelEnable=false
// (SendMessageProcessor, 5.1.4 and 5.5.0).
const RemarkNoTimers = "timer message is not enabled"

// ofStatus classifies the answers of a broker. It goes by the code. Where one
// code covers several causes it looks for fragments of the remark that are the
// same in all broker versions; without one the wider meaning holds: the message
// may be stored, and another broker may take it.
func ofStatus(s *headers.StatusError) Verdict {
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
			return Verdict{Next: RetryElsewhere, Refresh: true, Broker: Answered}
		case has(RemarkNoTimers):
			return Verdict{Broker: Answered}
		case has("timer message is under flow control"):
			return Verdict{Next: RetryElsewhere, Broker: Answered}
		case has("message body size exceeded"):
			return Verdict{Next: Split, Broker: Answered} // said of batches
		case has("The specified topic", "longer than"):
			return Verdict{Content: true} // 4.9: a topic name that will not do
		}
		// Mostly a store that failed, in a state that only the broker knows.
		return Verdict{Outcome: MayBeStored, Next: RetryElsewhere, Refresh: true, Seldom: true, Broker: Refuses}
	case headers.SystemBusy:
		// Turned away at the door. With the first of these a slave answers as well, which
		// may have been the master a moment ago (SendMessageProcessor.rejectRequest, 5.5.0).
		if has("[REJECTREQUEST]", "[OVERLOAD]", "[TIMEOUT_CLEAN_QUEUE]", "[PCBUSY_CLEAN_QUEUE]") {
			return Verdict{Next: RetryElsewhere, Refresh: true, Seldom: true, Broker: Refuses}
		}
		return Verdict{Outcome: MayBeStored, Next: RetryElsewhere, Refresh: true, Seldom: true, Broker: Refuses}
	case headers.ServiceNotAvailable:
		// A store that is shut down or a slave's, if the disk is not just full.
		return Verdict{Next: RetryElsewhere, Refresh: true, Broker: Refuses}
	case headers.NoBuyerID, headers.NotInCurrentUnit, headers.FlowControl:
		return Verdict{Next: RetryElsewhere, Broker: Refuses}
	case headers.TopicNotExist, headers.NotLeaderForQueue:
		return Verdict{Next: RetryElsewhere, Refresh: true, Broker: Answered}
	case headers.NoPermission:
		if has("Sending message to topic[") {
			return Verdict{Content: true} // a system topic
		}
		return Verdict{Next: RetryElsewhere, Refresh: true, Broker: Refuses} // a broker that is read-only for now
	case headers.InvalidParameter:
		if has("queueId[") {
			return Verdict{Next: RetryElsewhere, Refresh: true, Broker: Answered}
		}
		return Verdict{Broker: Answered, Content: has("The specified topic")}
	case headers.GoAway:
		return Verdict{Next: RetryElsewhere, Refresh: true, Broker: Refuses}
	case headers.MessageIllegal:
		if has("the expected type is") {
			// A proxy's, of all that share the request: the topic's message type is
			// another, which is mended there.
			return Verdict{Broker: Answered}
		}
		return Verdict{Next: Split, Broker: Answered}
	case headers.RequestNotSupported, headers.VersionNotSupported:
		return Verdict{}
	default:
		// A code from the future: no reason to believe that it will go away, or
		// that the message was not stored.
		return Verdict{Outcome: MayBeStored, Broker: Answered}
	}
}
