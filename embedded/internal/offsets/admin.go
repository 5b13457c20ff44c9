package offsets

import (
	"maps"
	"slices"
)

// Pull notes that a group has pulled what lies below an offset.
func (t *Table) Pull(q Queue, next int64) {
	if _, there := t.pulled[q]; there || len(t.pulled) < t.most {
		t.pulled[q] = next
	}
}

// Pulled returns the offset behind what a group has pulled last, or what it has committed.
func (t *Table) Pulled(q Queue) (offset int64, ok bool) {
	if offset, ok = t.pulled[q]; ok {
		return offset, true
	}
	return t.Get(q)
}

// Topics returns the topics that a group has offsets in, sorted.
func (t *Table) Topics(group string) []string {
	return t.names(func(q Queue) (string, bool) { return q.Topic, q.Group == group })
}

// Groups returns the groups that have offsets in a topic, sorted.
func (t *Table) Groups(topic string) []string {
	return t.names(func(q Queue) (string, bool) { return q.Group, q.Topic == topic })
}

func (t *Table) names(of func(Queue) (string, bool)) []string {
	names := make(map[string]struct{})
	for q := range t.entries {
		if name, ok := of(q); ok {
			names[name] = struct{}{}
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// Remove forgets offsets of all kinds.
func (t *Table) Remove(gone func(Queue) bool) {
	maps.DeleteFunc(t.entries, func(q Queue, _ entry) bool { return gone(q) })
	maps.DeleteFunc(t.resets, func(q Queue, _ int64) bool { return gone(q) })
	maps.DeleteFunc(t.pulled, func(q Queue, _ int64) bool { return gone(q) })
}
