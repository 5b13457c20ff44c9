package pop

import (
	"cmp"
	"maps"
	"slices"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/filters"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/offsets"
)

const (
	// parkedInQueue is how many requests more than one may wait for the same (popPollingSize).
	parkedInQueue = 1024
	// parkedMost is how many requests may wait (maxPopPollingSize).
	parkedMost = 100_000
)

// AnyQueue is the id of a queue in requests that want any.
const AnyQueue = -1

// Parked are requests that wait for messages (PopLongPollingService of 5.5.0). Pops are
// kept apart from notifications. The zero value is ready. It is not safe for concurrent
// use.
type Parked[R comparable] struct {
	// Last has the request that ends last woken, instead of the one that ends first.
	Last bool

	queues map[offsets.Queue][]waiting[R] // by the end, then by age
	groups map[string]map[string]int      // requests by topic and group
	count  int
}

type waiting[R comparable] struct {
	request R
	until   int64
	filter  *filters.Filter // nil for all
}

// Park has a request wait for messages that pass the filter, if there is one. It reports
// false if too many wait.
func (p *Parked[R]) Park(q offsets.Queue, r R, until int64, filter *filters.Filter) bool {
	list := p.queues[q]
	if p.count >= parkedMost || len(list) > parkedInQueue {
		return false
	}
	if p.queues == nil {
		p.queues, p.groups = make(map[offsets.Queue][]waiting[R]), make(map[string]map[string]int)
	}
	at, _ := slices.BinarySearchFunc(list, until, func(w waiting[R], until int64) int {
		if w.until == until {
			return -1 // behind those that are there
		}
		return cmp.Compare(w.until, until)
	})
	p.queues[q] = slices.Insert(list, at, waiting[R]{r, until, filter})
	if p.groups[q.Topic] == nil {
		p.groups[q.Topic] = make(map[string]int)
	}
	p.groups[q.Topic][q.Group]++
	p.count++
	return true
}

// Wake takes out the request whose turn it is to have a message, if its filter passes it.
// Without passes, which says so, it takes any.
func (p *Parked[R]) Wake(q offsets.Queue, passes func(*filters.Filter) bool) (r R, ok bool) {
	list := p.queues[q]
	if len(list) == 0 {
		return r, false
	}
	at := 0
	if p.Last {
		at = len(list) - 1
	}
	w := list[at]
	if passes != nil && w.filter != nil && !passes(w.filter) {
		return r, false
	}
	p.drop(q, at)
	return w.request, true
}

// Remove takes a request out. It reports whether it was there.
func (p *Parked[R]) Remove(q offsets.Queue, r R) bool {
	at := slices.IndexFunc(p.queues[q], func(w waiting[R]) bool { return w.request == r })
	if at < 0 {
		return false
	}
	p.drop(q, at)
	return true
}

// RemoveIf takes all requests out that gone is true for.
func (p *Parked[R]) RemoveIf(gone func(r R) bool) {
	for q, list := range p.queues {
		for at := len(list) - 1; at >= 0; at-- {
			if gone(list[at].request) {
				p.drop(q, at)
			}
		}
	}
}

func (p *Parked[R]) drop(q offsets.Queue, at int) {
	if list := slices.Delete(p.queues[q], at, at+1); len(list) > 0 {
		p.queues[q] = list
	} else {
		delete(p.queues, q)
	}
	p.count--
	groups := p.groups[q.Topic]
	if groups[q.Group]--; groups[q.Group] == 0 {
		delete(groups, q.Group)
	}
	if len(groups) == 0 {
		delete(p.groups, q.Topic)
	}
}

// Arrived takes out the requests that a message wakes: in each group one that wants any
// queue, and one that wants its queue.
func (p *Parked[R]) Arrived(topic string, queue int32, passes func(*filters.Filter) bool) []R {
	var woken []R
	if p.count == 0 {
		return nil // nobody waits, as mostly
	}
	for _, group := range slices.Sorted(maps.Keys(p.groups[topic])) {
		woken = p.wakeBoth(woken, offsets.Queue{Group: group, Topic: topic, ID: queue}, passes)
	}
	return woken
}

// Freed takes out the requests that wait for a queue in order: in the group, one that
// wants any queue or else one that wants this one; of notifications, both.
func (p *Parked[R]) Freed(q offsets.Queue) []R {
	if p.Last {
		return p.wakeBoth(nil, q, nil)
	}
	for _, id := range []int32{AnyQueue, q.ID} {
		if r, ok := p.Wake(offsets.Queue{Group: q.Group, Topic: q.Topic, ID: id}, nil); ok {
			return []R{r}
		}
	}
	return nil
}

func (p *Parked[R]) wakeBoth(woken []R, q offsets.Queue, passes func(*filters.Filter) bool) []R {
	for _, id := range []int32{AnyQueue, q.ID} {
		if r, ok := p.Wake(offsets.Queue{Group: q.Group, Topic: q.Topic, ID: id}, passes); ok {
			woken = append(woken, r)
		}
	}
	return woken
}
