package receive

import (
	"fmt"
	"runtime/debug"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/marshaler"
)

// Reader makes Watermill messages of unpacked ones. It differs from marshaler.Reader,
// which is for whoever calls it with a message of another client: where the user's code
// fails, it goes on without that, so that there is always a message. A panic of that code
// is an error, since the goroutine is not the user's to guard. A Reader is safe for
// concurrent use if its parts are.
type Reader struct {
	// Unmarshaler makes the message; nil is marshaler.Default.
	Unmarshaler marshaler.Unmarshaler
	// Topics finds Watermill's name of the topic. It must be set for Read.
	Topics marshaler.TopicMapper
}

// Delivery is a message as Watermill's handlers know it.
type Delivery struct {
	// Topic is Watermill's name, or RocketMQ's where TopicErr says that there is none.
	Topic    string
	TopicErr error
	// Message is never nil. Its context is the background, its payload may alias the
	// body, and with it the whole answer of the broker, and its UUID and metadata may
	// be parts of the properties string: each keeps that in memory.
	Message *message.Message
	// UnmarshalErr is why Message is made by marshaler.Default: the BodyErr of the
	// message, whose payload is missing, or an error of the Unmarshaler.
	UnmarshalErr error
}

// PanicError is a panic of the user's Unmarshaler or TopicMapper.
type PanicError struct {
	Value any    // what recover has returned
	Stack []byte // of the goroutine, see debug.Stack
}

// Error has the value, and not the stack.
func (e *PanicError) Error() string { return fmt.Sprintf("panicked: %v", e.Value) }

// Read makes the Watermill message of m. topic is RocketMQ's name of its topic, without a
// namespace.
func (r Reader) Read(topic string, m *Message) Delivery {
	properties := m.PropertyList()
	name, err := r.unmapTopic(topic, properties)
	if err != nil {
		name = topic
	}
	d := r.read(name, m, properties)
	d.TopicErr = err
	return d
}

// ReadKnown makes the Watermill message of m, whose topic has the given name in Watermill.
// Who has subscribed to a topic knows it, as no two topics have one name in RocketMQ.
func (r Reader) ReadKnown(topic string, m *Message) Delivery { return r.read(topic, m, nil) }

// read makes the message. properties are those of m if somebody has made a list of them.
func (r Reader) read(topic string, m *Message, properties []headers.Property) Delivery {
	d := Delivery{Topic: topic, UnmarshalErr: m.BodyErr}
	if !r.isDefault() && m.BodyErr == nil {
		if properties == nil {
			properties = m.PropertyList()
		}
		d.Message, d.UnmarshalErr = r.unmarshal(topic, marshaler.Message{Body: m.Body, Properties: properties, Flag: m.Stored.Flag})
	}
	if d.Message == nil || d.UnmarshalErr != nil {
		d.Message = marshaler.Default{}.UnmarshalRaw(m.Body, m.Stored.Flag, m.Properties)
	}
	return d
}

// isDefault reports whether the Unmarshaler is marshaler.Default itself, not a type that
// has it embedded.
func (r Reader) isDefault() bool {
	_, ok := r.Unmarshaler.(marshaler.Default)
	return ok || r.Unmarshaler == nil
}

func (r Reader) unmapTopic(topic string, properties []headers.Property) (name string, err error) {
	defer recovered(&err)
	return r.Topics.UnmapTopic(topic, properties)
}

func (r Reader) unmarshal(topic string, m marshaler.Message) (msg *message.Message, err error) {
	defer recovered(&err)
	return r.Unmarshaler.Unmarshal(topic, m)
}

// recovered is deferred, and makes an error of a panic.
func recovered(err *error) {
	if value := recover(); value != nil {
		*err = &PanicError{Value: value, Stack: debug.Stack()}
	}
}
