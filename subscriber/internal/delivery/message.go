package delivery

import (
	"context"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/watermill-rocketmq/watermill-rocketmq/internal/receive"
)

// Message is a message that was taken from a broker. Whoever makes it sets the exported
// fields of the first part and hands it to Lane.Put; from then on it is the lane's, and the
// Source's in the calls that the lane makes.
type Message struct {
	receive.Message
	// Source takes the message back.
	Source Source
	// Broker is the name of the broker that the message is from.
	Broker string
	// Deliveries is the number of its first delivery by this lane, 1 for the first of all, as
	// far as the broker knows.
	Deliveries int
	// Lease is when the broker gives the message to somebody else, zero if it does not.
	// LeaseTime is how long it is leased for at a time.
	Lease     time.Time
	LeaseTime time.Duration

	// Handed says that the message was handed out, Failed how many of its deliveries failed,
	// both since it was taken from the broker.
	Handed bool
	Failed int
	// Asked is the pause that the message asked for when its last delivery failed, 0 if it did
	// not.
	Asked time.Duration
	// Due is when a message that has failed is to be delivered again.
	Due time.Time

	lane     *Lane
	origin   Source // that it came with
	state    state
	listed   bool // in work.out
	size     int
	given    *message.Message // the message as it is handed out, nil before
	first    Delivery
	delivery *Delivery // the one that is handed out, or is next
	uuid     string    // of given
	context  context.Context
	ended    bool      // the Observer was told of the end of the delivery
	begun    time.Time // when it was handed out
	renewing bool
	lost     bool // the lease is
	watched  bool // a goroutine waits for the answer
	verdict  verdict
	pause    time.Duration // of the verdict nack
}

// state is where a message is.
type state uint8

const (
	waiting state = iota // in the lane's queue
	handed               // with a handler
	delayed              // has failed, and is to be handed out again
	burying              // on its way to the dead letters
	decided              // the Source is told when the answer to a renewal is there
	settled              // the Source has been told
)

// verdict is what the Source is told.
type verdict uint8

const (
	ack verdict = iota
	nack
	release
)

// Renewed is called by the Source when it knows what has become of a Renew: the message
// has a new lease, and from now on the source that it is given, if it is not nil. An error
// says that the lease is lost.
func (m *Message) Renewed(source Source, lease time.Time, err error) {
	m.lane.post(func(l *Lane) { l.renewed(m, source, lease, err) })
}

// Delivery is the one that is under way, or is next. Only Observers, Config.Make and
// Config.DeadLetter may ask.
func (m *Message) Delivery() *Delivery { return m.delivery }

// UUID is that of the message as it is handed out, empty before. Only Observers may ask.
func (m *Message) UUID() string { return m.uuid }

// Context is that of the message as it is handed out, before that of the delivery. Only
// Observers and Config.DeadLetter may ask.
func (m *Message) Context() context.Context { return m.context }

// Took is how long the handler has had the message, 0 if it was not handed out. Only
// Observers may ask.
func (m *Message) Took() time.Duration {
	if m.begun.IsZero() {
		return 0
	}
	return time.Since(m.begun)
}

// Grow counts bytes that have been made of the message, such as its decompressed body, until
// it is answered. Only Config.Make may call it.
func (m *Message) Grow(bytes int) {
	m.size += bytes
	m.lane.output.budget.grew(bytes)
}

// Bury has the broker make a dead letter of the message. Only Config.DeadLetter may call it:
// meanwhile a renewal may give the message another Source.
func (m *Message) Bury(ctx context.Context) error { return m.origin.DeadLetter(ctx, m) }

// Expired reports whether the broker may have given the message to somebody else.
func (m *Message) Expired(now time.Time) bool { return !m.Lease.IsZero() && !now.Before(m.Lease) }

// begin makes the delivery that comes next.
func (m *Message) begin() {
	if m.delivery == nil {
		m.delivery = &m.first
	} else {
		m.delivery = new(Delivery)
	}
	m.delivery.message, m.delivery.Number = m, m.Deliveries+m.Failed
	m.delivery.lease.Store(m.Lease.UnixNano())
	m.context, m.uuid, m.ended = m.delivery, "", false
	m.given, m.watched, m.begun = nil, false, time.Time{}
}
