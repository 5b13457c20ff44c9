package session

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

var (
	// ErrNotMember means that a member has not joined yet, or has said goodbye.
	ErrNotMember = errors.New("not a member of the session")
	// ErrGroupTaken means that another member has claimed a consumer group for itself.
	ErrGroupTaken = errors.New("another member of the session has the consumer group for itself")
)

// GroupConflictError means that a session cannot speak for all of its members in a
// consumer group: two of them want different things, and brokers keep one set of
// subscriptions for the whole group.
type GroupConflictError struct {
	Group string
	// Topic is the one with different subscriptions. It is empty if the consume type,
	// the message model or the unit mode differs.
	Topic string
}

// Error names the group, and the topic if there is one.
func (e *GroupConflictError) Error() string {
	if e.Topic == "" {
		return fmt.Sprintf("consumer group %q is used in two ways by members of one session", e.Group)
	}
	return fmt.Sprintf("consumer group %q has two subscriptions to topic %q in one session", e.Group, e.Topic)
}

// SetConsumers replaces the consumer groups of the member, and what it subscribes to in
// them. Brokers of the topics whose routes are cached (routing.Table.ReadRoute) hear of it
// at once, in the background; see Beat for one who has to know that they have.
//
// Members of one group are one to brokers, with the subscriptions of all: a heartbeat
// replaces those of the group (ConsumerGroupInfo.updateSubscription, 5.5.0). Of a topic
// that several subscribe to the highest version counts, and of a group the ConsumeFromWhere
// of the member that has joined first. The error is a *GroupConflictError, or it wraps
// ErrGroupTaken, ErrNotMember or ErrClosed; the groups are what they were then.
//
// A group that is not among the new ones any more is forgotten by brokers after two
// minutes. LeaveGroup tells them at once. The lists in groups must not be changed later.
func (m *Member) SetConsumers(groups []headers.ConsumerData) error {
	s := m.s
	s.mu.Lock()
	err := m.setConsumers(slices.Clone(groups))
	s.mu.Unlock()
	if err == nil {
		signal(s.heartbeat.changed)
	}
	return err
}

// setConsumers is SetConsumers with Session.mu held.
func (m *Member) setConsumers(groups []headers.ConsumerData) error {
	if err := m.isPresent(); err != nil {
		return err
	}
	for _, data := range groups {
		if data.Group == "" {
			return errors.New("consumer group without a name")
		}
		if m.isElsewhere(func(other *Member) bool { return other.claims[data.Group] }) {
			return fmt.Errorf("%q: %w", data.Group, ErrGroupTaken)
		}
	}
	before := m.consumers
	m.consumers = groups
	err := m.s.say()
	if err != nil {
		m.consumers = before
	}
	return err
}

// ClaimGroup makes the member the only one of the session that may be in a consumer
// group, until Goodbye: a member that leaves the group for a while comes back to it with
// the same session, where nobody else must be then. It reports false if another member is
// in the group already. To brokers all members of a session are one client, and so one
// member of the group: who needs a share of the queues of its own uses a session of its
// own then. The error wraps ErrNotMember or ErrClosed.
func (m *Member) ClaimGroup(group string) (bool, error) {
	s := m.s
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := m.isPresent(); err != nil {
		return false, err
	}
	if m.isElsewhere(func(other *Member) bool { return other.claims[group] || other.isIn(group) }) {
		return false, nil
	}
	if m.claims == nil {
		m.claims = make(map[string]bool)
	}
	m.claims[group] = true
	return true, nil
}

// LeaveGroup ends the member's part in a consumer group, and tells the brokers, unless
// there is another member of that group. It waits for their answers as Goodbye does. A
// claim to the group stays.
func (m *Member) LeaveGroup(limit time.Duration, group string) {
	s := m.s
	addrs := s.heartbeat.brokers() // those of the topics that nobody else reads as well
	s.mu.Lock()
	was := !m.silent && m.isIn(group)
	m.consumers = slices.DeleteFunc(slices.Clone(m.consumers), func(data headers.ConsumerData) bool { return data.Group == group })
	_ = s.say() // there is less in it than before, and that could be told
	stays := m.isElsewhere(func(other *Member) bool { return other.isIn(group) })
	s.mu.Unlock()
	switch {
	case !was:
	case stays:
		signal(s.heartbeat.changed) // with fewer subscriptions
	default:
		s.unregister(addrs, limit, []headers.UnregisterClient{{ConsumerGroup: group}})
	}
}

