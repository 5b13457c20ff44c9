// Package locks is which member of a group has a queue for itself.
package locks

import (
	"maps"
	"time"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/offsets"
)

// Time is how long a lock on a queue holds without being renewed
// (RebalanceLockManager.REBALANCE_LOCK_MAX_LIVE_TIME).
const Time = 60 * time.Second

// Table has the locks of a broker, at most so many. It is not safe for concurrent use.
type Table struct {
	most  int
	locks map[offsets.Queue]lock
}

type lock struct {
	client string
	since  time.Time
}

// over reports whether nobody need respect the lock any more.
func (l lock) over(now time.Time) bool { return now.Sub(l.since) > Time }

// NewTable makes a Table.
func NewTable(most int) *Table { return &Table{most: most, locks: make(map[offsets.Queue]lock)} }

// Len is the number of locks.
func (t *Table) Len() int { return len(t.locks) }

// Lock gives a queue to a client, or renews its lock. It reports false if another client
// has the queue, or if there is no room.
func (t *Table) Lock(q offsets.Queue, client string, now time.Time) bool {
	held, ok := t.locks[q]
	if !ok && len(t.locks) >= t.most {
		maps.DeleteFunc(t.locks, func(_ offsets.Queue, l lock) bool { return l.over(now) })
	}
	if ok && held.client != client && !held.over(now) || !ok && len(t.locks) >= t.most {
		return false
	}
	t.locks[q] = lock{client, now}
	return true
}

// Unlock takes a queue from a client, if it has it.
func (t *Table) Unlock(q offsets.Queue, client string) {
	if t.locks[q].client == client {
		delete(t.locks, q)
	}
}

// Any reports whether a member of the group has a queue
// (RebalanceLockManager.isLockAllExpired).
func (t *Table) Any(group string, now time.Time) bool {
	for q, l := range t.locks {
		if q.Group == group && !l.over(now) {
			return true
		}
	}
	return false
}
