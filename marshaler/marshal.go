package marshaler

import (
	"slices"
	"strings"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

// Names of the properties that are this project's own. A metadata entry whose
// name begins with the mark is escaped, so none can pass for one of them.
const (
	mark = "_wm_"

	propertyUUID        = "_watermill_message_uuid" // as Watermill's other Pub/Subs name it
	propertyEscapedUUID = mark + "uuid"
	propertyPayload     = mark + "payload"
	propertyTopic       = mark + "topic"
	metadataPrefix      = mark + "m_"
)

const (
	payloadNil   = "nil"
	payloadEmpty = "empty"

	// noPayload is the body of a message without payload: the least a broker
	// takes.
	noPayload = " "
)

// fixedProperties is the number of properties that are not metadata: the UUID,
// KEYS, TAGS and the payload mark, then two that a producer appends, UNIQ_KEY and
// the topic.
const fixedProperties = 6

// Marshal translates msg. The properties come in a fixed order, UUID, KEYS, TAGS,
// the payload mark, then the metadata sorted by property name, so the same message
// gives the same bytes.
//
// The Body aliases msg.Payload. The one error is *MetadataError, for attributes
// (MetadataTag and its like) that RocketMQ could not use. How much metadata a message may have is for
// the producer to check, which adds properties of its own: CheckPropertiesSize.
func (d Default) Marshal(topic string, msg *message.Message) (Message, error) {
	return d.AppendMarshal(make([]headers.Property, 0, len(msg.Metadata)+fixedProperties), topic, msg)
}

// AppendMarshal is Marshal, but the result's Properties are those given with the
// message's own behind them, in the memory of the slice if it has room. So a
// producer can do without garbage.
func (Default) AppendMarshal(props []headers.Property, _ string, msg *message.Message) (Message, error) {
	own, err := readAttributes(msg.Metadata)
	if err != nil {
		return Message{}, err
	}

	props = own.append(appendUUID(props, msg.UUID), msg.UUID)
	body := []byte(msg.Payload)
	if len(body) == 0 {
		kind := payloadEmpty
		if body == nil {
			kind = payloadNil
		}
		props = append(props, headers.Property{Name: propertyPayload, Value: kind})
		body = []byte(noPayload)
	}
	if len(msg.Metadata) > 0 {
		props = appendMetadata(props, msg.Metadata)
	}
	return Message{Body: body, Properties: props, Flag: own.flag}, nil
}

func appendUUID(props []headers.Property, uuid string) []headers.Property {
	if headers.Carries(uuid) {
		return append(props, headers.Property{Name: propertyUUID, Value: uuid})
	}
	return append(props, headers.Property{Name: propertyEscapedUUID, Value: escape(uuid)})
}

func appendMetadata(props []headers.Property, metadata message.Metadata) []headers.Property {
	fixed := len(props)
	for name, value := range metadata {
		if isAttribute(name) {
			continue
		}
		if !plain(name, value) {
			name, value = metadataPrefix+escape(name), escape(value)
		}
		props = append(props, headers.Property{Name: name, Value: value})
	}
	slices.SortFunc(props[fixed:], func(a, b headers.Property) int { return strings.Compare(a.Name, b.Name) })
	return props
}

// plain reports whether a metadata entry can be a property as it is.
func plain(name, value string) bool {
	return Free(name) && headers.Carries(name) && headers.Carries(value)
}
