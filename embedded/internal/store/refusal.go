package store

import (
	"errors"
	"syscall"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

// RemarkDiskFull is what brokers say when nothing can be stored.
const RemarkDiskFull = "service not available now. It may be caused by one of the following reasons: " +
	"the broker's disk is full [CL:  0.95 CQ:  0.95 INDEX:  0.95], messages are put to the slave, message store has been shut down, etc."

// ErrNoTopic is the error of a message whose topic was deleted while it was on its way.
var ErrNoTopic = errors.New("the topic was deleted")

// Refusal is what a send is answered with whose message could not be stored
// (SendMessageProcessor.handlePutMessageResult).
func Refusal(err error) (code headers.ResponseCode, remark string) {
	switch {
	case errors.Is(err, ErrUnsynced):
		return headers.SystemError, err.Error()
	case errors.Is(err, ErrNoTopic):
		return headers.TopicNotExist, err.Error()
	case errors.Is(err, ErrLongTopic):
		return headers.MessageIllegal, err.Error()
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return headers.ServiceNotAvailable, RemarkDiskFull
	}
	return headers.SystemError, "create mapped file failed, server is busy or broken."
}
