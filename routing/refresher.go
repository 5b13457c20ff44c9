package routing

import "time"

// refresher is the Table's one standing goroutine. It looks the cached topics up
// again, all of them at each interval and those of one broker when its
// connection was lost. The Table's ctx ends it, Close waits for it.
func (t *Table) refresher() {
	ticker := time.NewTicker(t.cfg.RefreshInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			t.refreshAll()
		case <-t.kick:
			t.refreshDead()
		case <-t.ctx.Done():
			return
		}
	}
}

// refreshAll looks up every topic that is in use and drops the others. Topics go
// one after the other: an outage must not end in a burst of a lookup per topic.
func (t *Table) refreshAll() {
	for _, e := range t.entries() {
		if t.keep(e) && !t.refreshEntry(e) {
			return
		}
	}
}

// refreshDead looks up the topics that have a broker at an address that was
// given to RefreshByAddr.
func (t *Table) refreshDead() {
	t.mu.Lock()
	dead := t.dead
	t.dead = nil
	t.mu.Unlock()
	for _, e := range t.entries() {
		r := e.route.Load()
		if r == nil {
			continue
		}
		for _, addr := range dead {
			if r.servedFrom(addr) {
				if !t.refreshEntry(e) {
					return
				}
				break
			}
		}
	}
}

func (t *Table) entries() []*entry {
	t.mu.RLock()
	defer t.mu.RUnlock()
	entries := make([]*entry, 0, len(t.topics))
	for _, e := range t.topics {
		entries = append(entries, e)
	}
	return entries
}

// refreshEntry waits for a new lookup of e. It reports false when the Table is
// closed.
func (t *Table) refreshEntry(e *entry) bool {
	t.mu.Lock()
	if t.topics == nil {
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
func (t *Table) keep(e *entry) bool {
	if e.used.Swap(false) {
		e.seen = time.Now()
	}
	if e.route.Load() != nil && time.Since(e.seen) < idleAfter {
		return true
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if !e.flying {
		delete(t.topics, e.topic)
	}
	return false
}
