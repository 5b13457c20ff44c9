package publisher

import (
	"fmt"
	"slices"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/marshaler"
)

// timerRoom is what a timer message has to leave free of MaxMessageSize, in bytes.
// Brokers read such a message, as it is stored, into a buffer of maxMessageSize +
// 100 (TimerMessageStore of 5.5.0), and lose one that is larger after they have
// taken it. Stored it has 91 bytes of fixed fields, the name of the timer topic,
// and what the broker adds to the properties: as much as DefaultMaxPropertiesSize
// leaves.
const timerRoom = 1 << 10

// MessageTooLargeError means that a message, as it would be sent, is over
// Config.MaxMessageSize. It was not sent.
type MessageTooLargeError struct {
	// Size of the body after compression, and Limit, in bytes.
	Size, Limit int
	// Timer says that the message is a timer message: then Size counts the
	// properties as well, and Limit is less than MaxMessageSize, by what a broker
	// needs to deliver it.
	Timer bool
}

// Error names both sizes and what can be done.
func (e *MessageTooLargeError) Error() string {
	if e.Timer {
		return fmt.Sprintf("timer message of %d bytes (body as sent, and properties) is over the limit of %d, beyond which brokers lose it: put the data elsewhere, or raise Config.MaxMessageSize and the brokers' maxMessageSize", e.Size, e.Limit)
	}
	return fmt.Sprintf("message body of %d bytes (as sent) is over the limit of %d: put the data elsewhere, or raise Config.MaxMessageSize and the brokers' maxMessageSize", e.Size, e.Limit)
}

// bodyLimit is Config.MaxMessageSize.
type bodyLimit int

// mayExceed reports whether a body, as it is to be sent, is so large that check has to
// look at it.
func (l bodyLimit) mayExceed(body int) bool {
	return body > max(0, int(l)-timerRoom)-headers.MaxPropertiesSize
}

// check holds a body, as it is to be sent, against the limit. The properties say whether
// it is that of a timer message.
func (l bodyLimit) check(body int, list []headers.Property) error {
	if limit := int(l); body > limit {
		return &MessageTooLargeError{Size: body, Limit: limit}
	}
	if limit := max(0, int(l)-timerRoom); slices.ContainsFunc(list, headers.Property.IsTimer) {
		if size := body + marshaler.PropertiesSize(list); size > limit {
			return &MessageTooLargeError{Size: size, Limit: limit, Timer: true}
		}
	}
	return nil
}
