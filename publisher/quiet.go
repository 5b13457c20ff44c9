package publisher

import (
	"sync"
	"time"
)

const (
	// quietFor is how long a failure is not logged again.
	quietFor = 30 * time.Second
	// maxQuiet bounds how many things are kept apart. More are not logged until
	// quietFor has passed for one of them.
	maxQuiet = 256
)

// quiet keeps failures that come again and again from flooding the log: the first
// of a thing is logged, and then one in quietFor, with the count of those between.
// The zero value is ready, and safe for concurrent use.
type quiet struct {
	mu    sync.Mutex
	known map[string]*quietEntry
}

type quietEntry struct {
	logged time.Time
	missed int // failures since then
}

// ask reports whether the failure of a thing is to be logged, and how many of
// its failures have not been since the one before.
func (q *quiet) ask(thing string, now time.Time) (missed int, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	e := q.known[thing]
	switch {
	case e == nil && !q.makeRoom(now):
		return 0, false
	case e == nil:
		q.known[thing] = &quietEntry{logged: now}
		return 0, true
	case now.Sub(e.logged) < quietFor:
		e.missed++
		return 0, false
	}
	missed = e.missed
	e.logged, e.missed = now, 0
	return missed, true
}

// makeRoom forgets what has not failed for long, if need be, and reports whether
// there is room for one more.
func (q *quiet) makeRoom(now time.Time) bool {
	if q.known == nil {
		q.known = make(map[string]*quietEntry)
	}
	if len(q.known) < maxQuiet {
		return true
	}
	for thing, e := range q.known {
		if now.Sub(e.logged) >= quietFor {
			delete(q.known, thing)
		}
	}
	return len(q.known) < maxQuiet
}
