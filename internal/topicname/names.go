// Package topicname translates the names of topics between Watermill and brokers: by a
// mapper, and into and out of a namespace. It knows the topics that belong to consumer
// groups.
package topicname

import (
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/marshaler"
)

// Names translates topics for one client. It is safe for concurrent use if the mapper is.
type Names struct {
	mapper    marshaler.TopicMapper
	namespace string
	known     *cache // nil if the mapper has to be asked each time
	others    others
}

// New returns the Names of a mapper in a namespace (v1), which is empty if there is none.
// The mapper should be one that InNamespace has returned. differs, if it is not nil, is
// called once for each topic whose name is another for brokers, beside the namespace, when it
// is first mapped; not for more than so many of them. It is called by the goroutine that maps.
func New(mapper marshaler.TopicMapper, namespace string, differs func(topic, name string)) *Names {
	n := &Names{mapper: mapper, namespace: namespace, others: others{tell: differs}}
	if mapsAlike(mapper) {
		n.known = &cache{}
	}
	return n
}

// InNamespace tells a mapper that is marshaler.EscapeTopics of the namespace, or one that a
// marshaler.TopicTable leaves topics to, unless it knows of one. A type that has it embedded maps by methods of its own.
func InNamespace(mapper marshaler.TopicMapper, namespace string) marshaler.TopicMapper {
	switch own := mapper.(type) {
	case marshaler.EscapeTopics:
		if own.Namespace == "" {
			own.Namespace = namespace
		}
		return own
	case *marshaler.EscapeTopics:
		if own != nil {
			return InNamespace(*own, namespace)
		}
	case *marshaler.TopicTable:
		if own != nil && own.Others() != nil {
			return own.WithOthers(InNamespace(own.Others(), namespace))
		}
	}
	return mapper
}

// Map returns the topic as brokers know it. The error is the mapper's, or a
// *marshaler.TopicError for a name that no broker takes or that would not be in the
// namespace.
func (n *Names) Map(topic string) (marshaler.MappedTopic, error) {
	if mapped, ok := n.known.get(topic); ok {
		return mapped, nil
	}
	mapped, err := n.mapper.MapTopic(topic)
	if err != nil {
		return marshaler.MappedTopic{}, err
	}
	// A mapper of the user's own is checked like a name of the user's own.
	if err := marshaler.CheckTopicName(mapped.Name); err != nil {
		return marshaler.MappedTopic{}, err
	}
	plain := mapped.Name
	if n.namespace != "" {
		if mapped.Name, err = wrap(n.namespace, mapped.Name); err != nil {
			return marshaler.MappedTopic{}, err
		}
	}
	n.known.put(topic, mapped)
	if plain != topic {
		n.others.add(topic, mapped.Name)
	}
	return mapped, nil
}

// Unmap returns the Watermill topic of a message from the topic as brokers know it and
// the properties of the message. The retry and dead letter topics of groups keep their
// prefix and lose the namespace: what a message in one was sent to is among its
// properties. The error is the mapper's, a *marshaler.TopicError as a rule; one that wraps
// marshaler.ErrTopicNotInNamespace is of a topic outside of the namespace.
func (n *Names) Unmap(topic string, properties []headers.Property) (string, error) {
	plain := UnwrapNamespace(n.namespace, topic)
	if n.namespace != "" && plain == topic {
		return "", &marshaler.TopicError{Topic: topic, Reason: marshaler.ErrTopicNotInNamespace}
	}
	if kind, _ := OfGroup(plain); kind != Ordinary {
		return plain, nil
	}
	return n.mapper.UnmapTopic(plain, properties)
}

// Group returns the group as brokers know it.
func (n *Names) Group(group string) string { return WrapNamespace(n.namespace, group) }

// wrap is WrapNamespace for a topic, which must not leave the namespace, nor be
// one that another topic is wrapped to: the names that NamespaceUtil leaves as they are
// are refused.
func wrap(namespace, topic string) (string, error) {
	wrapped := WrapNamespace(namespace, topic)
	if wrapped == topic {
		return "", &marshaler.TopicError{Topic: topic, Reason: marshaler.ErrTopicNotInNamespace}
	}
	if err := marshaler.CheckTopicName(wrapped); err != nil {
		return "", err // too long now
	}
	return wrapped, nil
}
