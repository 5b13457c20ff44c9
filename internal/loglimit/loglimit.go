// Package loglimit keeps failures that come again and again from flooding a log.
package loglimit

import (
	"sync"
	"time"
)

// Unlogged is the field of a log line that counts the failures of the same thing that
// were not logged since the one before.
const Unlogged = "unlogged"

const (
	// interval is how long a failure is not logged again.
	interval = 30 * time.Second
	// maxThings bounds how many things are kept apart. More are not logged until
	// interval has passed for one of them.
	maxThings = 256
)

// Limit has the first failure of a thing logged, and then one in 30 s, with the count of
// those between. The zero value is ready, and safe for concurrent use.
type Limit struct {
	mu    sync.Mutex
	known map[string]*entry
}

type entry struct {
	logged time.Time
	missed int // failures since then
}

// Ask reports whether the failure of a thing is to be logged, and how many of
// its failures have not been since the one before.
func (l *Limit) Ask(thing string, now time.Time) (missed int, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	e := l.known[thing]
	switch {
	case e == nil && !l.makeRoom(now):
		return 0, false
	case e == nil:
		l.known[thing] = &entry{logged: now}
		return 0, true
	case now.Sub(e.logged) < interval:
		e.missed++
		return 0, false
	}
	missed = e.missed
	e.logged, e.missed = now, 0
	return missed, true
}

// makeRoom forgets what has not failed for long, if need be, and reports whether
// there is room for one more.
func (l *Limit) makeRoom(now time.Time) bool {
	if l.known == nil {
		l.known = make(map[string]*entry)
	}
	if len(l.known) < maxThings {
		return true
	}
	for thing, e := range l.known {
		if now.Sub(e.logged) >= interval {
			delete(l.known, thing)
		}
	}
	return len(l.known) < maxThings
}
