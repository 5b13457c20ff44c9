package publisher

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/body"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/loglimit"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/messageid"
	"github.com/watermill-rocketmq/watermill-rocketmq/marshaler"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher/internal/failed"
)

// TopicName returns the name that brokers and their tools know the topic by: what
// Config.Topics maps it to, in Cluster.Namespace. It asks nobody. The error is of a topic
// that Publish would refuse, as a rule a *marshaler.TopicError.
func (p *Publisher) TopicName(topic string) (string, error) {
	mapped, err := p.mapTopic(topic)
	return mapped.Name, err
}

// topicDiffers logs the name of a topic that brokers know by another name.
func (p *Publisher) topicDiffers(topic, name string) {
	p.logger.Info("Topic has another name in RocketMQ", watermill.LogFields{"topic": topic, "rocketmq_topic": name})
}

// mapTopic turns the Watermill topic into a RocketMQ topic that a broker takes.
func (p *Publisher) mapTopic(topic string) (marshaler.MappedTopic, error) {
	if p.plainTopics {
		return marshaler.MappedTopic{Name: topic}, nil
	}
	mapped, err := p.topics.Map(topic)
	if err != nil {
		return marshaler.MappedTopic{}, permanently(err)
	}
	return mapped, nil
}

// prepare marshals the message into the call, stamps it and checks it against all limits.
// Its place among the messages of the call is at.
func (p *Publisher) prepare(c *call, at int, mapped marshaler.MappedTopic, msg *message.Message, now time.Time) error {
	m, own := &c.Call.Messages()[at], &c.messages[at]
	var key string
	if p.cfg.OrderingKey != nil {
		var err error
		if key, err = p.orderingKey(c.topic, msg, now); err != nil {
			return err
		}
	}
	special := features{transaction: c.mode.transaction, oneway: c.mode.oneway, key: key != ""}
	if special != (features{}) {
		if err := special.check(); err != nil {
			return err
		}
	}
	list := c.list[:0]
	if mapped.Property.Name != "" {
		list = append(list, mapped.Property)
	}
	if p.cfg.Cluster.Namespace != "" {
		list = append(list, headers.Property{Name: propertyInstanceID, Value: p.cfg.Cluster.Namespace})
	}
	if m.Keyed = key != ""; m.Keyed {
		m.KeyHash = p.cfg.Queues.sumOf(key)
		list = append(list, headers.Property{Name: headers.PropertyShardingKey, Value: key})
	}
	if c.mode.transaction {
		list = appendTransaction(list, p.cfg.ProducerGroup, &p.cfg.Transaction)
	}
	before := len(list)
	made, err := p.marshal(list, c.topic, msg)
	if err != nil {
		return &MarshalError{err}
	}
	if len(made.Body) == 0 {
		return &MarshalError{errors.New("marshaler returned an empty body, which brokers refuse")}
	}
	list = made.Properties
	defer c.keepList(list)
	if m.Keyed && slices.ContainsFunc(list[before:], isShardingKey) {
		return &MarshalError{errors.New("marshaler returned a __SHARDINGKEY, which is that of OrderingKey")}
	}
	if c.mode.transaction {
		if err := checkTransaction(list[before:]); err != nil {
			return err
		}
	}
	if own.delay, err = prepareDelay(list, msg, p.cfg.Delay.Max, now); err != nil {
		return err
	}
	special.delay = own.delay != nil
	if special.delay && m.Keyed {
		m.Keyed, special.key = false, false
		list = slices.DeleteFunc(list, isShardingKey)
		p.keyDropped(keyOfDelayed, c.topic, msg, now)
	}
	prepared := transactionFlag(list) // the marshaler may have made a half message as well
	if special.delay || prepared != 0 {
		special.transaction = special.transaction || prepared != 0
		if err := special.check(); err != nil {
			return err
		}
	}
	if own.id, err = p.ids.Next(now); err != nil {
		return err
	}
	list = p.withInjected(c, at, list, before, now)
	sized := list
	if own.delay != nil && !own.delay.until.IsZero() {
		sized = append(sized, longestDelayProperty)
	}
	if err := marshaler.CheckPropertiesSize(sized, p.cfg.MaxPropertiesSize); err != nil {
		return &MarshalError{err}
	}
	if !p.ownMarshaler || mapped.Property.Name != "" { // else all of them are made here
		if err := checkProperties(list); err != nil {
			return &MarshalError{err}
		}
	}
	if err := p.encode(c, at, made, list, sized); err != nil {
		return err
	}
	own.sysFlag |= prepared
	retry := strings.HasPrefix(mapped.Name, headers.RetryTopicPrefix)
	if retry {
		// As DefaultMQProducerImpl.sendKernelImpl (5.5.0): these two fields
		// count on retry topics only.
		own.reconsumed, own.maxReconsumes = made.ReconsumeTimes, made.MaxReconsumeTimes
	}
	m.Solo = retry || special.delay || own.sysFlag != 0 || slices.ContainsFunc(list, isSolo)
	return nil
}

