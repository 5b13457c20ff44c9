package topicname

import (
	"maps"
	"sync"
	"sync/atomic"
)

// others tells once of each topic that has another name for brokers. It remembers as many
// as a cache does, and tells of no more. The zero value tells nobody.
type others struct {
	tell func(topic, name string)

	told atomic.Pointer[map[string]struct{}] // never changed
	mu   sync.Mutex                          // held by who replaces it
}

func (o *others) add(topic, name string) {
	if o.tell != nil && !o.knows(topic) && o.isNew(topic) {
		o.tell(topic, name)
	}
}

func (o *others) knows(topic string) bool {
	told := o.told.Load()
	if told == nil {
		return false
	}
	_, ok := (*told)[topic]
	return ok || len(*told) == maxKnown
}

// isNew notes a topic, unless somebody else has.
func (o *others) isNew(topic string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.knows(topic) {
		return false
	}
	next := make(map[string]struct{})
	if told := o.told.Load(); told != nil {
		maps.Copy(next, *told)
	}
	next[topic] = struct{}{}
	o.told.Store(&next)
	return true
}
