package groups

import (
	"maps"
	"slices"
)

// Reads reports whether a group has subscribed to a topic, and to how many it has.
func (r *Registry[C]) Reads(name, topic string) (yes bool, topics int) {
	g := r.groups[name]
	if g == nil {
		return false, 0
	}
	_, yes = g.subscriptions[topic]
	return yes, len(g.subscriptions)
}

// Readers returns the groups that have subscribed to a topic, sorted.
func (r *Registry[C]) Readers(topic string) []string {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(r.groups)) {
		if _, yes := r.groups[name].subscriptions[topic]; yes {
			names = append(names, name)
		}
	}
	return names
}
