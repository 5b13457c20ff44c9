// Package groups knows consumer groups as their heartbeats show them, and shares out
// queues among their members.
package groups

import (
	"maps"
	"slices"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/filters"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/tags"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

// Registry has the groups that have members (ConsumerManager and ConsumerGroupInfo of
// 5.5.0). C is a connection: one member each. It is not safe for concurrent use; the zero
// value is ready.
type Registry[C comparable] struct {
	groups map[string]*group[C]
}

// Member is a client of a group.
type Member[C comparable] struct {
	Conn     C
	Language headers.Language
	Version  headers.Version
}

type group[C comparable] struct {
	members       map[string]Member[C] // by client id
	subscriptions map[string]headers.SubscriptionData
	compiled      map[string]compiled  // by topic, those that were asked for
	last          headers.ConsumerData // of the last heartbeat
	fingerprint   int32
}

// Beat is what a heartbeat says of one group.
type Beat[C comparable] struct {
	ClientID string
	Member   Member[C]
	// Fingerprint and WithoutSubscriptions are those of heartbeat V2.
	Fingerprint          int32
	WithoutSubscriptions bool
	Group                headers.ConsumerData
}

// Len is the number of groups, Has reports whether one has members.
func (r *Registry[C]) Len() int { return len(r.groups) }

// Has reports whether a group has members.
func (r *Registry[C]) Has(name string) bool { return r.groups[name] != nil }

// Register takes in a heartbeat. It returns the connections to be told of a change, and
// whether the fingerprint is another one than before.
func (r *Registry[C]) Register(beat *Beat[C]) (tell []C, other bool) {
	g := r.groups[beat.Group.Group]
	if g == nil {
		g = &group[C]{members: make(map[string]Member[C]), subscriptions: make(map[string]headers.SubscriptionData)}
		if r.groups == nil {
			r.groups = make(map[string]*group[C])
		}
		r.groups[beat.Group.Group] = g
	}
	g.last = beat.Group
	g.last.Subscriptions = nil
	other = g.fingerprint != 0 && g.fingerprint != beat.Fingerprint
	g.fingerprint = beat.Fingerprint
	before, there := g.members[beat.ClientID]
	changed := !there || before.Conn != beat.Member.Conn
	// A connection is one member, whatever it calls itself (ConsumerGroupInfo.updateChannel).
	maps.DeleteFunc(g.members, func(id string, m Member[C]) bool { return m.Conn == beat.Member.Conn && id != beat.ClientID })
	g.members[beat.ClientID] = beat.Member
	if !beat.WithoutSubscriptions && g.subscribe(beat.Group.Subscriptions) {
		changed = true
	}
	if changed && !g.broadcasting() {
		tell = g.connections()
	}
	return tell, other
}

func (g *group[C]) broadcasting() bool { return g.last.MessageModel == headers.Broadcasting }

// subscribe replaces the group's subscriptions where the new ones are newer, and
// drops those that are not among the new ones. It reports whether it did.
func (g *group[C]) subscribe(list []headers.SubscriptionData) bool {
	changed := false
	named := make(map[string]bool, len(list))
	for _, d := range list {
		named[d.Topic] = true
		old, ok := g.subscriptions[d.Topic]
		if ok && d.Version <= old.Version {
			continue
		}
		changed = changed || !ok || old.Expression != d.Expression
		g.subscriptions[d.Topic] = d
	}
	for topic := range g.subscriptions {
		if !named[topic] {
			delete(g.subscriptions, topic)
			delete(g.compiled, topic)
			changed = true
		}
	}
	return changed
}

// connections returns the members' connections in the order of their ids.
func (g *group[C]) connections() []C {
	list := make([]C, 0, len(g.members))
	for _, id := range slices.Sorted(maps.Keys(g.members)) {
		list = append(list, g.members[id].Conn)
	}
	return list
}

// Leave removes members. It returns the connections to be told of it, by group.
func (r *Registry[C]) Leave(gone func(group, member string, conn C) bool) map[string][]C {
	tell := make(map[string][]C)
	for name, g := range r.groups {
		before := len(g.members)
		maps.DeleteFunc(g.members, func(id string, m Member[C]) bool { return gone(name, id, m.Conn) })
		switch {
		case len(g.members) == before:
		case len(g.members) == 0:
			delete(r.groups, name)
		case !g.broadcasting():
			tell[name] = g.connections()
		}
	}
	return tell
}

// Names are the groups that have members, sorted.
func (r *Registry[C]) Names() []string { return slices.Sorted(maps.Keys(r.groups)) }

// Each calls fn for every member of every group, by the names of groups.
func (r *Registry[C]) Each(fn func(group, clientID string, m Member[C])) {
	for _, name := range r.Names() {
		for id, m := range r.groups[name].members {
			fn(name, id, m)
		}
	}
}

// Members returns the client ids of a group, sorted.
func (r *Registry[C]) Members(name string) []string {
	if g := r.groups[name]; g != nil {
		return slices.Sorted(maps.Keys(g.members))
	}
	return nil
}

// Connections returns the connections of a group's members.
func (r *Registry[C]) Connections(name string) []C {
	if g := r.groups[name]; g != nil {
		return g.connections()
	}
	return nil
}

// Describe returns what there is to say about a group, without the addresses of its
// members, whose connections it returns beside. It is not ok if there are none.
func (r *Registry[C]) Describe(name string) (d headers.ConsumerConnectionData, conns []C, ok bool) {
	g := r.groups[name]
	if g == nil {
		return d, nil, false
	}
	d.ConsumeType, d.MessageModel, d.ConsumeFromWhere = g.last.ConsumeType, g.last.MessageModel, g.last.ConsumeFromWhere
	d.Subscriptions = maps.Clone(g.subscriptions)
	for _, id := range slices.Sorted(maps.Keys(g.members)) {
		m := g.members[id]
		d.Connections = append(d.Connections, headers.Connection{ClientID: id, Language: m.Language.String(), Version: m.Version})
		conns = append(conns, m.Conn)
	}
	return d, conns, true
}

// Subscription is what a group wants of a topic, by the heartbeats of its members.
type Subscription struct {
	Kind    string // of the expression, see tags.IsExpression
	Version int64
	Filter  filters.Filter
	// Unreadable is set for an expression over properties that is none.
	Unreadable bool
}

// compiled is an expression over properties that was read.
type compiled struct {
	kind, expression string
	filter           filters.Filter
	ok               bool
}

// Subscription finds what a group wants of a topic, as a broker of a version understands it.
func (r *Registry[C]) Subscription(name, topic string, v headers.Version) (sub Subscription, known, subscribed bool) {
	g := r.groups[name]
	if g == nil {
		return Subscription{}, false, false
	}
	d, subscribed := g.subscriptions[topic]
	sub = Subscription{Kind: d.ExpressionType, Version: d.Version}
	if tags.IsExpression(d.ExpressionType) {
		sub.Filter = filters.Tags(tags.Of(d.Expression, d.Codes))
		return sub, true, subscribed
	}
	c, there := g.compiled[topic]
	if !there || c.kind != d.ExpressionType || c.expression != d.Expression {
		c = compiled{kind: d.ExpressionType, expression: d.Expression}
		c.filter, c.ok = filters.Compile(c.kind, c.expression, v)
		if g.compiled == nil {
			g.compiled = make(map[string]compiled)
		}
		g.compiled[topic] = c
	}
	sub.Filter, sub.Unreadable = c.filter, !c.ok
	return sub, true, subscribed
}
