package routing

import (
	"fmt"
	"strings"
)

// WaitError means that a caller's time was over, or it left, before the topic's
// route was there. The lookup goes on without it.
type WaitError struct {
	Topic string
	// From says who was to answer: the name servers, or the Resolver if that has
	// brought none yet.
	From string
	// Before is why the topic's lookup before this one failed, nil if there was
	// none or it brought a route. It says the most of what is wrong, but it is not
	// of this lookup: a *NameServersError in it is no answer to it.
	Before error
	// Err is the cause of the end of the caller's context.
	Err error
}

// Error names topic, who was to answer and why the lookup before failed.
func (e *WaitError) Error() string {
	text := fmt.Sprintf("routing: wait for the route of topic %q from %s: %v", e.Topic, e.From, e.Err)
	if e.Before != nil {
		text += fmt.Sprintf(" (before: %v)", e.Before)
	}
	return text
}

// Unwrap returns the cause, and why the lookup before failed.
func (e *WaitError) Unwrap() []error {
	if e.Before == nil {
		return []error{e.Err}
	}
	return []error{e.Err, e.Before}
}

// WaitError returns what a caller is told that stops waiting for the topic's
// route to publish by, for a cause of its own. It does not block.
func (t *Table) WaitError(topic string, cause error) *WaitError {
	return t.waitError(topic, Writing, cause)
}

func (t *Table) waitError(topic string, v View, cause error) *WaitError {
	e := &WaitError{Topic: topic, From: t.from(), Err: cause}
	t.cache.mu.RLock()
	defer t.cache.mu.RUnlock()
	if known := t.own.topics[topic]; known != nil {
		e.Before = known.failures[v]
	}
	return e
}

// nameOf returns what stands for the name servers as long as a Resolver has
// brought none.
func nameOf(r Resolver) string {
	if named, ok := r.(fmt.Stringer); ok {
		return "resolver " + named.String()
	}
	return "the resolver, which has brought no name servers yet"
}

// from says who is asked for routes.
func (t *Table) from() string {
	if addrs := t.cache.servers.addrs(); addrs != nil {
		return "name server " + strings.Join(addrs, ", ")
	}
	return t.cache.resolver
}
