package publisher

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/marshaler"
)

// retryTopicPrefix begins the names of topics for messages that a consumer group
// could not consume (MixAll.RETRY_GROUP_TOPIC_PREFIX).
const retryTopicPrefix = "%RETRY%"

// mapTopic turns the Watermill topic into a RocketMQ topic that a broker takes.
func (p *Publisher) mapTopic(topic string) (marshaler.MappedTopic, error) {
	if p.plainTopics {
		return marshaler.MappedTopic{Name: topic}, nil
	}
	mapped, err := p.cfg.Topics.MapTopic(topic)
	if err != nil {
		return marshaler.MappedTopic{}, err
	}
	// A mapper of the user's own is checked like a name of the user's own.
	if err := marshaler.CheckTopicName(mapped.Name); err != nil {
		return marshaler.MappedTopic{}, err
	}
	if p.cfg.Namespace != "" {
		mapped.Name = wrapNamespace(p.cfg.Namespace, mapped.Name)
		if err := marshaler.CheckTopicName(mapped.Name); err != nil {
			return marshaler.MappedTopic{}, err // too long now
		}
	}
	return mapped, nil
}

// prepare marshals the message into e, stamps it and checks it against all limits.
func (p *Publisher) prepare(e *entry, how manner, topic string, mapped marshaler.MappedTopic, msg *message.Message, now time.Time) error {
	key, err := p.orderingKey(topic, msg)
	if err != nil {
		return err
	}
	special := features{transaction: how.transaction, oneway: how.oneway, key: key != ""}
	if err := special.check(); err != nil {
		return err
	}
	list := e.list[:0]
	if mapped.Property.Name != "" {
		list = append(list, mapped.Property)
	}
	if p.cfg.Namespace != "" {
		list = append(list, headers.Property{Name: propertyInstanceID, Value: p.cfg.Namespace})
	}
	if e.keyed = key != ""; e.keyed {
		e.keyHash = p.cfg.Queues.sumOf(key)
		list = append(list, headers.Property{Name: headers.PropertyShardingKey, Value: key})
	}
	if how.transaction {
		list = p.appendTransaction(list)
	}
	own := len(list)
	m, err := p.marshal(list, topic, msg)
	if err != nil {
		return &MarshalError{err}
	}
	if len(m.Body) == 0 {
		return &MarshalError{errors.New("marshaler returned an empty body, which brokers refuse")}
	}
	list = m.Properties
	defer e.keepList(list)
	if e.keyed && slices.ContainsFunc(list[own:], isShardingKey) {
		return &MarshalError{errors.New("marshaler returned a __SHARDINGKEY, which is that of OrderingKey")}
	}
	if how.transaction {
		if err := checkTransaction(list[own:]); err != nil {
			return err
		}
	}
	if special.delay, err = e.prepareDelay(list, msg, p.cfg.Delay.Max, now); err != nil {
		return err
	}
	prepared := transactionFlag(list) // the marshaler may have made a half message as well
	if special.delay || prepared != 0 {
		special.transaction = special.transaction || prepared != 0
		if err := special.check(); err != nil {
			return err
		}
	}
	if e.id, err = p.ids.next(now); err != nil {
		return err
	}
	sized := list
	if !e.delay.until.IsZero() {
		sized = append(sized, longestDelayProperty)
	}
	if err := marshaler.CheckPropertiesSize(sized, p.cfg.MaxPropertiesSize); err != nil {
		return &MarshalError{err}
	}
	e.data, e.sysFlag, err = p.appendBody(slices.Grow(e.data[:0], len(m.Body)+marshaler.PropertiesSize(list)), m.Body)
	if err != nil {
		return err
	}
	size := len(e.data)
	if err := p.checkSize(size, sized); err != nil {
		return err
	}
	if e.data, err = appendProperties(e.data, &e.id, list); err != nil {
		return &MarshalError{err}
	}
	e.body, e.properties = e.data[:size:size], e.data[size:]
	e.flag, e.born = m.Flag, now.UnixMilli()
	e.sysFlag |= prepared
	e.reconsumed, e.maxReconsumes = 0, 0
	retry := strings.HasPrefix(mapped.Name, retryTopicPrefix)
	if retry {
		// As DefaultMQProducerImpl.sendKernelImpl (5.5.0): these two fields
		// count on retry topics only.
		e.reconsumed, e.maxReconsumes = m.ReconsumeTimes, m.MaxReconsumeTimes
	}
	e.solo = retry || special.delay || e.sysFlag != 0 || slices.ContainsFunc(list, isSolo)
	return nil
}

// appendMarshal returns a func that marshals a message and puts its properties
// behind those it is given.
func appendMarshal(m marshaler.Marshaler) appendFunc {
	if own, ok := m.(marshaler.Default); ok { // itself, not a type that has it embedded
		return own.AppendMarshal
	}
	return func(properties []headers.Property, topic string, msg *message.Message) (marshaler.Message, error) {
		made, err := m.Marshal(topic, msg)
		made.Properties = append(properties, made.Properties...)
		return made, err
	}
}

type appendFunc func(properties []headers.Property, topic string, msg *message.Message) (marshaler.Message, error)

func isShardingKey(property headers.Property) bool {
	return property.Name == headers.PropertyShardingKey
}

// orderingKey returns the message's key, empty if it has none.
func (p *Publisher) orderingKey(topic string, msg *message.Message) (string, error) {
	if p.cfg.OrderingKey == nil {
		return "", nil
	}
	key, err := p.cfg.OrderingKey(topic, msg)
	if err == nil && key != "" {
		err = headers.Property{Name: headers.PropertyShardingKey, Value: key}.Check()
	}
	if err != nil {
		return "", &OrderingKeyError{err}
	}
	return key, nil
}

// isSolo reports whether a message with that property has to be sent by itself:
// brokers take transactions of single messages only, and the wait flag for a whole
// request. Delayed messages go alone as well, see prepareDelay.
func isSolo(property headers.Property) bool {
	return property.Name == headers.PropertyTransaction || property.Name == headers.PropertyWait
}

// appendProperties appends the properties string: the unique id and the list.
func appendProperties(dst []byte, id *messageID, list []headers.Property) ([]byte, error) {
	dst = headers.AppendProperty(dst, headers.PropertyUniqueKey, string(id[:]))
	for _, property := range list {
		if err := property.Check(); err != nil {
			return nil, err
		}
		if property.Name == headers.PropertyUniqueKey {
			return nil, errors.New("UNIQ_KEY is for the publisher to set, not for a marshaler or topic mapper")
		}
		dst = headers.AppendProperty(dst, property.Name, property.Value)
	}
	return dst, nil
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

// appendBody appends the body as it is to be sent, and returns the bits that say
// how. It is plain where compression is off, not worth it, or no gain.
func (p *Publisher) appendBody(dst, plain []byte) ([]byte, int32, error) {
	if p.compressor == nil || len(plain) < p.cfg.Compression.Threshold {
		return append(dst, plain...), 0, nil
	}
	packed, err := p.compressor.Compress(dst, plain)
	if err != nil {
		return nil, 0, fmt.Errorf("cannot compress message: %w", err)
	}
	if len(packed)-len(dst) >= len(plain) {
		return append(dst, plain...), 0, nil
	}
	return packed, p.compressor.SysFlag(), nil
}
