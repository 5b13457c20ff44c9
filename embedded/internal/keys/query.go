package keys

import (
	"slices"

	"github.com/watermill-rocketmq/watermill-rocketmq/internal/body"
)

// Query asks for messages by a key.
type Query struct {
	Topic, Key string
	// Begin and End bound the store time, to the millisecond. RocketMQ's index knows the
	// second only.
	Begin, End int64
	// Most bounds how many messages are given.
	Most int
}

// Find returns messages that a query asks for, the newest ones in the order of the log, and
// one as often as it has the key (DefaultMessageStore.queryMessage). at returns the message at
// an offset of the log, if there is one still. last is the last message of the log that has
// keys.
func (x *Index) Find(log Log, q Query, at func(offset int64) (body.StoredMessage, []byte, bool)) (raws [][]byte, last Place) {
	offsets, last := x.find(log, q.Topic, q.Key)
	for _, offset := range offsets {
		if len(raws) >= q.Most {
			break
		}
		if m, raw, ok := at(offset); ok && x.matches(&m, &q) {
			raws = append(raws, raw)
		}
	}
	slices.Reverse(raws)
	return raws, last
}

func (x *Index) matches(m *body.StoredMessage, q *Query) bool {
	if m.Topic != q.Topic || m.StoreTimestamp < q.Begin || m.StoreTimestamp > q.End {
		return false
	}
	for key := range Of(m.Properties, x.tags) {
		if string(key) == q.Key {
			return true
		}
	}
	return false
}
