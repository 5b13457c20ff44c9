package topicadmin

import (
	"errors"

	rocketmq "github.com/watermill-rocketmq/watermill-rocketmq"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/verdict"
	"github.com/watermill-rocketmq/watermill-rocketmq/topics"
)

// errUnsupported is what a proxy says to all that is about creating topics.
var errUnsupported = &headers.StatusError{Code: headers.RequestNotSupported}

// failure marks the error with what it means for a message that waits for the topic: it
// was not sent, whatever is in the error of a broker.
func failure(e *topics.CreateError) error {
	v := verdict.Verdict{Refresh: true}
	if again(e) {
		v.Next = verdict.RetryHere
	}
	return verdict.Mark(e, v)
}

// again reports whether another attempt can succeed.
func again(e *topics.CreateError) bool {
	if errors.Is(e.Err, topics.ErrSeveralClusters) || errors.Is(e.Err, errUnsupported) {
		return false
	}
	for _, b := range e.Brokers {
		var unsupported *rocketmq.UnsupportedError
		if errors.As(b.Err, &unsupported) || !verdict.Of(b.Err).Again() {
			return false
		}
	}
	return true
}
