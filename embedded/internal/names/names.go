// Package names is what brokers think of the names of topics.
package names

import (
	"fmt"
	"strings"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

const (
	shortLimit = 127
	longLimit  = 255 // of retry and dead-letter topics
)

// Fault says why a topic cannot have this name; empty if it can. The words
// are those of TopicValidator of 5.5.0: clients of 4.9 decide by parts of them.
func Fault(name string) string {
	if strings.TrimSpace(name) == "" {
		return "The specified topic is blank."
	}
	for i := range len(name) {
		switch c := name[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '%', c == '|', c == '_', c == '-':
		default:
			return "The specified topic: " + name + ", contains illegal characters, allowing only ^[%|a-zA-Z0-9_-]+$"
		}
	}
	limit := shortLimit
	if strings.HasPrefix(name, headers.RetryTopicPrefix) || strings.HasPrefix(name, headers.DeadLetterTopicPrefix) {
		limit = longLimit
	}
	if len(name) > limit {
		return fmt.Sprintf("The specified topic: %s, is longer than topic max length: %d", name, limit)
	}
	return ""
}

// IsClosed reports whether clients must not send to the topic.
func IsClosed(name string) bool {
	switch name {
	case headers.ScheduleTopic, headers.HalfTopic, headers.HalfOpTopic, headers.CheckMaxTimeTopic, headers.SelfTestTopic, headers.OffsetMovedTopic:
		return true
	}
	return false
}
