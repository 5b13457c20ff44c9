package embedded

import (
	"cmp"
	"maps"
	"slices"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

// Topic is what a broker knows about one of its topics.
type Topic struct {
	Name string
	// ReadQueues and WriteQueues are the numbers of queues.
	ReadQueues, WriteQueues int
	// Perm is a sum of headers.PermRead, headers.PermWrite and
	// headers.PermInherit.
	Perm int
	// Attributes are those of 5.x, such as message.type.
	Attributes map[string]string
}

// Topics returns the broker's topics, sorted by name, but for that of replies to requests,
// which each broker has.
func (b *Broker) Topics() []Topic {
	b.mu.Lock()
	defer b.mu.Unlock()
	topics := make([]Topic, 0, len(b.topics))
	for _, t := range b.topics {
		if t.name != headers.ReplyTopic(clusterName) {
			topics = append(topics, Topic{t.name, t.read, t.write, t.perm, maps.Clone(t.attributes)})
		}
	}
	slices.SortFunc(topics, func(x, y Topic) int { return cmp.Compare(x.Name, y.Name) })
	return topics
}
