package trace

import (
	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/marshaler"
)

// Marshaler makes messages that have a body and keys.
type Marshaler struct{}

// Marshal takes the keys from the message's UUID.
func (Marshaler) Marshal(_ string, msg *message.Message) (marshaler.Message, error) {
	return marshaler.Message{
		Body:       msg.Payload,
		Properties: []headers.Property{{Name: headers.PropertyKeys, Value: msg.UUID}},
	}, nil
}
