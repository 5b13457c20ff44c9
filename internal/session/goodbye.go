package session

import (
	"context"
	"slices"
	"time"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/fanout"
)

// Goodbye has heartbeats name the member no longer, and tells the brokers of each of its
// groups, unless there is another member of the same group. It waits so long for their
// answers at most, and tells none if there is no time. Brokers that do not hear it forget
// a group when the connection ends, or when it was not named for two minutes.
func (m *Member) Goodbye(limit time.Duration) {
	s := m.s
	addrs := s.heartbeat.brokers() // those that only the member needs as well
	s.mu.Lock()
	goodbyes, shared := m.goodbyes()
	m.silent = true
	_ = s.say() // there is less in it than before, and that could be told
	nobody := s.beat == nil
	s.mu.Unlock()
	if nobody {
		s.heartbeat.beats.end()
	}
	if shared {
		signal(s.heartbeat.changed) // with fewer subscriptions
	}
	s.unregister(addrs, limit, goodbyes)
}

// goodbyes returns what brokers are told when the member leaves: nothing of groups that
// another one is in. shared says that there are such consumer groups. Session.mu is held.
func (m *Member) goodbyes() (goodbyes []headers.UnregisterClient, shared bool) {
	if m.silent {
		return nil, false
	}
	group := m.role.Producer
	if group != "" && !m.isElsewhere(func(other *Member) bool { return other.role.Producer == group }) {
		goodbyes = append(goodbyes, headers.UnregisterClient{ProducerGroup: group})
	}
	var seen []string
	for _, data := range m.consumers {
		switch {
		case slices.Contains(seen, data.Group):
			continue
		case m.isElsewhere(func(other *Member) bool { return other.isIn(data.Group) }):
			shared = true
		default:
			goodbyes = append(goodbyes, headers.UnregisterClient{ConsumerGroup: data.Group})
		}
		seen = append(seen, data.Group)
	}
	return goodbyes, shared
}

// unregister says these goodbyes to every one of the brokers that is connected, in that
// time. One that does not answer finds out by the closed connection, or when it has not
// heard of a group for long.
func (s *Session) unregister(brokers []string, limit time.Duration, goodbyes []headers.UnregisterClient) {
	if limit <= 0 || len(goodbyes) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	brokers = onlyIn(setOf(s.client.Connected()), brokers)
	fanout.Each(len(brokers), atOnce, func(i int) {
		if !s.heartbeat.beats.await(ctx, brokers[i]) {
			return
		}
		for _, goodbye := range goodbyes {
			goodbye.ClientID = s.id
			_, _ = headers.Successful(s.client.Invoke(ctx, brokers[i], &goodbye, nil)) // nobody waits for it
		}
	})
}
