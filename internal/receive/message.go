// Package receive makes Watermill messages of messages as brokers send them: in answers
// to pulls and pops, and in checks of transactions.
//
//	m, rest, err := receive.ParseFrom(topic, stored) // what RocketMQ says of the message
//	taken, err := room.Unpack(ctx, &m)               // its body, decompressed
//	got := reader.ReadKnown(watermillTopic, &m)      // Watermill's message
//	room.Leave(taken)                                // once the message is done with
//
// Parse and Reader.Read are for messages whose topic is not known beforehand.
package receive

import (
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/body"
	"github.com/watermill-rocketmq/watermill-rocketmq/marshaler"
)

// Message is a message that a broker has sent. Its methods only read it, and make what
// they return each time: what nobody asks for costs nothing.
type Message struct {
	// Stored is the message as the broker keeps it: where and when it is stored, who
	// sent it, and its body and properties as they came.
	Stored body.StoredMessage
	// Properties is the text of Stored.Properties, see headers.StringProperties. It is
	// the one string that is made of them: what the methods return is part of it.
	Properties string
	// Body is the body as an Unmarshaler takes it. It is missing before Room.Unpack.
	Body []byte
	// BodyErr is why Unpack could not decompress the body: a *marshaler.BodyError.
	BodyErr error
}

// Parse takes the first message out of stored, and returns what follows it.
// Stored.Body and Stored.Properties alias stored. The error wraps headers.ErrMalformed.
func Parse(stored []byte) (m Message, rest []byte, err error) { return ParseFrom("", stored) }

// ParseFrom is Parse for a message that most likely is of the given topic, by RocketMQ's
// name with a namespace. If it is, no string is made of its name.
func ParseFrom(topic string, stored []byte) (m Message, rest []byte, err error) {
	m.Stored, rest, err = body.ParseStoredFrom(topic, stored)
	m.Properties = string(m.Stored.Properties)
	return m, rest, err
}

// Property returns the value of a property, empty if the message has none of that name.
// Of several it is the last, as in Java.
func (m *Message) Property(name string) string {
	value := ""
	for n, v := range headers.StringProperties(m.Properties) {
		if n == name {
			value = v
		}
	}
	return value
}

// PropertyList returns all properties in the order they came. The slice is the caller's.
func (m *Message) PropertyList() []headers.Property {
	return marshaler.ParseProperties(m.Properties)
}
