package routing

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/watermill-rocketmq/watermill-rocketmq/internal/ctxerr"
)

// join returns the topic's lookup to wait for, and starts it if need be. With
// fresh it is one that has not started yet; without, the one under way will do, and
// so will a route that has just come, which is returned in its place.
func (t *cache) join(ctx context.Context, of *substitute, topic string, v View, fresh bool) (*Route, *call, error) {
	if ctx.Err() != nil {
		return nil, nil, fmt.Errorf("routing: look up topic %q: %w", topic, ctxerr.Of(ctx))
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return nil, nil, ErrClosed
	}
	e := of.topics[topic]
	if e == nil {
		e = &entry{topic: topic, of: of, turns: newTurns(), seen: time.Now()}
		of.topics[topic] = e
	}
	e.touch()
	if r := e.routes[v].Load(); r != nil && !fresh {
		return r, nil, nil
	}
	return nil, t.joinEntry(e, fresh), nil
}

// joinEntry is join for an entry that is in the cache; t.mu is held, and
// the cache is not closed.
func (t *cache) joinEntry(e *entry, fresh bool) *call {
	if e.current != nil && !fresh {
		return e.current
	}
	if e.next == nil {
		e.next = &call{done: make(chan struct{})}
	}
	if !e.flying {
		e.flying = true
		t.wg.Go(func() { t.fly(e) })
	}
	return e.next
}

// fly does the lookups of one topic for as long as somebody asks for another.
// The cache owns the goroutine, its ctx ends it, Close waits for it. It is the
// only one that stores the entry's route, which makes the events of a topic come
// in order.
func (t *cache) fly(e *entry) {
	for t.pause(e) {
		t.mu.Lock()
		c := e.next
		e.current, e.next, e.started = c, nil, time.Now()
		t.mu.Unlock()

		old := e.known()
		got := t.lookup(t.ctx, e.of, e.topic, old)
		if t.ctx.Err() != nil {
			return
		}
		notify := t.land(e, c, old, got)
		close(c.done)
		notify()

		t.mu.Lock()
		again := e.next != nil
		e.flying = again
		t.mu.Unlock()
		if !again {
			return
		}
	}
}

// pause waits until the topic's next lookup may start. It reports false when the
// cache is closed.
func (t *cache) pause(e *entry) bool {
	t.mu.RLock()
	started := e.started
	t.mu.RUnlock()
	left := lookupGap - time.Since(started)
	if started.IsZero() || left <= 0 {
		return t.ctx.Err() == nil
	}
	gap := time.NewTimer(left)
	defer gap.Stop()
	select {
	case <-gap.C:
		return true
	case <-t.ctx.Done():
		return false
	}
}

// land stores what a lookup brought, in the cache and for those who wait, and
// returns the events to be called after them.
func (t *cache) land(e *entry, c *call, old known, got [views]found) (notify func()) {
	var kept known
	for v := range got {
		if r := got[v].route; r != nil {
			r.turns = e.turns
		}
		c.found[v], kept[v] = got[v].after(old[v])
	}

	t.mu.Lock()
	e.current = nil
	for v := range got {
		e.failures[v] = got[v].err
		e.routes[v].Store(kept[v])
	}
	if got[Writing].err == nil || got[Reading].err == nil {
		e.updated = time.Now()
	}
	if got[Writing].err == nil {
		t.landed++
		e.landed = t.landed
	}
	t.mu.Unlock()

	return func() {
		for v := range got {
			t.tell(e.topic, View(v), old[v], kept[v], got[v].err)
		}
	}
}

// after returns what those who wait for the lookup get, and what stays cached, if
// there was the route old before.
func (f found) after(old *Route) (result found, kept *Route) {
	switch {
	case f.err == nil && old != nil && f.route.equal(old):
		return found{route: old}, old
	case f.err == nil:
		return f, f.route
	case isUnknownTopic(f.err): // known once, else the lookup would have asked further
		return found{route: old}, old
	case isDenial(f.err):
		return f, nil
	default:
		return f, old
	}
}

// tell calls the event of a view, if anything happened to it.
func (t *cache) tell(topic string, v View, old, kept *Route, err error) {
	events := &t.cfg.Events
	switch {
	case err == nil && kept != old && (old == nil || !kept.sameIn(v, old)):
		if events.RouteChanged != nil {
			events.RouteChanged(topic, v, old, kept)
		}
	case err != nil && old != nil:
		if events.RefreshFailed != nil {
			events.RefreshFailed(topic, v, err)
		}
	}
}

// isDenial reports whether err is a name server's word that a view of the topic has no
// queue now. All other errors say nothing about the route that is known.
func isDenial(err error) bool {
	var noQueue *NoQueueError
	var static *StaticTopicError
	return errors.As(err, &noQueue) || errors.As(err, &static)
}
