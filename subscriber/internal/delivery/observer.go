package delivery

import (
	"context"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
)

// Observer is told what happens to messages, by the goroutine of their lane, which waits
// for it.
type Observer interface {
	// Starting says that a message is to be handed out, as given, and returns the context
	// that it is to have: Message.Context, or one made of it. One of Acked, Nacked and
	// Released follows.
	Starting(m *Message, given *message.Message) context.Context
	// HandedOut says that a receiver has the message.
	HandedOut(m *Message)
	// Acked says that a handler has acked it.
	Acked(m *Message)
	// Nacked says that a handler has failed, and the pause until the next delivery, which
	// the lane waits out itself or not. There is none if it was the last.
	Nacked(m *Message, pause time.Duration, last, local bool)
	// GaveUp says that a handler has taken longer than Config.MaxProcessing.
	GaveUp(m *Message)
	// Released says that the message goes back to its Source, though its delivery, if one
	// has begun, has no end yet.
	Released(m *Message)
	// Renewed says that the lease was renewed, LeaseLost that it was not, and why.
	Renewed(m *Message)
	LeaseLost(m *Message, cause error)
	// DeadLettered says that the message is a dead letter now. DeadLetterFailed says that it
	// could not become one. That is tried again.
	DeadLettered(m *Message)
	DeadLetterFailed(m *Message, err error)
	// Unreadable says that no message could be made of what came.
	Unreadable(m *Message, err error)
}
