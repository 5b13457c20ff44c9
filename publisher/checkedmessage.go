package publisher

import (
	"strconv"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/receive"
)

// CheckedMessage is a half message that a broker asks about. It belongs to the
// function that is given it.
type CheckedMessage struct {
	TransactionInfo
	// Message is the message as a subscriber would get it, made by
	// Config.Marshaler if that is a marshaler.Unmarshaler as well, else by
	// marshaler.Default: payload, metadata and UUID of ordinary messages. Its
	// context is that of the check.
	Message *message.Message
	// UnmarshalErr is why Config.Marshaler could not make Message, or a
	// *marshaler.BodyError: the body could not be decompressed and is missing. A panic
	// of Config.Marshaler is such an error, and logged. Message is then what
	// marshaler.Default makes of it.
	UnmarshalErr error
	// Checks counts the checks of this message, this one included
	// (TRANSACTION_CHECK_TIMES).
	Checks int
	// Born is when the producer sent the half message, to the millisecond.
	Born time.Time
	// BrokerAddr is the broker that asks.
	BrokerAddr string
}

// newCheckedMessage makes the message that Config.Transaction.Check is given of a half
// message and what was read of it.
func newCheckedMessage(info TransactionInfo, addr string, half *receive.Message, got receive.Delivery) CheckedMessage {
	info.Topic, info.UUID = got.Topic, got.Message.UUID
	checks, _ := strconv.Atoi(half.Property(headers.PropertyCheckTimes)) // for people to read; 0 if the broker does not say
	return CheckedMessage{
		TransactionInfo: info, Message: got.Message, UnmarshalErr: got.UnmarshalErr,
		Checks: checks, Born: half.Born(), BrokerAddr: addr,
	}
}
