package marshaler

import (
	"strings"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

// Unmarshal translates msg, whoever sent it. The error is always nil: a message
// that was not made by Marshal is handed on as well as it can be.
//
//   - Properties that are RocketMQ's own, see Reserved, are left out. What comes
//     back in the metadata can thus be published again without carrying the old
//     message's id, delay or retry count along.
//   - Tag, keys and flag come back as MetadataTag, MetadataKeys and MetadataFlag,
//     whoever set them. A tag that Marshal would refuse does not. The keys are
//     without that of the UUID. Properties of these three names are none of ours,
//     and left out.
//   - The UUID of a message that has none of ours is its UNIQ_KEY, and empty if
//     it has no UNIQ_KEY either.
//   - A property whose name begins with "_wm_" but which Marshal cannot have
//     written is kept as metadata under that name, value untouched.
//   - A name that comes twice has its last value, as in Java. An escaped entry
//     goes before a plain one of the same name, whatever their order, since a
//     broker changes the order.
//
// The payload aliases msg.Body.
func (Default) Unmarshal(_ string, msg Message) (*message.Message, error) {
	out := message.NewMessage("", msg.Body)
	var uuid, escapedUUID, uniqueKey found
	own := attributes{flag: msg.Flag}
	var escaped bool
	for _, p := range msg.Properties {
		switch name := p.Name; {
		case name == propertyUUID:
			uuid.set(p.Value)
		case name == headers.PropertyUniqueKey:
			uniqueKey.set(p.Value)
		case name == headers.PropertyTags:
			own.tag = p.Value
		case name == headers.PropertyKeys:
			own.keys = p.Value
		case Reserved(name) || name == propertyTopic || isAttribute(name):
		case !strings.HasPrefix(name, mark):
			out.Metadata[name] = p.Value
		case name == propertyEscapedUUID && escapedUUID.unescape(p.Value):
		case name == propertyPayload && setNoPayload(out, msg.Body, p.Value):
		default:
			if _, _, ok := unescapeMetadata(p); ok {
				escaped = true
			} else {
				out.Metadata[name] = p.Value
			}
		}
	}
	if escaped {
		for _, p := range msg.Properties {
			if name, value, ok := unescapeMetadata(p); ok {
				out.Metadata[name] = value
			}
		}
	}
	switch {
	case uuid.ok:
		out.UUID = uuid.value
	case escapedUUID.ok:
		out.UUID = escapedUUID.value
	default:
		out.UUID = uniqueKey.value
	}
	own.set(out.Metadata, out.UUID, uuid.ok || escapedUUID.ok)
	return out, nil
}

// found is a value that may be missing.
type found struct {
	value string
	ok    bool
}

func (f *found) set(value string) { f.value, f.ok = value, true }

func (f *found) unescape(text string) bool {
	value, ok := unescape(text)
	if ok {
		f.set(value)
	}
	return ok
}

// setNoPayload gives out the payload that the mark stands for and reports true,
// unless the body is not the one that goes with a mark.
func setNoPayload(out *message.Message, body []byte, kind string) bool {
	if string(body) != noPayload {
		return false
	}
	switch kind {
	case payloadNil:
		out.Payload = nil
	case payloadEmpty:
		out.Payload = message.Payload{}
	default:
		return false
	}
	return true
}

// unescapeMetadata returns the metadata entry that p is the escaped form of. An
// entry that Marshal would refuse, or take for an attribute, is none: nobody could
// publish it again.
func unescapeMetadata(p headers.Property) (name, value string, ok bool) {
	text, ok := strings.CutPrefix(p.Name, metadataPrefix)
	if !ok {
		return "", "", false
	}
	if name, ok = unescape(text); !ok || name == propertyUUID || isAttribute(name) {
		return "", "", false
	}
	if value, ok = unescape(p.Value); !ok {
		return "", "", false
	}
	return name, value, true
}
