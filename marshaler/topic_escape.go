package marshaler

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

const (
	digestMark = "-h"
	digestSize = 20 // bytes of SHA-256

	// minDigestLen is the length of a name that has nothing but the digest.
	minDigestLen = len(mark) + len(digestMark) + 2*digestSize

	namespaceSeparator = '%'
	// maxNamespaceLen leaves room for the shortest name with a digest.
	maxNamespaceLen = maxTopicLen - 1 - minDigestLen
)

// EscapeTopics is the default TopicMapper. A name that RocketMQ takes stays as
// it is, unless it begins with "_wm_". Any other name becomes
//
//	_wm_<escaped name>                             if that is at most 127 bytes
//	_wm_<start of the escaped name>-h<40 hex digits>  else
//
// where letters, digits, '_' and '|' stay, '-' becomes "--", and every other
// byte becomes "-XX", its upper-case hex. The digits are the first 160 bits of
// the name's SHA-256; the name itself then travels in the property _wm_topic.
// "-h" is not an escape, so the two forms differ from each other, and from names
// that are left alone.
//
// Names that begin with %RETRY% or %DLQ%, and those of RocketMQ's own topics,
// are refused.
type EscapeTopics struct {
	// Namespace is what the publisher puts in front of the names, with a '%': the
	// names are that much shorter then, so that all together has 127 bytes at most.
	// Names that begin with the namespace and a '%', or with CID_RMQ_SYS_, are escaped
	// as well: RocketMQ's clients leave them out of a namespace. A publisher sets it to
	// that of its configuration. A mapper that maps the other way needs the same.
	Namespace string
}

var _ TopicMapper = EscapeTopics{}

// Validate reports a Namespace that leaves no room for the names.
func (m EscapeTopics) Validate() error {
	if len(m.Namespace) > maxNamespaceLen {
		return fmt.Errorf("marshaler: namespace of %d bytes, want at most %d, which leave room for a topic", len(m.Namespace), maxNamespaceLen)
	}
	return nil
}

// room is how long names may be.
func (m EscapeTopics) room() int {
	if m.Namespace == "" {
		return maxTopicLen
	}
	return maxTopicLen - len(m.Namespace) - 1
}

// leavesNamespace reports whether RocketMQ's clients would not put the topic into the
// namespace.
func (m EscapeTopics) leavesNamespace(topic string) bool {
	if m.Namespace == "" {
		return false
	}
	rest, ok := strings.CutPrefix(topic, m.Namespace)
	return ok && rest != "" && rest[0] == namespaceSeparator || strings.HasPrefix(topic, headers.SystemGroupPrefix)
}

// MapTopic returns the RocketMQ topic for topic, without the namespace. It allocates
// nothing if the two are the same. The reasons of its errors are ErrTopicEmpty,
// ErrTopicReserved, and ErrTopicTooLong for a name of some 32,000 bytes, which no
// property holds, or for any that has to be shortened beside a namespace that
// Validate refuses.
func (m EscapeTopics) MapTopic(topic string) (MappedTopic, error) {
	room := m.room()
	switch {
	case topic == "":
		return MappedTopic{}, &TopicError{topic, ErrTopicEmpty}
	case isRetryOrDeadLetter(topic) || isSystemTopic(topic):
		return MappedTopic{}, &TopicError{topic, ErrTopicReserved}
	case len(topic) <= room && !strings.HasPrefix(topic, mark) && isLegalTopic(topic) && !m.leavesNamespace(topic):
		return MappedTopic{Name: topic}, nil
	}
	if name, ok := escapeTopic(topic, room); ok {
		return MappedTopic{Name: name}, nil
	}
	original := headers.Property{Name: propertyTopic, Value: escape(topic)}
	if room < minDigestLen || PropertiesSize([]headers.Property{original}) > DefaultMaxPropertiesSize {
		return MappedTopic{}, &TopicError{topic, ErrTopicTooLong}
	}
	return MappedTopic{Name: digestTopic(topic, room), Property: original}, nil
}

// UnmapTopic reverses MapTopic. A name that does not begin with "_wm_" is
// returned as it is. One that does but was not made by MapTopic is refused with
// ErrTopicNotMapped, and so is one with a digest if the properties do not hold
// the original name or hold another topic's, and one that MapTopic would have escaped
// for the namespace.
func (m EscapeTopics) UnmapTopic(rocketmqTopic string, properties []headers.Property) (string, error) {
	escaped, ok := strings.CutPrefix(rocketmqTopic, mark)
	switch {
	case !ok && m.leavesNamespace(rocketmqTopic):
		return "", &TopicError{rocketmqTopic, ErrTopicNotMapped}
	case !ok:
		return rocketmqTopic, nil
	}
	topic, ok := unescapeTopic(escaped)
	if !ok {
		topic, ok = originalTopic(properties)
	}
	if ok {
		if mapped, err := m.MapTopic(topic); err == nil && mapped.Name == rocketmqTopic {
			return topic, nil
		}
	}
	return "", &TopicError{rocketmqTopic, ErrTopicNotMapped}
}

// escapeTopic returns the reversible form of topic, not ok if it is longer than room.
func escapeTopic(topic string, room int) (string, bool) {
	var buf [maxTopicLen]byte
	name, ok := appendEscapedTopic(append(buf[:0], mark...), topic, room)
	if !ok {
		return "", false
	}
	return string(name), true
}

// digestTopic returns the form of topic with a digest, of room bytes at most.
func digestTopic(topic string, room int) string {
	var buf [maxTopicLen]byte
	name, _ := appendEscapedTopic(append(buf[:0], mark...), topic, room-minDigestLen+len(mark))
	sum := sha256.Sum256([]byte(topic))
	name = append(name, digestMark...)
	return string(hex.AppendEncode(name, sum[:digestSize]))
}

// appendEscapedTopic appends topic's escaped form to dst as far as dst does not
// grow over limit, and reports whether that was all of it. It never cuts an
// escape in two.
func appendEscapedTopic(dst []byte, topic string, limit int) (_ []byte, whole bool) {
	for i := range len(topic) {
		var size int
		c := topic[i]
		switch {
		case c == '-':
			size = 2
		case isLegalTopicByte(c) && c != '%':
			size = 1
		default:
			size = 3
		}
		if len(dst)+size > limit {
			return dst, false
		}
		switch size {
		case 1:
			dst = append(dst, c)
		case 2:
			dst = append(dst, '-', '-')
		case 3:
			dst = append(dst, '-', upperHex[c>>4], upperHex[c&0xF])
		}
	}
	return dst, true
}

// unescapeTopic reverses appendEscapedTopic. It takes more than that writes, so
// what comes out has to be mapped again and compared.
func unescapeTopic(escaped string) (string, bool) {
	topic := make([]byte, 0, len(escaped))
	for i := 0; i < len(escaped); i++ {
		c := escaped[i]
		if c != '-' {
			topic = append(topic, c)
			continue
		}
		if rest := escaped[i+1:]; strings.HasPrefix(rest, "-") {
			topic = append(topic, '-')
			i++
			continue
		} else if len(rest) < 2 {
			return "", false
		}
		c, ok := unhex(escaped[i+1], escaped[i+2])
		if !ok {
			return "", false
		}
		topic = append(topic, c)
		i += 2
	}
	return string(topic), true
}

// originalTopic returns the name that a topic's digest stands for.
func originalTopic(properties []headers.Property) (string, bool) {
	for i := len(properties) - 1; i >= 0; i-- {
		if properties[i].Name == propertyTopic {
			return unescape(properties[i].Value)
		}
	}
	return "", false
}
