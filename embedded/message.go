package embedded

import (
	"time"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/body"
)

// Message is a stored message. It owns its memory.
type Message struct {
	Topic           string
	BrokerName      string
	QueueID         int32
	QueueOffset     int64
	CommitLogOffset int64
	// Body as it was sent, so compressed where SysFlag says so.
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
		OffsetMessageID: offsetMessageID(m.StoreHost, m.CommitLogOffset),
		UniqueKey:       properties[headers.PropertyUniqueKey],
		Keys:            properties[headers.PropertyKeys],
		Tags:            properties[headers.PropertyTags],
	}
}
