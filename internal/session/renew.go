package session

import (
	"context"
	"slices"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

// Renew has brokers take the session's connections for new ones: each is told goodbye for
// the producer groups, and then gets a heartbeat that names them. It is for those of the
// addresses that are brokers which are connected. A broker notes where a client's replies
// go when its connection is new in a producer group, and forgets it when an older one ends
// (ProducerManager, 4.9.7 and 5.5.0); heartbeats alone do not bring that back. Between the
// two requests the broker does not know the session's producers. Otherwise it is as Beat.
func (m *Member) Renew(ctx context.Context, addrs []string) error {
	h := m.s.heartbeat
	addrs = onlyIn(setOf(m.s.client.Connected()), onlyIn(setOf(h.brokers()), slices.Clone(addrs)))
	return h.each(addrs, func(addr string) error { return h.beats.renew(ctx, addr) })
}

// producers returns the producer groups of all members, each once. mu is held.
func (s *Session) producers() (groups []headers.ProducerData) {
	for _, m := range s.members {
		group := headers.ProducerData{Group: m.role.Producer}
		if !m.silent && group.Group != "" && !slices.Contains(groups, group) {
			groups = append(groups, group)
		}
	}
	return groups
}

// leaveProducers tells a broker goodbye for the producer groups, for the heartbeat after
// it. What the broker answers does not matter: the heartbeat's answer does.
func (s *Session) leaveProducers(ctx context.Context, addr string) error {
	s.mu.Lock()
	groups := s.producers()
	s.mu.Unlock()
	for _, data := range groups {
		goodbye := headers.UnregisterClient{ClientID: s.id, ProducerGroup: data.Group}
		if _, err := s.client.Invoke(ctx, addr, &goodbye, nil); err != nil {
			return err
		}
	}
	return nil
}
