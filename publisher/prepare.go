package publisher

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/marshaler"
)

// retryTopicPrefix begins the names of topics for messages that a consumer group
// could not consume (MixAll.RETRY_GROUP_TOPIC_PREFIX).
const retryTopicPrefix = "%RETRY%"

// prepared is a message that is ready to be sent: all that can be wrong with it
// has been looked at. The header lacks what each attempt sets: queue and broker.
type prepared struct {
	header    headers.SendMessage
	body      []byte
	messageID string
}

// mapTopic turns the Watermill topic into a RocketMQ topic that a broker takes.
func (p *Publisher) mapTopic(topic string) (marshaler.MappedTopic, error) {
	mapped, err := p.cfg.Topics.MapTopic(topic)
	if err != nil {
		return marshaler.MappedTopic{}, err
	}
	// A mapper of the user's own is checked like a name of the user's own.
	if err := marshaler.CheckTopicName(mapped.Name); err != nil {
		return marshaler.MappedTopic{}, err
	}
	return mapped, nil
}

// prepare marshals the message, stamps it and checks it against all limits.
func (p *Publisher) prepare(topic string, mapped marshaler.MappedTopic, msg *message.Message) (prepared, error) {
	if msg == nil {
		return prepared{}, ErrNilMessage
	}
	m, err := p.cfg.Marshaler.Marshal(topic, msg)
	if err != nil {
		return prepared{}, &MarshalError{err}
	}
	if len(m.Body) == 0 {
		return prepared{}, &MarshalError{errors.New("marshaler returned an empty body, which brokers refuse")}
	}
	id, err := p.ids.next()
	if err != nil {
		return prepared{}, err
	}
	properties, err := p.appendProperties(id, mapped.Property, m.Properties)
	if err != nil {
		return prepared{}, err
	}
	body, sysFlag, err := p.compress(m.Body)
	if err != nil {
		return prepared{}, err
	}
	if len(body) > p.cfg.MaxMessageSize {
		return prepared{}, &MessageTooLargeError{Size: len(body), Limit: p.cfg.MaxMessageSize}
	}
	h := headers.SendMessage{
		ProducerGroup:      p.cfg.ProducerGroup,
		Topic:              mapped.Name,
		DefaultTopic:       p.cfg.AutoCreate.DefaultTopic,
		DefaultTopicQueues: int32(p.cfg.AutoCreate.Queues),
		SysFlag:            sysFlag | transactionFlag(m.Properties),
		BornTimestamp:      p.now().UnixMilli(),
		Flag:               m.Flag,
		Properties:         properties,
		UnitMode:           p.cfg.UnitMode,
	}
	if strings.HasPrefix(mapped.Name, retryTopicPrefix) {
		// As DefaultMQProducerImpl.sendKernelImpl (5.5.0): these two fields
		// count on retry topics only.
		h.ReconsumeTimes = m.ReconsumeTimes
		h.MaxReconsumeTimes, h.HasMaxReconsumeTimes = m.MaxReconsumeTimes, m.MaxReconsumeTimes > 0
	}
	return prepared{header: h, body: body, messageID: id}, nil
}

// appendProperties builds the properties string: the unique id, the original
// topic name where the mapper gave one, and the marshaler's properties.
func (p *Publisher) appendProperties(id string, topic headers.Property, list []headers.Property) ([]byte, error) {
	if topic.Name != "" {
		list = slices.Concat([]headers.Property{topic}, list)
	}
	size := marshaler.PropertiesSize(list)
	if limit := p.cfg.MaxPropertiesSize; size > limit {
		return nil, &MarshalError{&marshaler.PropertiesTooLargeError{Size: size, Limit: limit}}
	}
	raw := headers.AppendProperty(make([]byte, 0, size), headers.PropertyUniqueKey, id)
	for _, property := range list {
		if err := property.Check(); err != nil {
			return nil, &MarshalError{err}
		}
		if property.Name == headers.PropertyUniqueKey {
			return nil, &MarshalError{errors.New("UNIQ_KEY is for the publisher to set, not for a marshaler or topic mapper")}
		}
		raw = headers.AppendProperty(raw, property.Name, property.Value)
	}
	return raw, nil
}

// transactionFlag returns the bit of a half message for a message that is one by
// its properties. A broker that sees only one of the two loses the message
// silently, so the bit follows the property, as in
// DefaultMQProducerImpl.sendKernelImpl (5.5.0).
func transactionFlag(list []headers.Property) int32 {
	for _, property := range list {
		if property.Name == headers.PropertyTransaction && strings.EqualFold(property.Value, "true") {
			return headers.SysFlagPrepared
		}
	}
	return 0
}

// compress returns the body as it is to be sent, and the bits that say how. The
// result is plain itself where compression is off, not worth it, or no gain.
func (p *Publisher) compress(plain []byte) ([]byte, int32, error) {
	if p.compressor == nil || len(plain) < p.cfg.Compression.Threshold {
		return plain, 0, nil
	}
	packed, err := p.compressor.Compress(nil, plain)
	if err != nil {
		return nil, 0, fmt.Errorf("cannot compress message: %w", err)
	}
	if len(packed) >= len(plain) {
		return plain, 0, nil
	}
	return packed, p.compressor.SysFlag(), nil
}
