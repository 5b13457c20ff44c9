package view

import (
	"cmp"
	"slices"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/offsets"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

// Groups makes groups of their parts. described has the groups that have members.
func Groups(names []string, described map[string]Group, committed, unacked map[offsets.Queue]int64, queuesOf func(topic string) []Queue) []Group {
	all := make(map[string]*Group, len(names))
	topics := make(map[string]map[string]bool) // by group: those with positions
	add := func(name string) *Group {
		if all[name] == nil {
			g := described[name]
			g.Name = name
			all[name], topics[name] = &g, make(map[string]bool)
			for _, s := range g.Subscriptions {
				topics[name][s.Topic] = true
			}
		}
		return all[name]
	}
	for _, name := range names {
		add(name)
	}
	for name := range described {
		add(name)
	}
	for _, table := range []map[offsets.Queue]int64{committed, unacked} {
		for q := range table {
			add(q.Group)
			topics[q.Group][q.Topic] = true
		}
	}
	list := make([]Group, 0, len(all))
	byTopic := make(map[string][]Queue) // groups may share topics
	for name, g := range all {
		for topic := range topics[name] {
			if _, known := byTopic[topic]; !known {
				byTopic[topic] = queuesOf(topic)
			}
			for _, queue := range byTopic[topic] {
				p := Position{Topic: topic, Queue: queue, Committed: None, Unacked: None}
				key := offsets.Queue{Group: name, Topic: topic, ID: queue.ID}
				if offset, ok := committed[key]; ok {
					p.Committed = offset
				}
				if offset, ok := unacked[key]; ok {
					p.Unacked = offset
				}
				g.Positions = append(g.Positions, p)
			}
		}
		slices.SortFunc(g.Positions, func(x, y Position) int {
			return cmp.Or(cmp.Compare(x.Topic, y.Topic), cmp.Compare(x.Queue.ID, y.Queue.ID))
		})
		list = append(list, *g)
	}
	slices.SortFunc(list, func(x, y Group) int { return cmp.Compare(x.Name, y.Name) })
	return list
}

// Described is a group as its members' heartbeats show it. addrs are the addresses of
// the members, in their order in d.
func Described(d *headers.ConsumerConnectionData, addrs []string) Group {
	g := Group{ConsumeType: d.ConsumeType, MessageModel: d.MessageModel}
	for i, c := range d.Connections {
		g.Members = append(g.Members, Member{ClientID: c.ClientID, Addr: addrs[i], Language: c.Language, Version: c.Version})
	}
	for _, s := range d.Subscriptions {
		g.Subscriptions = append(g.Subscriptions, s)
	}
	slices.SortFunc(g.Subscriptions, func(x, y headers.SubscriptionData) int { return cmp.Compare(x.Topic, y.Topic) })
	return g
}
