package topicname

import (
	"maps"
	"sync/atomic"

	"github.com/watermill-rocketmq/watermill-rocketmq/marshaler"
)

// maxKnown is how many topics a cache remembers: the first ones.
const maxKnown = 1024

// cache remembers the RocketMQ topics of Watermill topics, since to find one out
// takes a look at each of its characters. The zero value is ready; a nil one remembers
// nothing.
type cache struct {
	known atomic.Pointer[map[string]marshaler.MappedTopic] // never changed
}

// get returns what a topic is mapped to, if that is known.
func (c *cache) get(topic string) (marshaler.MappedTopic, bool) {
	if c == nil {
		return marshaler.MappedTopic{}, false
	}
	known := c.known.Load()
	if known == nil {
		return marshaler.MappedTopic{}, false
	}
	mapped, ok := (*known)[topic]
	return mapped, ok
}

// put remembers a topic. Of two that are put at the same time one may be forgotten.
func (c *cache) put(topic string, mapped marshaler.MappedTopic) {
	if c == nil {
		return
	}
	next := make(map[string]marshaler.MappedTopic)
	if known := c.known.Load(); known != nil {
		if len(*known) == maxKnown {
			return
		}
		maps.Copy(next, *known)
	}
	next[topic] = mapped
	c.known.Store(&next)
}

// mapsAlike reports whether a mapper is known to say the same of a topic each time. One
// of the user's own is asked each time.
func mapsAlike(m marshaler.TopicMapper) bool {
	switch own := m.(type) {
	case marshaler.EscapeTopics, marshaler.PlainTopics, marshaler.DotTopics:
		return true
	case *marshaler.TopicTable:
		return own.Others() == nil || mapsAlike(own.Others())
	}
	return false
}
