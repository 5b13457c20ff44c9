package routing

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// join returns the topic's lookup to wait for, and starts it if need be. With
// fresh it is one that has not started yet; without, the one under way will do.
func (t *Table) join(ctx context.Context, topic string, fresh bool) (*call, error) {
	if ctx.Err() != nil {
		return nil, fmt.Errorf("routing: look up topic %q: %w", topic, context.Cause(ctx))
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.topics == nil {
		return nil, ErrClosed
	}
	e := t.topics[topic]
	if e == nil {
		e = &entry{topic: topic, turns: newTurns(), seen: time.Now()}
		t.topics[topic] = e
	}
	e.touch()
	return t.joinEntry(e, fresh), nil
}

// joinEntry is join for an entry that is in t.topics; t.mu is held, and the
// Table is not closed.
func (t *Table) joinEntry(e *entry, fresh bool) *call {
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
// The Table owns the goroutine, its ctx ends it, Close waits for it. It is the
// only one that stores the entry's route, which makes the events of a topic come
// in order.
func (t *Table) fly(e *entry) {
	for t.pause(e) {
		t.mu.Lock()
		c := e.next
		e.current, e.next, e.started = c, nil, time.Now()
		t.mu.Unlock()

		old := e.route.Load()
		r, err := t.lookup(t.ctx, e.topic, old != nil && !old.defaultTopic)
		if t.ctx.Err() != nil {
			return
		}
		notify := t.land(e, c, old, r, err)
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
// Table is closed.
func (t *Table) pause(e *entry) bool {
	t.mu.RLock()
	started := e.started
	t.mu.RUnlock()
	if started.IsZero() {
		return t.ctx.Err() == nil
	}
	gap := time.NewTimer(lookupGap - time.Since(started))
	defer gap.Stop()
	select {
	case <-gap.C:
		return true
	case <-t.ctx.Done():
		return false
	}
}

// land stores what a lookup brought, in the cache and for those who wait, and
// returns the event to be called after them.
func (t *Table) land(e *entry, c *call, old, r *Route, err error) (notify func()) {
	kept := old
	switch {
	case err == nil && old != nil && r.equal(old):
		c.route = old
	case err == nil:
		r.turns = e.turns
		c.route, kept = r, r
	case isUnknownTopic(err): // known once, else the lookup would have asked further
		c.route = old
	case isDenial(err):
		c.err, kept = err, nil
	default:
		c.err = err
	}

	t.mu.Lock()
	e.current, e.failure = nil, err
	if err == nil {
		t.landed++
		e.landed = t.landed
	}
	e.route.Store(kept)
	t.mu.Unlock()

	events := t.cfg.Events
	switch {
	case err == nil && kept != old && events.RouteChanged != nil:
		return func() { events.RouteChanged(e.topic, old, kept) }
	case err != nil && old != nil && events.RefreshFailed != nil:
		return func() { events.RefreshFailed(e.topic, err) }
	default:
		return func() {}
	}
}

// isDenial reports whether err is a name server's word that nobody may publish
// to the topic now. All other errors say nothing about the route that is known.
func isDenial(err error) bool {
	var noQueue *NoQueueError
	var static *StaticTopicError
	return errors.As(err, &noQueue) || errors.As(err, &static)
}
