// Package gathered is send requests with messages of several calls, which are put together
// in the frame: that is their only copy.
package gathered

import (
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher/internal/dispatch"
)

// Request is a send request whose messages are put together in its frame. It may be kept
// for the next one.
type Request struct {
	headers.SendMessage
	Messages []*dispatch.Message
}

var _ headers.BodyAppender = (*Request)(nil)

// BodySize is the size of all messages.
func (r *Request) BodySize() int { return Size(r.Messages) }

// AppendBody appends all messages.
func (r *Request) AppendBody(dst []byte) []byte {
	for _, m := range r.Messages {
		dst = append(dst, m.Data...)
	}
	return dst
}

// Size is the size of messages as they stand in a request with several.
func Size(messages []*dispatch.Message) int {
	size := 0
	for _, m := range messages {
		size += len(m.Data)
	}
	return size
}

// Together returns the data of the messages if they are of one call and follow each other
// there, else nil.
func Together(messages []*dispatch.Message) []byte {
	first := messages[0]
	for i, m := range messages {
		if m.Call() != first.Call() || m.Index() != first.Index()+i {
			return nil
		}
	}
	return first.Data[:Size(messages)]
}
