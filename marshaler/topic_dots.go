package marshaler

import (
	"fmt"
	"strings"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

// DotTopics is a TopicMapper that puts another character in place of each dot, which
// RocketMQ does not allow in a name: orders.created becomes orders_created. It is for teams
// that share topics with programs in other languages.
//
// No two topics become one. So a topic that has the other character in its own name, such as
// orders_created, is refused with ErrTopicJoined: by its name in RocketMQ nobody could tell it
// from orders.created. A TopicTable in front of DotTopics has room for such topics. Names
// with other characters that RocketMQ does not allow are refused as well, as are those of
// RocketMQ's own topics.
type DotTopics struct {
	// Dot stands for a dot: '_', which is the default, '-' or '|'.
	Dot byte
}

var _ TopicMapper = DotTopics{}

// Validate reports a Dot that cannot stand for one.
func (m DotTopics) Validate() error {
	switch m.dot() {
	case '_', '-', '|':
		return nil
	}
	return fmt.Errorf("marshaler: Dot is %q, want one of _, - and |", m.Dot)
}

func (m DotTopics) dot() byte {
	if m.Dot == 0 {
		return '_'
	}
	return m.Dot
}

// MapTopic returns the name without dots. The reasons of its errors are ErrTopicJoined,
// ErrTopicIllegal, ErrTopicEmpty, ErrTopicTooLong and ErrTopicReserved.
func (m DotTopics) MapTopic(topic string) (MappedTopic, error) {
	dot := string(m.dot())
	if strings.Contains(topic, dot) {
		return MappedTopic{}, &TopicError{topic, ErrTopicJoined}
	}
	name := strings.ReplaceAll(topic, ".", dot)
	reason := reasonOf(CheckTopicName(name))
	if isRetryOrDeadLetter(topic) {
		reason = ErrTopicReserved
	}
	if reason != nil {
		return MappedTopic{}, &TopicError{topic, reason}
	}
	return MappedTopic{Name: name}, nil
}

// UnmapTopic puts the dots back.
func (m DotTopics) UnmapTopic(rocketmqTopic string, _ []headers.Property) (string, error) {
	return strings.ReplaceAll(rocketmqTopic, string(m.dot()), "."), nil
}
