package marshaler

import (
	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

// Message is a RocketMQ message without what the producer stamps on it: unique
// id, born time, queue, system flags.
type Message struct {
	// Body is what consumers get, not compressed. RocketMQ 5 refuses a send
	// without a body, so a Marshaler must not leave it empty.
	Body []byte
	// Properties are written in this order. UNIQ_KEY is not among them, the
	// producer adds it; KEYS and TAGS are, if the message has them.
	Properties []headers.Property
	// Flag is a free number that travels with the message.
	Flag int32
	// ReconsumeTimes and MaxReconsumeTimes count the deliveries of a message
	// that is sent to a %RETRY% topic. Elsewhere they mean nothing.
	ReconsumeTimes, MaxReconsumeTimes int32
}

// Marshaler makes RocketMQ messages of Watermill messages.
//
// Marshal must be safe for concurrent use and must not change msg. The Body it
// returns may alias msg.Payload: the caller only reads it, and has finished
// with it when the Publish that msg was given to returns. Properties belongs to
// the caller, which may append to it. The same message must give the same
// result each time, so that a message which is sent twice is the same message.
type Marshaler interface {
	Marshal(topic string, msg *message.Message) (Message, error)
}

// Unmarshaler makes Watermill messages of RocketMQ messages.
//
// Unmarshal must be safe for concurrent use. The Body it is given is no longer
// compressed, and Properties are as they came: with what the broker and the
// producer added. It does not change or keep Properties; the payload of the
// result may alias Body. An error means that the message cannot be delivered,
// so return one only if there is no way to hand the message on.
type Unmarshaler interface {
	Unmarshal(topic string, msg Message) (*message.Message, error)
}

// Default is the Marshaler and Unmarshaler of this project; the package comment
// has its conventions. The zero value is ready for use.
type Default struct{}

var (
	_ Marshaler   = Default{}
	_ Unmarshaler = Default{}
)
