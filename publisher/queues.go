package publisher

import (
	"fmt"
	"slices"

	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
)

// QueuesConfig says which queue a message goes to.
type QueuesConfig struct {
	// Selector chooses the queue of messages without an ordering key, once for
	// each attempt of a request: messages that share the request share the queue.
	// routing.RoundRobin by default; routing.Random, or one of your own, which is
	// called by many goroutines at once. One that returns a queue that is not the
	// route's fails the messages with a *SelectorError.
	Selector routing.Selector
	// KeyHash chooses the queue of an ordering key as another client does.
	// JavaHash by default.
	KeyHash KeyHash
	// KeyHashFunc is a hash of your own instead: the key goes to the queue at the
	// remainder of its division by the number of queues, in the order of
	// routing.Route.Queues. So it may as well be a number that the key names. The
	// same key must have the same hash each time. It is called by many goroutines
	// at once.
	KeyHashFunc func(key string) uint64
}

func (c *QueuesConfig) setDefaults() {
	if c.Selector == nil {
		c.Selector = routing.RoundRobin{}
	}
	if c.KeyHashFunc == nil {
		setDefault(&c.KeyHash, JavaHash)
	}
}

// validate checks what setDefaults has been through.
func (c *QueuesConfig) validate() error {
	switch {
	case c.KeyHashFunc != nil && c.KeyHash != "":
		return fmt.Errorf("Queues.KeyHash (%q) and Queues.KeyHashFunc are both set", c.KeyHash)
	case c.KeyHashFunc == nil && !c.KeyHash.legal():
		return fmt.Errorf("Queues.KeyHash is %q, want java, fnv1a, siphash or proxy", c.KeyHash)
	}
	return nil
}

// sumOf returns the hash of a key.
func (c *QueuesConfig) sumOf(key string) uint64 {
	if c.KeyHashFunc != nil {
		return c.KeyHashFunc(key)
	}
	return c.KeyHash.sum(key)
}

// of picks the queue of a hash.
func (c *QueuesConfig) of(sum uint64, queues []routing.MessageQueue) routing.MessageQueue {
	if c.KeyHashFunc != nil {
		return queues[sum%uint64(len(queues))]
	}
	return queues[c.KeyHash.place(sum, len(queues))]
}

// isOwn reports whether the selector is one of this project, which may run while a
// lock is held.
func isOwn(s routing.Selector) bool {
	switch s.(type) {
	case routing.RoundRobin, routing.Random:
		return true
	}
	return false
}

// SelectorError means that Config.Queues.Selector returned a queue that is not
// one of the route's. The attempt sent nothing, and no other is made.
type SelectorError struct {
	// Topic is RocketMQ's name of the topic.
	Topic string
	// MessageQueue is what the selector returned.
	MessageQueue routing.MessageQueue
}

// Error names topic and queue.
func (e *SelectorError) Error() string {
	return fmt.Sprintf("queue selector returned queue %d of broker %q of topic %q for topic %q, which has no such queue: this attempt sent nothing",
		e.MessageQueue.QueueID, e.MessageQueue.BrokerName, e.MessageQueue.Topic, e.Topic)
}

// ask asks the selector for a queue, and checks what one of the user's own says.
// The outbox's mutex is held, and is given back while such a selector runs: avoid
// has to be a slice that nobody else writes to then, as avoidable makes it.
func (o *outbox) ask(route *routing.Route, avoid []string) (routing.MessageQueue, error) {
	selector := o.p.selector
	if isOwn(selector) {
		return selector.Select(route, avoid), nil
	}
	queue := o.unlocked(func() routing.MessageQueue { return selector.Select(route, avoid) })
	if !slices.Contains(route.Queues(), queue) && !slices.Contains(route.Listed(), queue) {
		return routing.MessageQueue{}, &SelectorError{Topic: route.Topic(), MessageQueue: queue}
	}
	return queue, nil
}

// avoidable returns the brokers to avoid of a slice that is the outbox's, fit for
// ask.
func (o *outbox) avoidable(avoid []string) []string {
	if isOwn(o.p.selector) {
		return avoid
	}
	return slices.Clone(avoid)
}

// unlocked runs f without the mutex, which is held again when it returns, and when
// it panics.
func (o *outbox) unlocked(f func() routing.MessageQueue) routing.MessageQueue {
	o.mu.Unlock()
	defer o.mu.Lock()
	return f()
}
