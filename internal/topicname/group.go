package topicname

import (
	"strings"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

// Kind says what a topic is to consumer groups.
type Kind uint8

// The kinds of topics.
const (
	// Ordinary topics belong to no group.
	Ordinary Kind = iota
	// Retry topics have the messages that a group is to get again.
	Retry
	// DeadLetter topics have the messages that a group has failed on for good.
	DeadLetter
)

// RetryTopic returns the retry topic of a group that is pulled from (MixAll.getRetryTopic,
// 5.5.0). Both names are as brokers know them.
func RetryTopic(group string) string { return headers.RetryTopicPrefix + group }

// DeadLetterTopic returns the dead letter topic of a group (MixAll.getDLQTopic, 5.5.0).
// Both names are as brokers know them.
func DeadLetterTopic(group string) string { return headers.DeadLetterTopicPrefix + group }

// OfGroup returns the kind of a topic, and what stands behind its prefix: the group, or of
// the retry topics of popped messages the group and the topic (KeyBuilder.buildPopRetryTopic,
// 5.5.0). rest is empty for Ordinary topics.
func OfGroup(topic string) (kind Kind, rest string) {
	if rest, ok := strings.CutPrefix(topic, headers.RetryTopicPrefix); ok {
		return Retry, rest
	}
	if rest, ok := strings.CutPrefix(topic, headers.DeadLetterTopicPrefix); ok {
		return DeadLetter, rest
	}
	return Ordinary, ""
}

// MaxGroupLength is what brokers since 5.4.0 take, so that the names of retry topics made
// from the group still fit (TopicValidator.GROUP_MAX_LENGTH).
const MaxGroupLength = 120

// IsGroup reports whether brokers take a name for a group. An empty one is up to the caller.
func IsGroup(name string) bool {
	for _, r := range name {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', strings.ContainsRune("_-%|", r):
		default:
			return false
		}
	}
	return len(name) <= MaxGroupLength
}
