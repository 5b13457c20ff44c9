package publisher

import (
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/faults"
	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
)

// QueuesConfig says which queue a message goes to.
type QueuesConfig struct {
	// Selector chooses the queue of messages without an ordering key, once for
	// each attempt of a request: messages that share the request share the queue.
	// routing.RoundRobin by default; routing.Random, or one of your own, which is
	// called by many goroutines at once. One that returns a queue that is not the
	// route's fails the messages with a *routing.SelectorError.
	Selector routing.Selector
	// KeyHash chooses the queue of an ordering key as another client does.
	// routing.JavaHash by default.
	KeyHash routing.KeyHash
	// KeyHashFunc is a hash of your own instead: the key goes to the queue at the
	// remainder of its division by the number of queues, in the order of
	// routing.Route.WriteQueues. So it may as well be a number that the key names. The
	// same key must have the same hash each time. It is called by many goroutines
	// at once.
	KeyHashFunc func(key string) uint64
}

func (c *QueuesConfig) setDefaults() {
	if c.Selector == nil {
		c.Selector = routing.RoundRobin{}
	}
	if c.KeyHashFunc == nil {
		setDefault(&c.KeyHash, routing.JavaHash)
	}
}

// check reports what is wrong, once defaults are set.
func (c *QueuesConfig) check(l *faults.List) {
	switch {
	case c.KeyHashFunc != nil && c.KeyHash != "":
		l.Add("Queues.KeyHash (%q) and Queues.KeyHashFunc are both set", c.KeyHash)
	case c.KeyHashFunc == nil && !c.KeyHash.IsValid():
		l.Add("Queues.KeyHash is %q, want java, fnv1a, siphash or proxy", c.KeyHash)
	}
}

// sumOf returns the hash of a key.
func (c *QueuesConfig) sumOf(key string) uint64 {
	if c.KeyHashFunc != nil {
		return c.KeyHashFunc(key)
	}
	return c.KeyHash.Sum(key)
}

// of picks the queue of a hash.
func (c *QueuesConfig) of(sum uint64, queues []routing.MessageQueue) routing.MessageQueue {
	if c.KeyHashFunc != nil {
		return queues[sum%uint64(len(queues))]
	}
	return queues[c.KeyHash.Place(sum, len(queues))]
}
