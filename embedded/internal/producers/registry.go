// Package producers knows producers by their heartbeats: the members of groups, and where
// clients are that wait for replies.
package producers

import (
	"cmp"
	"maps"
	"slices"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

// Registry has the producer groups that have members (ProducerManager of 4.9.7 and 5.5.0).
// C is a connection: one member of a group each. It is not safe for concurrent use; the
// zero value is ready.
type Registry[C comparable] struct {
	groups map[string]map[C]Member[C]
	// clients has the connections by client id, for replies (clientChannelTable).
	clients map[string]C
}

// Member is a client of a group.
type Member[C comparable] struct {
	ClientID string
	Conn     C
	Language headers.Language
	Version  headers.Version
}

// Len is the number of groups.
func (r *Registry[C]) Len() int { return len(r.groups) }

// Has reports whether a group has members.
func (r *Registry[C]) Has(group string) bool { return r.groups[group] != nil }

// Register takes in a heartbeat. A connection stays the member that it was, whatever it
// calls itself later. The client's place for replies is noted only when the connection is
// new in the group: heartbeats that repeat themselves do not bring back one that was lost.
func (r *Registry[C]) Register(group string, m Member[C]) {
	if _, known := r.groups[group][m.Conn]; known {
		return
	}
	if r.groups == nil {
		r.groups, r.clients = make(map[string]map[C]Member[C]), make(map[string]C)
	}
	if r.groups[group] == nil {
		r.groups[group] = make(map[C]Member[C])
	}
	r.groups[group][m.Conn] = m
	r.clients[m.ClientID] = m.Conn
}

// Unregister takes a connection out of a group. The client gets no more replies then, also
// if it is in other groups.
func (r *Registry[C]) Unregister(group, clientID string, conn C) {
	if members := r.groups[group]; members != nil {
		delete(r.clients, clientID)
		r.remove(group, conn)
	}
}

// Disconnect forgets a connection that has ended. Its client gets no more replies then,
// also if it has a new connection already.
func (r *Registry[C]) Disconnect(conn C) {
	for group, members := range r.groups {
		if m, ok := members[conn]; ok {
			delete(r.clients, m.ClientID)
			r.remove(group, conn)
		}
	}
}

func (r *Registry[C]) remove(group string, conn C) {
	delete(r.groups[group], conn)
	if len(r.groups[group]) == 0 {
		delete(r.groups, group)
	}
}

// Members returns the members of a group, sorted by client id.
func (r *Registry[C]) Members(group string) []Member[C] {
	return slices.SortedFunc(maps.Values(r.groups[group]), func(a, b Member[C]) int { return cmp.Compare(a.ClientID, b.ClientID) })
}

// Each calls fn for every member of every group, by the names of groups.
func (r *Registry[C]) Each(fn func(group string, m Member[C])) {
	for _, group := range slices.Sorted(maps.Keys(r.groups)) {
		for _, m := range r.groups[group] {
			fn(group, m)
		}
	}
}

// Client returns where replies for a client go.
func (r *Registry[C]) Client(clientID string) (conn C, ok bool) {
	conn, ok = r.clients[clientID]
	return conn, ok
}
