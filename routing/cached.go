package routing

import (
	"slices"
	"strings"
	"time"
)

// Cached is a topic that a Table knows the route of.
type Cached struct {
	Topic string
	// Write and Read are the routes to publish and to read by; nil if there is none.
	Write, Read *Route
	// Updated is when the name servers last gave a route, changed or not.
	Updated time.Time
}

// Cached returns the topics whose routes are known, sorted, each once: of the routes by
// different default topics the latest counts. It asks nobody, and no topic counts as in use
// for it.
func (t *Table) Cached() []Cached {
	byTopic := make(map[string]Cached)
	t.cache.mu.RLock()
	t.cache.each(func(e *entry) bool {
		known := e.known()
		if before, ok := byTopic[e.topic]; (known[Writing] != nil || known[Reading] != nil) && (!ok || before.Updated.Before(e.updated)) {
			byTopic[e.topic] = Cached{Topic: e.topic, Write: known[Writing], Read: known[Reading], Updated: e.updated}
		}
		return true
	})
	t.cache.mu.RUnlock()
	list := make([]Cached, 0, len(byTopic))
	for _, c := range byTopic {
		list = append(list, c)
	}
	slices.SortFunc(list, func(a, b Cached) int { return strings.Compare(a.Topic, b.Topic) })
	return list
}