// encode appends the message to the call's buffer, as it stands in a batch.
func (p *Publisher) encode(c *call, at int, made marshaler.Message, list, sized []headers.Property) (err error) {
	own, begin := &c.messages[at], len(c.buf)
	buf := body.BeginBatchMessage(slices.Grow(c.buf, len(made.Body)+marshaler.PropertiesSize(list)+batchRoom))
	bodyBegin := len(buf)
	if buf, own.sysFlag, err = p.appendBody(buf, made.Body); err != nil {
		return err
	}
	size := len(buf) - bodyBegin
	if limit := bodyLimit(p.cfg.MaxMessageSize); limit.mayExceed(size) {
		if err := limit.check(size, sized); err != nil && !own.delay.refuseTimer(err) {
			return err
		}
	}
	buf = appendProperties(body.MiddleBatchMessage(buf), &own.id, list)
	if err := body.EndBatchMessage(buf[begin:], made.Flag, size); err != nil {
		return &MarshalError{err}
	}
	c.buf = buf
	c.Call.Messages()[at].Data = buf[begin:]
	return nil
}

// batchRoom is about what a message takes in a batch beside body and properties.
const batchRoom = 24

// keepList keeps the memory of the list, and nothing that was in it.
func (c *call) keepList(list []headers.Property) {
	clear(list)
	c.list = list[:0]
}

// setData has the data of each message refer to the buffer as it is now: it may have
// moved while it grew. The data of the messages follow each other.
func (c *call) setData() {
	at := 0
	messages := c.Call.Messages()
	for i := range messages {
		end := at + len(messages[i].Data)
		messages[i].Data = c.buf[at:end]
		at = end
	}
}

func isShardingKey(property headers.Property) bool {
	return property.Name == headers.PropertyShardingKey
}

// orderingKey returns the message's key, empty if it has none. One that has failed may
// have done so for want of what its key is made of.
func (p *Publisher) orderingKey(topic string, msg *message.Message, now time.Time) (string, error) {
	key, err := p.cfg.OrderingKey(topic, msg)
	if err == nil && key != "" {
		err = headers.Property{Name: headers.PropertyShardingKey, Value: key}.Check()
	}
	if err != nil && failed.HasFailed(msg) {
		p.keyDropped(keyOfFailed, topic, msg, now)
		return "", nil
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

// checkProperties refuses what a marshaler or topic mapper of the user's own must not
// return.
func checkProperties(list []headers.Property) error {
	for _, property := range list {
		if err := property.Check(); err != nil {
			return err
		}
		if property.Name == headers.PropertyUniqueKey {
			return errors.New("UNIQ_KEY is for the publisher to set, not for a marshaler or topic mapper")
		}
	}
	return nil
}

// appendProperties appends the properties string: the unique id and the list.
func appendProperties(dst []byte, id *messageid.ID, list []headers.Property) []byte {
	dst = headers.AppendProperty(dst, headers.PropertyUniqueKey, string(id[:]))
	for _, property := range list {
		dst = headers.AppendProperty(dst, property.Name, property.Value)
	}
	return dst
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

// Why a message goes without an ordering key.
const (
	keyOfDelayed = "Dropped the ordering key of a delayed message, which has no order in RocketMQ"
	keyOfFailed  = "Publishing a failed message without an ordering key, since OrderingKey has none for it"
)

// keyDropped logs, now and then, that a message goes without an ordering key.
func (p *Publisher) keyDropped(why, topic string, msg *message.Message, now time.Time) {
	p.messageChanged(&p.logs.keys, why, topic, msg.UUID, now)
}

// messageFitted logs in the same way what was changed for a message to fit.
func (p *Publisher) messageFitted(topic string, msg *message.Message, change string, now time.Time) {
	p.messageChanged(&p.logs.fitted, change, topic, msg.UUID, now)
}

func (p *Publisher) messageChanged(limit *loglimit.Limit, text, topic, uuid string, now time.Time) {
	if missed, ok := limit.Ask(topic, now); ok {
		p.logger.Debug(text, watermill.LogFields{"topic": topic, "message_uuid": uuid, loglimit.Unlogged: missed})
	}
}
