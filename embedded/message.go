package embedded

import (
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/body"
	"github.com/watermill-rocketmq/watermill-rocketmq/marshaler"
)

// Message is a message as a broker has stored it. It owns its memory. Payload and
// Watermill have what a subscriber would get of it.
type Message struct {
	Topic           string
	BrokerName      string
	QueueID         int32
	QueueOffset     int64
	CommitLogOffset int64
	// Body as it was sent, so compressed where SysFlag says so: see Payload.
	Body []byte
	// Properties by name, and the properties string that the broker keeps.
	Properties    map[string]string
	RawProperties string
	Flag          int32
	SysFlag       int32
	// BornTimestamp is the producer's time, StoreTimestamp the broker's, both to
	// the millisecond.
	BornTimestamp  time.Time
	StoreTimestamp time.Time
	// Hosts as address and port.
	BornHost       string
	StoreHost      string
	ReconsumeTimes int32
	// OffsetMessageID is the id that the send answer gave, UniqueKey the id that
	// the producer made.
	OffsetMessageID string
	UniqueKey       string
	// Keys are the KEYS property, search keys separated by spaces, and Tags the
	// TAGS property, the one tag.
	Keys string
	Tags string
}

// Payload returns the payload of the Watermill message: the body, decompressed, or
// the nil or empty payload that the body stands for. It may alias Body. An error is a
// *marshaler.BodyError: the body cannot be decompressed, or has more than
// marshaler.DefaultMaxBodySize bytes then.
func (m Message) Payload() (message.Payload, error) {
	msg, err := m.Watermill()
	if err != nil {
		return nil, err
	}
	return msg.Payload, nil
}

// Watermill returns the Watermill message, as marshaler.Default makes it: UUID,
// metadata and payload as they were published. Its errors are those of Payload.
func (m Message) Watermill() (*message.Message, error) {
	_, msg, err := marshaler.Reader{}.Read(m.MessageExt())
	return msg, err
}

// MessageExt returns the message in the form that a marshaler.Reader takes, for
// another Unmarshaler or topic mapping than the default.
func (m Message) MessageExt() marshaler.MessageExt {
	return marshaler.MessageExt{
		Topic: m.Topic, Body: m.Body, SysFlag: m.SysFlag, Decompressed: marshaler.DecompressedNone,
		Flag: m.Flag, Properties: marshaler.ParseProperties(m.RawProperties),
	}
}

func newMessage(broker string, m *body.StoredMessage) Message {
	properties := make(map[string]string)
	for name, value := range headers.Properties(m.Properties) {
		properties[string(name)] = string(value)
	}
	return Message{
		Topic: m.Topic, BrokerName: broker,
		QueueID: m.QueueID, QueueOffset: m.QueueOffset, CommitLogOffset: m.CommitLogOffset,
		Body:       append([]byte{}, m.Body...),
		Properties: properties, RawProperties: string(m.Properties),
		Flag: m.Flag, SysFlag: m.SysFlag,
		BornTimestamp: time.UnixMilli(m.BornTimestamp), StoreTimestamp: time.UnixMilli(m.StoreTimestamp),
		BornHost: m.BornHost.String(), StoreHost: m.StoreHost.String(),
		ReconsumeTimes:  m.ReconsumeTimes,
		OffsetMessageID: body.OffsetMessageID(m.StoreHost, m.CommitLogOffset),
		UniqueKey:       properties[headers.PropertyUniqueKey],
		Keys:            properties[headers.PropertyKeys],
		Tags:            properties[headers.PropertyTags],
	}
}
