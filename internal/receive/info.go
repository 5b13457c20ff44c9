package receive

import (
	"strings"
	"time"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/body"
)

// UniqueKey returns the message id that the producer has given (UNIQ_KEY), which stays the
// same in retries and dead letters. Messages of some producers have none.
func (m *Message) UniqueKey() string { return m.Property(headers.PropertyUniqueKey) }

// OffsetID returns the id that says where the message is stored, see
// body.OffsetMessageID. A message that is stored again, to be retried, has another one.
func (m *Message) OffsetID() string {
	return body.OffsetMessageID(m.Stored.StoreHost, m.Stored.CommitLogOffset)
}

// Tag returns the tag (TAGS), of which a message has at most one.
func (m *Message) Tag() string { return m.Property(headers.PropertyTags) }

// Keys returns the search keys (KEYS), which are separated by spaces
// (MessageConst.KEY_SEPARATOR). That of our publisher's UUID is the first.
func (m *Message) Keys() []string {
	var keys []string
	for key := range strings.SplitSeq(m.Property(headers.PropertyKeys), " ") {
		if key != "" {
			keys = append(keys, key)
		}
	}
	return keys
}

// Born is when the producer sent the message, to the millisecond, by its clock.
func (m *Message) Born() time.Time { return time.UnixMilli(m.Stored.BornTimestamp) }

// StoredAt is when the broker stored the message, to the millisecond, by its clock. A
// message that is stored again, delayed or to be retried, has the time of the last one.
func (m *Message) StoredAt() time.Time { return time.UnixMilli(m.Stored.StoreTimestamp) }
