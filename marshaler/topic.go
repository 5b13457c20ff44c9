package marshaler

import (
	"strings"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

const (
	// maxTopicLen and maxRetryTopicLen are TOPIC_MAX_LENGTH and
	// RETRY_OR_DLQ_TOPIC_MAX_LENGTH of TopicValidator (the latter since 5.4.0;
	// before, 127 holds for all topics).
	maxTopicLen      = 127
	maxRetryTopicLen = 255
)

// TopicMapper translates topic names. Both methods must be pure, a function of
// their arguments, and safe for concurrent use: callers may remember what they
// returned.
type TopicMapper interface {
	// MapTopic returns the RocketMQ topic for a Watermill topic. Two topics
	// must never share one. The error is a *TopicError.
	MapTopic(topic string) (MappedTopic, error)
	// UnmapTopic returns the Watermill topic of a message from its RocketMQ
	// topic and its properties. The error is a *TopicError.
	UnmapTopic(rocketmqTopic string, properties []headers.Property) (string, error)
}

// MappedTopic is a RocketMQ topic made of a Watermill topic.
type MappedTopic struct {
	// Name is a name that CheckTopicName accepts.
	Name string
	// Property is to be sent with each message to the topic, unless it is
	// zero. It holds the original name when Name does not.
	Property headers.Property
}

// PlainTopics uses Watermill topics as RocketMQ topics: the mapping switched off.
// It takes what CheckTopicName takes but for %RETRY% and %DLQ% topics, which are
// for consumer groups, and refuses the rest.
type PlainTopics struct{}

var _ TopicMapper = PlainTopics{}

// MapTopic returns the topic's own name.
func (PlainTopics) MapTopic(topic string) (MappedTopic, error) {
	if isRetryOrDeadLetter(topic) {
		return MappedTopic{}, &TopicError{topic, ErrTopicReserved}
	}
	if err := CheckTopicName(topic); err != nil {
		return MappedTopic{}, err
	}
	return MappedTopic{Name: topic}, nil
}

// UnmapTopic returns the name itself.
func (PlainTopics) UnmapTopic(rocketmqTopic string, _ []headers.Property) (string, error) {
	return rocketmqTopic, nil
}

// CheckTopicName returns a *TopicError unless a broker takes messages to a topic
// of this name (TopicValidator of 5.5.0): letters, digits and "_-%|", at most
// 127 characters, or 255 for a %RETRY% or %DLQ% topic, and not one of the topics
// that RocketMQ keeps for itself.
func CheckTopicName(rocketmqTopic string) error {
	limit := maxTopicLen
	if isRetryOrDeadLetter(rocketmqTopic) {
		limit = maxRetryTopicLen
	}
	switch {
	case rocketmqTopic == "":
		return &TopicError{rocketmqTopic, ErrTopicEmpty}
	case !isLegalTopic(rocketmqTopic):
		return &TopicError{rocketmqTopic, ErrTopicIllegal}
	case len(rocketmqTopic) > limit:
		return &TopicError{rocketmqTopic, ErrTopicTooLong}
	case isSystemTopic(rocketmqTopic):
		return &TopicError{rocketmqTopic, ErrTopicReserved}
	}
	return nil
}

func isRetryOrDeadLetter(topic string) bool {
	return strings.HasPrefix(topic, headers.RetryTopicPrefix) || strings.HasPrefix(topic, headers.DeadLetterTopicPrefix)
}

// isSystemTopic goes further than TopicValidator.isSystemTopic of 5.5.0, which
// knows the prefix rmq_sys_ in lower case only: the topics it lists one by one
// have it in upper case, and newer versions add some.
func isSystemTopic(topic string) bool {
	return headers.IsSystemTopic(topic) || strings.HasPrefix(topic, "RMQ_SYS_")
}

func isLegalTopic(topic string) bool {
	for i := range len(topic) {
		if !isLegalTopicByte(topic[i]) {
			return false
		}
	}
	return true
}

func isLegalTopicByte(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' ||
		c == '_' || c == '-' || c == '%' || c == '|'
}
