package view

import (
	"cmp"
	"slices"
	"sync"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/keys"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/queues"
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

// Find returns the messages that have a name, see IsCalled, the oldest first, at most so many.
// It has one message at a time in memory, beside those that it has found, and mu held while it
// reads one. It sorts units.
func Find(mu sync.Locker, log queues.Log, units []queues.Unit, name string, most int) (found [][]byte) {
	slices.SortFunc(units, func(x, y queues.Unit) int { return cmp.Compare(x.Offset, y.Offset) })
	for _, u := range units {
		if len(found) >= most {
			break
		}
		mu.Lock()
		raw := log.View(u.Offset, int(u.Size))
		mu.Unlock()
		if m, _, err := body.ParseStored(raw); err == nil && IsCalled(&m, name) {
			found = append(found, raw)
		}
	}
	return found
}
