// Package attributes is what topics of 5.x have beside queues and a permission.
package attributes

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

// VersionNoMixed is the first version that holds to enableMixedMessageType; those
// before look for the attribute under another name than that which is sent
// (AdminBrokerProcessor of 5.3.1 and 5.3.2).
const VersionNoMixed = headers.Version5_3_2

// values are the values that the attributes of a topic may have
// (TopicAttributes and TopicMessageType of 5.5.0); nil for a number.
var values = map[string][]string{
	"message.type":   {"UNSPECIFIED", "NORMAL", "FIFO", "DELAY", "TRANSACTION", "MIXED"},
	"queue.type":     {"BatchCQ", "SimpleCQ"},
	"cleanup.policy": {"DELETE", "COMPACTION"},
	"reserve.time":   nil,
}

// Alter returns the attributes that a topic has after a change such as
// "+message.type=FIFO,-reserve.time", and keeps the old ones as they are. The
// rules are those of AttributeUtil.alterCurrentAttributes of 5.5.0.
func Alter(old map[string]string, change string, create bool) (map[string]string, error) {
	altered := maps.Clone(old)
	if altered == nil {
		altered = make(map[string]string)
	}
	if change == "" {
		return altered, nil
	}
	for part := range strings.SplitSeq(change, ",") {
		signed, value, adds := strings.Cut(part, "=")
		sign, name := "", signed
		if signed != "" {
			sign, name = signed[:1], signed[1:]
		}
		allowed, known := values[name]
		switch {
		case adds && sign != "+":
			return nil, errors.New("add/alter attribute format is wrong: " + signed)
		case !adds && sign != "-":
			return nil, errors.New("delete attribute format is wrong: " + signed)
		case !adds && create:
			return nil, errors.New("only add attribute is supported while creating topic. key: " + name)
		case !known:
			return nil, errors.New("unsupported key: " + name)
		case adds && allowed != nil && !slices.Contains(allowed, value):
			return nil, fmt.Errorf("value is not in set: %v", allowed)
		case adds:
			altered[name] = value
		default:
			delete(altered, name)
		}
	}
	return altered, nil
}

// Text prints attributes as a Java map.
func Text(attributes map[string]string) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(attributes)) {
		parts = append(parts, name+"="+attributes[name])
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

// DescribeTopic prints a topic as TopicConfig.toString does.
func DescribeTopic(name string, read, write, perm int, attributes map[string]string, five bool) string {
	text := ""
	if five {
		text = ", attributes=" + Text(attributes)
	}
	return fmt.Sprintf("TopicConfig [topicName=%s, readQueueNums=%d, writeQueueNums=%d, perm=%s, topicFilterType=SINGLE_TAG, topicSysFlag=0, order=false%s]",
		name, read, write, permText(perm), text)
}

func permText(perm int) string {
	text := []byte("---")
	if perm&headers.PermRead != 0 {
		text[0] = 'R'
	}
	if perm&headers.PermWrite != 0 {
		text[1] = 'W'
	}
	if perm&headers.PermInherit != 0 {
		text[2] = 'X'
	}
	return string(text)
}
