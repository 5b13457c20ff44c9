package routing

import "time"

// refresher is the cache's one standing goroutine. It looks the cached topics up
// again, all of them at each interval and those of one broker when its
// connection was lost. The cache's ctx ends it, Close waits for it.
func (t *cache) refresher() {
	ticker := time.NewTicker(t.cfg.RefreshInterval)
	defer ticker.Stop()
	kick := t.kick
	rest := time.NewTimer(0)
	defer rest.Stop()
	for {
		select {
		case <-ticker.C:
			t.refreshAll()
		case <-kick:
			began := time.Now()
			t.refreshDead()
			kick = nil // until the rest is over
			rest.Reset(max(walkGap, time.Since(began)))
		case <-rest.C:
			kick = t.kick
		case <-t.ctx.Done():
			return
		}
	}
}

// walkGap is the least time between two walks through the topics of brokers whose connections
// were lost. Something that takes connections and cuts them must not have name servers asked
// all the time; a request that fails asks for its own topic.
const walkGap = time.Second

// refreshAll looks up every topic that is in use and drops the others. Topics go
// one after the other: an outage must not end in a burst of a lookup per topic.
func (t *cache) refreshAll() {
	for _, e := range t.entries() {
		if t.keep(e) && !t.refreshEntry(e) {
			return
		}
	}
}

// refreshDead looks up the topics that have a broker at an address that was
// given to RefreshByAddr.
func (t *cache) refreshDead() {
	t.mu.Lock()
	dead := t.dead
	t.dead = nil
	t.mu.Unlock()
	for _, e := range t.entries() {
		if e.servedFrom(dead) && !t.refreshEntry(e) {
			return
		}
	}
}

// servedFrom reports whether a route of the topic has a server at one of the addresses.
func (e *entry) servedFrom(addrs map[string]bool) bool {
	for _, r := range e.known() {
		if r != nil && r.servedFrom(addrs) {
			return true
		}
	}
	return false
}

func (t *cache) entries() []*entry {
	t.mu.RLock()
	defer t.mu.RUnlock()
	var entries []*entry
	t.each(func(e *entry) bool {
		entries = append(entries, e)
		return true
	})
	return entries
}

// refreshEntry waits for a new lookup of e. It reports false when the cache is
// closed.
func (t *cache) refreshEntry(e *entry) bool {
	t.mu.Lock()
	if t.closed {
		t.mu.Unlock()
		return false
	}
	c := t.joinEntry(e, true)
	t.mu.Unlock()
	select {
	case <-c.done:
		return true
	case <-t.ctx.Done():
		return false
	}
}

// keep reports whether e has a route to refresh and somebody has asked for it
// in the last idleAfter. If not, e is dropped, unless a lookup is under way.
func (t *cache) keep(e *entry) bool {
	if e.used.Swap(false) {
		e.seen = time.Now()
	}
	if e.known() != (known{}) && time.Since(e.seen) < idleAfter {
		return true
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if !e.flying {
		delete(e.of.topics, e.topic)
	}
	return false
}
