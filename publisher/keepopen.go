package publisher

import (
	"fmt"

	"github.com/ThreeDotsLabs/watermill/message"
)

// KeepOpen returns a Publisher that publishes with pub, and whose Close does nothing. It is
// for the handlers of a Watermill router that publish what they return:
//
//	router.AddHandler("receipts", "orders", sub, "receipts", publisher.KeepOpen(pub), handler)
//
// A router closes the publisher of a handler as soon as the handler's subscription ends,
// while messages are still being handled. What those return would be refused with
// ErrClosed, nacked and delivered again, so that a shutdown handles messages twice. The
// same is true of components that have a router of their own, such as fanin.
//
// pub itself is to be closed when the router's Run has returned. It is any Watermill
// Publisher.
func KeepOpen(pub message.Publisher) message.Publisher { return keptOpen{pub} }

// keptOpen is a Publisher that somebody else closes.
type keptOpen struct{ message.Publisher }

// Close does nothing.
func (keptOpen) Close() error { return nil }

// String is the name of the Publisher in logs and metrics.
func (k keptOpen) String() string {
	if named, ok := k.Publisher.(fmt.Stringer); ok {
		return named.String()
	}
	return fmt.Sprintf("%T", k.Publisher)
}
