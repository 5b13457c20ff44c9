package delivery

import (
	"context"
	"time"
)

// Source is where a message comes from: the engine's side of it. What it is told to do it
// does later, in requests of its own: no method but DeadLetter may wait for anything.
// Ack, Nack and Release end the lane's interest in the message; one of them is called
// once for each message. None is called while a Renew of the message is under way, so
// that a renewal never follows an ack.
type Source interface {
	// Ack says that the message is consumed.
	Ack(m *Message)
	// Nack asks for the message to be delivered again by the broker, to any member of the
	// group, after the pause. It is not called for ordered subscriptions.
	Nack(m *Message, pause time.Duration)
	// Release gives back a message that will not be answered: it was never handed out, it
	// waits for its redelivery, or its handler was given up. Message.Handed and
	// Message.Failed tell these apart.
	Release(m *Message)
	// Renew asks for another Message.LeaseTime. Message.Renewed must be called when the
	// answer is there, or is not waited for any more, once for each Renew: the lane waits
	// for it, also at its end.
	Renew(m *Message)
	// DeadLetter stores the message as a dead letter of the group. It waits for the answer,
	// until ctx ends.
	DeadLetter(ctx context.Context, m *Message) error
}
