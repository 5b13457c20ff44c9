package engine

import (
	"errors"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/verdict"
)

// ErrNoRetryQueues means that a broker would drop what the group sends back, messages to be
// retried and dead letters, as its subscription group has retryQueueNums 0.
var ErrNoRetryQueues = errors.New("consumer group has no retry queues, so that the broker would drop what it sends back")

// KeepsReturns reports whether a broker keeps what a group sends back, by its answer to
// GET_SUBSCRIPTIONGROUP_CONFIG or the error that this has ended with. A broker that answers the
// same each time is taken to: it does not know the question or the group, or lets the group not
// ask. Other errors are returned, since what a broker drops is lost without a word. An error
// that wraps an answer is of another request.
func KeepsReturns(answer *headers.Command, err error) (bool, error) {
	if err == nil {
		return !headers.DropsReturns(answer.Body), nil
	}
	status, ok := err.(*headers.StatusError)
	if ok && (status.Code == headers.NoPermission || !verdict.Of(status).Again()) {
		return true, nil
	}
	return false, err
}
