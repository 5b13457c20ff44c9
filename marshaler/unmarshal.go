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
	var room entryRoom
	plain, u := room.atLeast(len(msg.Properties)), begin(msg.Body, msg.Flag)
	for _, p := range msg.Properties {
		if u.add(p) {
			plain = append(plain, p)
		}
	}
	return u.finish(plain), nil
}

// UnmarshalRaw is Unmarshal for a message of that body and flag whose properties are a
// properties string, the form in which brokers store them. The UUID and the metadata are
// parts of it where they are not escaped, so it stays in memory as long as any of them
// does.
func (Default) UnmarshalRaw(body []byte, flag int32, properties string) *message.Message {
	var room entryRoom
	plain, u := room.atLeast(mostProperties(properties)), begin(body, flag)
	for name, value := range headers.StringProperties(properties) {
		if p := (headers.Property{Name: name, Value: value}); u.add(p) {
			plain = append(plain, p)
		}
	}
	return u.finish(plain)
}

// entryRoom is memory for the properties of most messages, for the caller's stack.
type entryRoom [16]headers.Property

// atLeast returns an empty slice with room for n properties.
func (r *entryRoom) atLeast(n int) []headers.Property {
	if n > len(r) {
		return make([]headers.Property, 0, n)
	}
	return r[:0]
}

// unmarshaling is what is known of a message while its properties are read, but for the
// metadata entries that are plain: they are beside it, so that they may be on the stack.
type unmarshaling struct {
	out                          *message.Message
	body                         []byte
	uuid, escapedUUID, uniqueKey found
	own                          attributes
	escaped                      []headers.Property // metadata entries, no longer escaped
}

func begin(body []byte, flag int32) unmarshaling {
	return unmarshaling{out: message.NewMessage("", body), body: body, own: attributes{flag: flag}}
}

// add takes in the next property, unless it reports that it is a metadata entry as it is.
func (u *unmarshaling) add(p headers.Property) (plain bool) {
	switch {
	case p.Name == propertyUUID:
		u.uuid.set(p.Value)
	case p.Name == headers.PropertyUniqueKey:
		u.uniqueKey.set(p.Value)
	case p.Name == headers.PropertyTags:
		u.own.tag = p.Value
	case p.Name == headers.PropertyKeys:
		u.own.keys = p.Value
	case Reserved(p.Name):
	case !strings.HasPrefix(p.Name, mark):
		return true
	case p.Name == propertyTopic || isAttribute(p.Name):
	case p.Name == propertyEscapedUUID && u.escapedUUID.unescape(p.Value):
	case p.Name == propertyPayload && setNoPayload(u.out, u.body, p.Value):
	default:
		entry, ok := unescapeMetadata(p)
		if ok {
			u.escaped = append(u.escaped, entry)
		}
		return !ok
	}
	return false
}

// finish returns the message, whose metadata is made when it is known how much it is.
func (u *unmarshaling) finish(plain []headers.Property) *message.Message {
	switch {
	case u.uuid.ok:
		u.out.UUID = u.uuid.value
	case u.escapedUUID.ok:
		u.out.UUID = u.escapedUUID.value
	default:
		u.out.UUID = u.uniqueKey.value
	}
	own := u.own.received(u.out.UUID, u.uuid.ok || u.escapedUUID.ok)
	// The map of a new message has room for a few entries, and then grows from size to
	// size. Many properties may have one name, and then need no room.
	const few, most = 8, 256
	if n := len(plain) + len(u.escaped) + own.count(); n > few {
		u.out.Metadata = make(message.Metadata, min(n, most))
	}
	for _, p := range plain {
		u.out.Metadata[p.Name] = p.Value
	}
	for _, p := range u.escaped {
		u.out.Metadata[p.Name] = p.Value
	}
	own.set(u.out.Metadata)
	return u.out
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

// setNoPayload gives out the payload that the mark stands for and reports true, unless
// the body is not the one that goes with a mark.
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
// entry that Marshal would take for an attribute is none.
func unescapeMetadata(p headers.Property) (entry headers.Property, ok bool) {
	text, ok := strings.CutPrefix(p.Name, metadataPrefix)
	if !ok {
		return headers.Property{}, false
	}
	if entry.Name, ok = unescape(text); !ok || isAttribute(entry.Name) {
		return headers.Property{}, false
	}
	if entry.Value, ok = unescape(p.Value); !ok {
		return headers.Property{}, false
	}
	return entry, true
}
