package engine

import "errors"

// ErrNoRetryQueues means that a broker would drop what the group sends back, messages to be
// retried and dead letters, as its subscription group has retryQueueNums 0.
var ErrNoRetryQueues = errors.New("consumer group has no retry queues, so that the broker would drop what it sends back")
