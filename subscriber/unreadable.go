package subscriber

import "github.com/watermill-rocketmq/watermill-rocketmq/subscriber/internal/delivery"

// Unreadable says what becomes of a message that no Watermill message can be made of.
type Unreadable string

const (
	// UnreadableToDeadLetter makes a dead letter of it at once.
	UnreadableToDeadLetter Unreadable = ""
	// UnreadableSkip acks it. A log line and Hooks.Unreadable tell of it.
	UnreadableSkip Unreadable = "skip"
	// UnreadableRedeliver tries again, as if it had been nacked: for an Unmarshaler that
	// asks others, such as a schema registry.
	UnreadableRedeliver Unreadable = "redeliver"
)

func (u Unreadable) of() (delivery.Unreadable, bool) {
	switch u {
	case UnreadableToDeadLetter:
		return delivery.UnreadableDeadLetter, true
	case UnreadableSkip:
		return delivery.UnreadableSkip, true
	case UnreadableRedeliver:
		return delivery.UnreadableNack, true
	}
	return 0, false
}
