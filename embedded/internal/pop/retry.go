package pop

import (
	"net/netip"
	"strconv"
	"strings"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/properties"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/tags"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/body"
)

// What brokers write on popped messages.
const (
	propertyHandle       = "POP_CK"
	propertyFirstPopTime = "1ST_POP_TIME"
	propertyOriginGroup  = "ORIGIN_GROUP"
)

func isRetryTopic(topic string) bool { return strings.HasPrefix(topic, headers.RetryTopicPrefix) }

// retryKinds are the kinds of retry topics that are read. Messages go to the last.
func (e *Engine) retryKinds() []headers.RetryKind {
	if e.cfg.RetryV2 {
		return []headers.RetryKind{headers.RetryV1, headers.RetryV2}
	}
	return []headers.RetryKind{headers.RetryV1}
}

// RetryTopic is the topic that a message goes to which was popped from topic and is to be
// delivered again.
func (e *Engine) RetryTopic(group, topic string) string {
	if isRetryTopic(topic) {
		return topic
	}
	kinds := e.retryKinds()
	return kinds[len(kinds)-1].Topic(group, topic)
}

// BaseTopic is the topic that a group popped from when it got messages of this one
// (KeyBuilder.parseNormalTopic).
func BaseTopic(group, topic string) string {
	for _, kind := range []headers.RetryKind{headers.RetryV2, headers.RetryV1} {
		if base, ok := strings.CutPrefix(topic, kind.Topic(group, "")); ok {
			return base
		}
	}
	return topic
}

// RetryCopy is the message in the form in which it is delivered again
// (PopReviveService.reviveRetry of 5.5.0), and the hash of its tag: host is the broker's. It
// fails for properties that become too long.
func (e *Engine) RetryCopy(raw []byte, r *Revival, host netip.AddrPort) (again []byte, tag int32, err error) {
	m, _, err := body.ParseStored(raw)
	if err != nil {
		return nil, 0, err
	}
	var set properties.Set
	set.Parse(m.Properties, nil)
	if m.ReconsumeTimes == 0 || set.Get(propertyFirstPopTime) == nil {
		set.Set(propertyFirstPopTime, strconv.FormatInt(r.PopTime, 10))
	}
	if e.cfg.OriginGroup {
		set.Set(propertyOriginGroup, r.Queue.Group)
	}
	m.Properties = set.Append(nil, true)
	if !r.Suspended {
		m.ReconsumeTimes++
	}
	m.Topic, m.QueueID = e.RetryTopic(r.Queue.Group, r.Queue.Topic), 0
	m.BornHost, m.StoreHost = host, host
	if e.cfg.RetryWithoutFlag {
		m.Flag = 0
	}
	again, err = body.AppendStored(make([]byte, 0, m.Size()), &m)
	return again, tags.HashOf(m.Properties), err
}

// asOriginal is a message of a retry topic as it is handed out: in the topic that was
// asked for, and with its handle.
func asOriginal(raw []byte, topic string, h headers.ReceiptHandle) []byte {
	m, _, err := body.ParseStored(raw)
	if err != nil {
		return nil // the store made it: there is no such case
	}
	var set properties.Set
	set.Parse(m.Properties, nil)
	if set.Get(propertyHandle) == nil {
		set.Set(propertyHandle, h.String())
	}
	m.Topic, m.Properties = topic, set.Append(nil, true)
	out, err := body.AppendStored(make([]byte, 0, m.Size()), &m)
	if err != nil {
		return nil // no room for the handle: a real broker leaves it out as well
	}
	place := body.Place{QueueOffset: m.QueueOffset, CommitLogOffset: m.CommitLogOffset, StoreTimestamp: m.StoreTimestamp}
	if err := body.SetPlace(out, place); err != nil {
		return nil
	}
	return out
}
