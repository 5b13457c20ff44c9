package publisher

import (
	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/marshaler"
)

// appendMarshal returns a func that marshals a message and puts its properties
// behind those it is given. own says that these are legal, as marshaler.Default makes
// them.
func appendMarshal(m marshaler.Marshaler) (marshal appendFunc, own bool) {
	if own, ok := m.(marshaler.Default); ok { // itself, not a type that has it embedded
		return own.AppendMarshal, true
	}
	return func(properties []headers.Property, topic string, msg *message.Message) (marshaler.Message, error) {
		made, err := m.Marshal(topic, msg)
		made.Properties = append(properties, made.Properties...)
		return made, err
	}, false
}

type appendFunc func(properties []headers.Property, topic string, msg *message.Message) (marshaler.Message, error)
