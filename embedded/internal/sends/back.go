package sends

import (
	"strconv"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/properties"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/body"
)

// firstRetryLevel is the delay level of a message that is sent back for the first time.
const firstRetryLevel = 3

// Back makes of a message that a group sends back the one that is stored again
// (AbstractSendMessageProcessor.consumerSendMsgBack of 5.5.0), and returns its properties and
// its delay level, which may be beyond the last one. What came back most times, or is not to
// come again, goes to the dead letters, without a delay.
func Back(m *body.StoredMessage, h *headers.ConsumerSendBack, most int32) (set properties.Set, level int) {
	set.Parse(m.Properties, nil)
	if set.Get(headers.PropertyRetryTopic) == nil {
		set.Set(headers.PropertyRetryTopic, m.Topic)
	}
	set.Set(headers.PropertyWait, "false")
	if set.Get(headers.PropertyOriginMessageID) == nil {
		set.Set(headers.PropertyOriginMessageID, body.OffsetMessageID(m.StoreHost, m.CommitLogOffset))
	}
	level = int(h.DelayLevel)
	switch {
	case m.ReconsumeTimes >= most || level < 0:
		level, m.Topic = 0, headers.DeadLetterTopicPrefix+h.ConsumerGroup
	case level == 0:
		level = firstRetryLevel + int(m.ReconsumeTimes)
		fallthrough
	default:
		m.Topic = headers.RetryTopicPrefix + h.ConsumerGroup
	}
	set.Set(headers.PropertyDelayLevel, strconv.Itoa(level))
	m.ReconsumeTimes++
	return set, level
}
