package delays

import (
	"strconv"
	"strings"
	"time"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/properties"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

// RecallTag and RecallBody are those of a message that recalls another
// (RecallMessageProcessor.buildMessage).
const (
	RecallTag  = "_RECALL_TAG_"
	RecallBody = "0"
)

// RecallHandle is what the answer to the send of a message says
// (SendMessageProcessor.attachRecallHandle), empty if it cannot be recalled.
func (d Delay) RecallHandle(topic, broker, uniqueKey string, v headers.Version) string {
	if d.Out == 0 || v < headers.Version5_3_3 || strings.HasPrefix(topic, headers.RetryTopicPrefix) {
		return ""
	}
	return headers.RecallHandle{Topic: topic, BrokerName: broker, Timestamp: d.Out + 1, UniqueKey: uniqueKey}.String()
}

// Recall names a timer message that is not to be delivered: topic, unique key and TIMER_OUT_MS
// (TimerMessageStore.buildDeleteKey, and the slot of the wheel that the mark is in).
type Recall struct {
	Topic, UniqueKey string
	Out              int64
}

// RecallOf is what a handle recalls.
func RecallOf(handle *headers.RecallHandle) Recall {
	return Recall{handle.Topic, handle.UniqueKey, Slot(handle.Timestamp)}
}

// RecallFault is why a handle that came with a topic recalls nothing of a broker, empty if it
// does (RecallMessageProcessor.processRequest).
func (r Rules) RecallFault(handle *headers.RecallHandle, topic, broker string) string {
	left := handle.Timestamp - r.NowInMilli
	switch {
	case handle.Topic != topic:
		return "recall failed, topic not match"
	case handle.BrokerName != broker:
		return "recall failed, broker service not available"
	case left <= 0 || left >= r.MaxDelay.Milliseconds():
		return "recall failed, timestamp invalid"
	}
	return ""
}

// Over is when the message cannot come any more.
func (r Recall) Over() time.Time { return time.UnixMilli(r.Out).Add(2 * Precision) }

// Properties are those of the message that a broker of a version keeps a recall by, beside
// what every timer message has.
func (r Recall) Properties(group string, timestamp int64, v headers.Version) (set properties.Set) {
	deleted := r.UniqueKey
	if v < headers.Version5_4_0 {
		deleted = r.Topic + "+" + deleted
	}
	set.Set(PropertyDelete, deleted)
	set.Set(headers.PropertyUniqueKey, r.UniqueKey)
	set.Set(headers.PropertyTimerDeliverMS, strconv.FormatInt(timestamp, 10))
	set.Set(headers.PropertyProducerGroup, group)
	set.Set(headers.PropertyTags, RecallTag)
	return set
}

// ReadRecall reports whether a timer message is a recall, and which.
func ReadRecall(raw []byte) (r Recall, ok bool) {
	var set properties.Set
	set.Parse(raw, nil)
	deleted := set.Get(PropertyDelete)
	if deleted == nil {
		return r, false
	}
	topic := string(set.Get(headers.PropertyRealTopic))
	return Recall{topic, strings.TrimPrefix(string(deleted), topic+"+"), OutOf(raw)}, true
}
