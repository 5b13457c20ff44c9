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
	all.mu.RUnlock()
	if o != nil {
		return o
	}
	all.mu.Lock()
	defer all.mu.Unlock()
	if o := all.byTopic[topic]; o != nil {
		return o
	}
	if all.byTopic == nil {
		all.byTopic = make(map[string]*outbox)
	}
	o = newOutbox(p, topic)
	all.byTopic[topic] = o
	return o
}

// sweep forgets the outboxes that nobody has used since the last sweep, so that
// their number is bounded by use. A call that has just got one goes on with it
// beside a new one, which is harmless: each limits its own requests.
func (all *outboxes) sweep() {
	all.mu.RLock()
	var idle []string
	for topic, o := range all.byTopic {
		if o.idle() {
			idle = append(idle, topic)
		}
	}
	all.mu.RUnlock()
	all.mu.Lock()
	for _, topic := range idle {
		all.byTopic[topic].retire()
		delete(all.byTopic, topic)
	}
	all.mu.Unlock()
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
