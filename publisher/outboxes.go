package publisher

import (
	"maps"
	"slices"
	"sync"
)

// outboxes has the outbox of each topic in use. The zero value is ready.
type outboxes struct {
	mu      sync.RWMutex // guards byTopic
	byTopic map[string]*outbox
}

// of returns the topic's outbox.
func (all *outboxes) of(p *Publisher, topic string) *outbox {
	all.mu.RLock()
	o := all.byTopic[topic]
	if o != nil {
		o.use() // before a sweep may forget it
	}
	all.mu.RUnlock()
	if o != nil {
		return o
	}
	all.mu.Lock()
	defer all.mu.Unlock()
	if o := all.byTopic[topic]; o != nil {
		o.use()
		return o
	}
	if all.byTopic == nil {
		all.byTopic = make(map[string]*outbox)
	}
	o = newOutbox(p, topic)
	o.use()
	all.byTopic[topic] = o
	return o
}

// sweep forgets the outboxes that nobody has used since the last sweep, so that
// their number is bounded by use.
func (all *outboxes) sweep() { all.forget(all.unused()) }

// unused returns the topics of outboxes that nobody has used since the last sweep.
func (all *outboxes) unused() []string {
	all.mu.RLock()
	defer all.mu.RUnlock()
	var idle []string
	for topic, o := range all.byTopic {
		if o.idle() {
			idle = append(idle, topic)
		}
	}
	return idle
}

// forget drops the outboxes of the topics, but for those that somebody has got
// meanwhile: messages of a key must not find another beside it.
func (all *outboxes) forget(topics []string) {
	all.mu.Lock()
	defer all.mu.Unlock()
	for _, topic := range topics {
		if o := all.byTopic[topic]; !o.used.Load() {
			o.retire()
			delete(all.byTopic, topic)
		}
	}
}

// cut ends all calls that wait, and the timers of all outboxes.
func (all *outboxes) cut() {
	all.mu.RLock()
	list := slices.Collect(maps.Values(all.byTopic))
	all.mu.RUnlock()
	for _, o := range list {
		o.cutOff()
	}
}
