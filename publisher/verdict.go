package publisher

import (
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
	// again says that another attempt can succeed.
	again bool
	// refresh says that the topic's route may be out of date.
	refresh bool
	// content says that the broker refuses what is in the request. One message
	// of a batch may be the reason, or the size of all together.
	content bool
	// retire says that the broker wants the connection to end.
	retire bool
}

// judge is the one place where failures are classified.
func judge(err error) verdict {
	var nameServers *routing.NameServersError
	var status *headers.StatusError
	var op *transport.OpError
	var unreadable *answerError
	var create *CreateTopicError
	if refusalOf(err) != nil {
		return verdict{} // the same credentials, or certificate, will fail again
	}
	switch {
	case errors.As(err, &create):
		// Before all else: what it wraps is not about the message.
		return verdict{again: create.again(), refresh: true}
	case errors.As(err, &nameServers):
		// Looked for first, since it wraps statuses and network errors of name
		// servers. They say nothing of the message, which no broker has seen.
		return verdict{again: true, refresh: true}
	case errors.As(err, &status):
		return judgeStatus(status)
	case errors.As(err, &op):
		return judgeOp(op)
	case errors.As(err, &unreadable):
		return verdict{outcome: MayBeStored}
	default:
		return judgeRouting(err)
	}
}

// judgeOp classifies calls that brought no answer.
func judgeOp(op *transport.OpError) verdict {
	if op.Op == "encode" {
		return verdict{} // the same request will fail again
	}
	v := verdict{again: true, refresh: true}
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
	var unsupported *UnsupportedError
	var selector *SelectorError
	switch {
	case errors.As(err, &noRoute), errors.As(err, &static), errors.As(err, &unsupported), errors.As(err, &selector):
		return verdict{}
	case errors.As(err, &noQueue):
		again := noQueue.Reason == routing.NoMaster || noQueue.Reason == routing.NoWritePermission
		return verdict{again: again, refresh: again}
	default:
		return verdict{again: true, refresh: true}
	}
}

// judgeStatus classifies the answers of a broker. It goes by the code. Where one
// code covers several causes it looks for fragments of the remark that are the
// same in all broker versions; without one the wider meaning holds.
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
			return verdict{again: true, refresh: true}
		case has("message body size exceeded"):
			return verdict{content: true} // said of batches
		case has("The specified topic", "longer than"):
			return verdict{} // 4.9: a topic name that will not do
		}
		// Mostly a store that failed, in a state that only the broker knows.
		return verdict{outcome: MayBeStored, again: true}
	case headers.SystemBusy:
		if has("[REJECTREQUEST]", "[TIMEOUT_CLEAN_QUEUE]", "[PCBUSY_CLEAN_QUEUE]") {
			return verdict{again: true} // turned away at the door
		}
		return verdict{outcome: MayBeStored, again: true}
	case headers.ServiceNotAvailable, headers.NoBuyerID, headers.NotInCurrentUnit, headers.FlowControl:
		return verdict{again: true}
	case headers.TopicNotExist, headers.NotLeaderForQueue:
		return verdict{again: true, refresh: true}
	case headers.NoPermission:
		if has("Sending message to topic[") {
			return verdict{} // a system topic
		}
		return verdict{again: true, refresh: true} // a broker that is read-only for now
	case headers.InvalidParameter:
		again := has("queueId[")
		return verdict{again: again, refresh: again}
	case headers.GoAway:
		return verdict{again: true, refresh: true, retire: true}
	case headers.MessageIllegal:
		return verdict{content: true}
	case headers.RequestNotSupported, headers.VersionNotSupported:
		return verdict{}
	default:
		// A code from the future: no reason to believe that it will go away, or
		// that the message was not stored.
		return verdict{outcome: MayBeStored}
	}
}
