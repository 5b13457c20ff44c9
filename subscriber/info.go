package subscriber

import (
	"context"
	"net/netip"
	"time"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/receive"
	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber/internal/delivery"
)

// Info is what RocketMQ knows of a message that is with a handler.
type Info struct {
	// Topic is Watermill's name of the topic, RocketMQTopic that of the broker. For a
	// message that is delivered again it may be the group's retry topic.
	Topic, RocketMQTopic string
	// Group is Config.Group.
	Group string
	// Broker, QueueID and QueueOffset say where the message is, CommitLogOffset where the
	// broker's store has it.
	Broker          string
	QueueID         int32
	QueueOffset     int64
	CommitLogOffset int64
	// MessageID is the id that the producer has given (UNIQ_KEY), or else the one that the
	// broker gave when it first stored the message. It stays the same for all deliveries.
	// OffsetID is the broker's for what it has stored last.
	MessageID, OffsetID string
	// Keys are those that consoles find the message by: of our publisher's messages the
	// UUID is the first.
	Keys []string
	Tag  string
	// BornTime is when it was sent, by the sender's clock, and StoreTime when it was
	// stored, by the broker's. BornHost is the sender's address as the broker saw it.
	BornTime, StoreTime time.Time
	BornHost            netip.AddrPort
	// Deliveries is the number of this delivery, 1 for the first. See
	// Config.MaxDeliveries.
	Deliveries int
	// Deadline is when the broker gives the message to another member, unless the lease is
	// renewed until then, which the subscriber does. Zero with Pull.
	Deadline time.Time
	// Properties are all properties of the message, system properties among them.
	Properties []headers.Property
}

// InfoFromContext returns what RocketMQ knows of the message that ctx, or a context that it
// is made of, is the context of. ok is false for a context of other origin. Messages whose
// handlers do not ask cost nothing.
func InfoFromContext(ctx context.Context) (info Info, ok bool) {
	d := delivery.FromContext(ctx)
	if d == nil {
		return Info{}, false
	}
	return newInfo(d), true
}

func newInfo(d *delivery.Delivery) Info {
	m := d.Received()
	topic, group := d.Subscription()
	return Info{
		Topic:           topic,
		RocketMQTopic:   m.Stored.Topic,
		Group:           group,
		Broker:          d.Broker(),
		QueueID:         m.Stored.QueueID,
		QueueOffset:     m.Stored.QueueOffset,
		CommitLogOffset: m.Stored.CommitLogOffset,
		MessageID:       messageID(m),
		OffsetID:        m.OffsetID(),
		Keys:            m.Keys(),
		Tag:             m.Tag(),
		BornTime:        m.Born(),
		StoreTime:       m.StoredAt(),
		BornHost:        m.Stored.BornHost,
		Deliveries:      d.Number,
		Deadline:        d.Lease(),
		Properties:      m.PropertyList(),
	}
}

// messageID is the unique key, or what stands for it in messages of producers that give
// none: the id of where the message was first stored, which those that are stored again
// keep (ORIGIN_MESSAGE_ID, AbstractSendMessageProcessor of 5.5.0).
func messageID(m *receive.Message) string {
	if id := m.UniqueKey(); id != "" {
		return id
	}
	if id := m.Property(headers.PropertyOriginMessageID); id != "" {
		return id
	}
	return m.OffsetID()
}
