package view

import (
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/keys"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/body"
	"github.com/watermill-rocketmq/watermill-rocketmq/marshaler"
)

// IsCalled reports whether a message has that name: its unique id, one of its keys, its
// Watermill UUID, or the id that its send was answered with.
func IsCalled(m *body.StoredMessage, name string) bool {
	const (
		idLength     = 32 // of 4 bytes of address, 4 of port and 8 of offset, in hex
		idLengthIPv6 = 56
	)
	if hasKey(m.Properties, name) || (marshaler.Default{}).UnmarshalRaw(nil, 0, string(m.Properties)).UUID == name {
		return true
	}
	return (len(name) == idLength || len(name) == idLengthIPv6) && body.OffsetMessageID(m.StoreHost, m.CommitLogOffset) == name
}

// hasKey reports whether key is a message's unique id or one of its KEYS, as
// both are in one index.
func hasKey(properties []byte, key string) bool {
	for word := range keys.Of(properties, false) {
		if string(word) == key {
			return true
		}
	}
	return false
}

// Find returns the messages that have a name, see IsCalled, at most so many.
func Find(raws [][]byte, name string, most int) (found [][]byte) {
	for _, raw := range raws {
		if len(found) >= most {
			break
		}
		if m, _, err := body.ParseStored(raw); err == nil && IsCalled(&m, name) {
			found = append(found, raw)
		}
	}
	return found
}
