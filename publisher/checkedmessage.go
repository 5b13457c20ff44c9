package publisher

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/body"
	"github.com/watermill-rocketmq/watermill-rocketmq/marshaler"
)

// maxCheckedBody is the largest body, in bytes, that a check is unpacked to.
const maxCheckedBody = 64 << 20

// CheckedMessage is a half message that a broker asks about. It belongs to the
// function that is given it.
type CheckedMessage struct {
	TransactionInfo
	// Message is the message as a subscriber would get it, made by
	// Config.Marshaler if that is a marshaler.Unmarshaler as well, else by
	// marshaler.Default: payload, metadata and UUID of ordinary messages. Its
	// context is that of the check.
	Message *message.Message
	// UnmarshalErr is why Config.Marshaler could not make Message, or why the
	// body could not be decompressed and is missing. Message is then what
	// marshaler.Default makes of it.
	UnmarshalErr error
	// Checks counts the checks of this message, this one included
	// (TRANSACTION_CHECK_TIMES).
	Checks int
	// Born is when the producer made the message, to the millisecond.
	Born time.Time
	// BrokerAddr is the broker that asks.
	BrokerAddr string
}

// errForeignGroup means that a check is for another group than the publisher's.
var errForeignGroup = errors.New("the half message is another producer group's")

// readChecked makes a CheckedMessage of what a broker has sent, and keeps its body.
func (p *Publisher) readChecked(ctx context.Context, c *question) (CheckedMessage, error) {
	m, _, err := body.ParseStored(c.body)
	if err != nil {
		return CheckedMessage{}, err
	}
	var group, times string
	var properties []headers.Property
	for name, value := range headers.Properties(m.Properties) {
		property := headers.Property{Name: string(name), Value: string(value)}
		switch property.Name {
		case headers.PropertyProducerGroup:
			group = property.Value
		case headers.PropertyCheckTimes:
			times = property.Value
		}
		properties = append(properties, property)
	}
	if group != p.cfg.ProducerGroup {
		return CheckedMessage{}, fmt.Errorf("%w: %q", errForeignGroup, group)
	}
	msg := CheckedMessage{
		TransactionInfo: TransactionInfo{Topic: unwrapNamespace(p.cfg.Namespace, m.Topic), MessageID: c.id, BrokerName: c.place.broker},
		Born:            time.UnixMilli(m.BornTimestamp),
		BrokerAddr:      c.place.addr,
	}
	msg.Checks, _ = strconv.Atoi(times) // for people to read; 0 if the broker does not say
	if topic, err := p.cfg.Topics.UnmapTopic(msg.Topic, properties); err == nil {
		msg.Topic = topic
	}
	plain, err := body.Decompress(m.Body, m.SysFlag, maxCheckedBody)
	if err != nil {
		msg.UnmarshalErr = err
	}
	made := marshaler.Message{Body: plain, Properties: properties, Flag: m.Flag}
	if own, ok := p.cfg.Marshaler.(marshaler.Unmarshaler); ok && err == nil {
		msg.Message, msg.UnmarshalErr = own.Unmarshal(msg.Topic, made)
	}
	if msg.Message == nil {
		msg.Message, _ = marshaler.Default{}.Unmarshal(msg.Topic, made) // never fails
	}
	msg.UUID = msg.Message.UUID
	msg.Message.SetContext(ctx)
	return msg, nil
}