// isPresent returns an error if the member is none, or none any more. Session.mu is held.
func (m *Member) isPresent() error {
	switch {
	case m.s.closing:
		return ErrClosed
	case m.silent || !slices.Contains(m.s.members, m):
		return ErrNotMember
	}
	return nil
}

// isIn reports whether the member is in a consumer group. Session.mu is held.
func (m *Member) isIn(group string) bool {
	return slices.ContainsFunc(m.consumers, func(data headers.ConsumerData) bool { return data.Group == group })
}

// isElsewhere reports whether it is so of another member that heartbeats name. Session.mu
// is held.
func (m *Member) isElsewhere(is func(other *Member) bool) bool {
	return slices.ContainsFunc(m.s.members, func(other *Member) bool { return other != m && !other.silent && is(other) })
}

// consumers returns the consumer groups of all members, each once, or a
// *GroupConflictError. mu is held.
func (s *Session) consumers() ([]headers.ConsumerData, error) {
	var all []headers.ConsumerData
	for _, m := range s.members {
		if m.silent {
			continue
		}
		for _, data := range m.consumers {
			at := slices.IndexFunc(all, func(known headers.ConsumerData) bool { return known.Group == data.Group })
			if at < 0 {
				known := data
				known.Subscriptions = nil
				all = append(all, known)
				at = len(all) - 1
			}
			if err := merge(&all[at], data); err != nil {
				return nil, err
			}
		}
	}
	for _, data := range all {
		slices.SortFunc(data.Subscriptions, func(a, b headers.SubscriptionData) int { return strings.Compare(a.Topic, b.Topic) })
	}
	return all, nil
}

// merge adds what one member wants in a group to what others want, whose subscriptions
// known owns.
func merge(known *headers.ConsumerData, data headers.ConsumerData) error {
	if known.ConsumeType != data.ConsumeType || known.MessageModel != data.MessageModel || known.UnitMode != data.UnitMode {
		return &GroupConflictError{Group: data.Group}
	}
	for _, sub := range data.Subscriptions {
		at := slices.IndexFunc(known.Subscriptions, func(one headers.SubscriptionData) bool { return one.Topic == sub.Topic })
		switch {
		case at < 0:
			known.Subscriptions = append(known.Subscriptions, sub)
		case !sameExpression(known.Subscriptions[at], sub):
			return &GroupConflictError{Group: data.Group, Topic: sub.Topic}
		case sub.Version > known.Subscriptions[at].Version:
			known.Subscriptions[at] = sub
		}
	}
	return nil
}

// consumes reports whether a member subscribes to the topic in a consumer group.
func (s *Session) consumes(topic string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.ContainsFunc(s.members, func(m *Member) bool { return slices.Contains(m.consumed(), topic) })
}

// consumed returns the topics that the member subscribes to in consumer groups. Session.mu
// is held.
func (m *Member) consumed() (topics []string) {
	if m.silent {
		return nil
	}
	for _, data := range m.consumers {
		for _, sub := range data.Subscriptions {
			topics = append(topics, sub.Topic)
		}
	}
	return topics
}

// readAddrs returns the servers of the topics that members subscribe to.
func (s *Session) readAddrs() (addrs []string) {
	for _, m := range s.present() {
		s.mu.Lock()
		topics := m.consumed()
		s.mu.Unlock()
		for _, topic := range topics {
			addrs = append(addrs, m.routes.ReadAddrs(topic)...)
		}
	}
	return addrs
}

// sameExpression reports whether two subscriptions want the same messages of a topic.
func sameExpression(a, b headers.SubscriptionData) bool {
	return a.Expression == b.Expression && a.ExpressionType == b.ExpressionType && a.ClassFilterMode == b.ClassFilterMode
}
