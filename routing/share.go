package routing

import "context"

// substitute is a default topic, and the topics of those who have agreed on it.
type substitute struct {
	topic  string
	queues int32 // the most of a broker that are borrowed

	topics map[string]*entry // guarded by cache.mu
}

// Share returns a Table that uses the cache, the lookups and the name servers of t. Its
// Close ends the calls that wait for it, and leaves the rest alone. A share has to be
// closed as well. When the Table that New has returned is closed, its shares are.
//
// A topic without a route borrows that of the default topic that is given here; what is
// left zero is as in t. Topics are looked up once for all who agree on the default topic
// and the number of its queues, and apart from those who do not, so that Events may tell
// of a topic once for each default topic that there is.
func (t *Table) Share(defaultTopic string, queues int32) *Table {
	if defaultTopic == "" {
		defaultTopic = t.own.topic
	}
	if queues <= 0 {
		queues = t.own.queues
	}
	s := &Table{cache: t.cache, own: t.cache.substitute(defaultTopic, queues), shares: true}
	s.ctx, s.cancel = context.WithCancel(t.cache.ctx)
	return s
}

// substitute returns the one for that default topic.
func (t *cache) substitute(topic string, queues int32) *substitute {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, s := range t.substitutes {
		if s.topic == topic && s.queues == queues {
			return s
		}
	}
	s := &substitute{topic: topic, queues: queues, topics: make(map[string]*entry)}
	t.substitutes = append(t.substitutes, s)
	return s
}

// each calls do for each entry, until it returns false. mu is held.
func (t *cache) each(do func(e *entry) bool) {
	for _, s := range t.substitutes {
		for _, e := range s.topics {
			if !do(e) {
				return
			}
		}
	}
}
