package marshaler

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

// TopicTable is a TopicMapper that looks topics up in a table. Make one with NewTopicTable.
// It is for topics that have a name in RocketMQ already, which no rule makes of Watermill's.
type TopicTable struct {
	names  map[string]string // RocketMQ's, by Watermill's
	topics map[string]string // the other way
	others TopicMapper       // nil if there are none
}

var _ TopicMapper = (*TopicTable)(nil)

// NewTopicTable returns a TopicTable of RocketMQ's names by Watermill's. Topics that are not
// in the table are left to others, such as EscapeTopics or DotTopics; nil refuses them with
// ErrTopicNotInTable. The table is copied. The error joins a *TopicError for each name that
// no broker takes, and for each name that two topics of the table have.
//
// No two topics become one: what others would give a name that is in the table is refused
// with ErrTopicJoined.
func NewTopicTable(names map[string]string, others TopicMapper) (*TopicTable, error) {
	m := &TopicTable{names: maps.Clone(names), topics: make(map[string]string, len(names)), others: others}
	var errs []error
	for _, topic := range slices.Sorted(maps.Keys(names)) {
		name := names[topic]
		reason := reasonOf(CheckTopicName(name))
		switch before, taken := m.topics[name]; {
		case topic == "":
			reason = ErrTopicEmpty
		case reason != nil:
		case isRetryOrDeadLetter(name):
			reason = ErrTopicReserved
		case taken:
			reason = fmt.Errorf("%w: %q has it too", ErrTopicJoined, before)
		}
		if reason != nil {
			errs = append(errs, fmt.Errorf("%w, as the name of %q", &TopicError{name, reason}, topic))
		}
		m.topics[name] = topic
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return m, nil
}

// WithOthers returns the same table with another mapper for topics that are not in it.
func (m *TopicTable) WithOthers(others TopicMapper) *TopicTable {
	own := *m
	own.others = others
	return &own
}

// Others returns the mapper for topics that are not in the table; nil if they are refused.
func (m *TopicTable) Others() TopicMapper { return m.others }

// MapTopic returns the name that the table has, or else the others.
func (m *TopicTable) MapTopic(topic string) (MappedTopic, error) {
	if name, ok := m.names[topic]; ok {
		return MappedTopic{Name: name}, nil
	}
	if m.others == nil {
		return MappedTopic{}, &TopicError{topic, ErrTopicNotInTable}
	}
	mapped, err := m.others.MapTopic(topic)
	if err != nil {
		return MappedTopic{}, err
	}
	if _, taken := m.topics[mapped.Name]; taken {
		return MappedTopic{}, &TopicError{topic, ErrTopicJoined}
	}
	return mapped, nil
}

// UnmapTopic returns the topic that has the name in the table, or else the others. The
// reason is ErrTopicNotMapped for a name that would be read back as a topic which has another
// in the table.
func (m *TopicTable) UnmapTopic(rocketmqTopic string, properties []headers.Property) (string, error) {
	if topic, ok := m.topics[rocketmqTopic]; ok {
		return topic, nil
	}
	if m.others == nil {
		return "", &TopicError{rocketmqTopic, ErrTopicNotInTable}
	}
	topic, err := m.others.UnmapTopic(rocketmqTopic, properties)
	if err != nil {
		return "", err
	}
	if _, other := m.names[topic]; other {
		return "", &TopicError{rocketmqTopic, ErrTopicNotMapped}
	}
	return topic, nil
}
