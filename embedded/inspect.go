package embedded

import (
	"maps"
	"slices"
	"time"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/groups"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/producers"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/queues"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/view"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

type (
	// QueueState is one queue of a topic on a broker: its bounds, and what was delivered.
	QueueState = view.Queue
	// GroupState is a consumer group as one broker knows it: members, subscriptions, and
	// where it is in each queue.
	GroupState = view.Group
	// ClientState is a connection of a client, and the groups that it is a member of.
	ClientState = view.Client
)

// Queues returns the queues of a topic on this broker, by their ids. It returns nil if
// there is no such topic.
func (b *Broker) Queues(topic string) []QueueState {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.queueStates(topic)
}

// queueStates is Queues for a caller that holds b.mu.
func (b *Broker) queueStates(topic string) []QueueState {
	t := b.topics[topic]
	if t == nil {
		return nil
	}
	list := make([]QueueState, min(max(t.read, t.write), maxStatsQueues))
	for i := range list {
		q := t.look(int32(i))
		list[i] = QueueState{ID: int32(i), MinOffset: q.First, MaxOffset: q.Next(), Delivered: q.Delivered}
		if millis := q.StoreTime(q.Next() - 1); millis > 0 {
			list[i].LastStored = time.UnixMilli(millis)
		}
	}
	return list
}

// Groups returns the consumer groups that this broker knows, by name: those that have
// members, offsets or settings.
func (b *Broker) Groups() []GroupState {
	b.mu.Lock()
	defer b.mu.Unlock()
	described := make(map[string]GroupState)
	for _, name := range b.groups.Names() {
		d, conns, _ := b.groups.Describe(name)
		addrs := make([]string, len(conns))
		for i, c := range conns {
			addrs[i] = c.RemoteText
		}
		described[name] = view.Described(&d, addrs)
	}
	return view.Groups(slices.Collect(maps.Keys(b.configs)), described, b.offsets.All(), b.pop.Unacked(), b.queueStates)
}

// Clients returns the connections of clients to this broker, by their addresses.
func (b *Broker) Clients() []ClientState {
	conns := b.connections()
	list := make([]ClientState, len(conns))
	index := make(map[*conn]*ClientState, len(conns))
	for i, c := range conns {
		list[i] = ClientState{Server: c.srv.Name(), Addr: c.RemoteText}
		index[c] = &list[i]
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.producers.Each(func(group string, m producers.Member[*conn]) {
		if c := index[m.Conn]; c != nil {
			c.ClientID, c.Language, c.Version = m.ClientID, m.Language.String(), m.Version
			c.ProducerGroups = append(c.ProducerGroups, group)
		}
	})
	b.groups.Each(func(group, id string, m groups.Member[*conn]) {
		if c := index[m.Conn]; c != nil {
			c.ClientID, c.Language, c.Version = id, m.Language.String(), m.Version
			c.ConsumerGroups = append(c.ConsumerGroups, group)
		}
	})
	return list
}

// MessagesAt returns the messages of a queue of this broker from an offset on, or from
// the oldest one that is there, at most n. It returns none for a queue that there is not.
func (b *Broker) MessagesAt(topic string, queueID int32, offset int64, n int) []Message {
	b.mu.Lock()
	q := b.topics[topic].look(queueID)
	var raws [][]byte
	for at := max(offset, q.First); at < q.Next() && len(raws) < n; at++ {
		if raw := q.Raw(at); raw != nil {
			raws = append(raws, raw)
		}
	}
	b.mu.Unlock()
	return b.decode(raws)
}

// FindMessages returns the messages of a topic on this broker that have a name, the oldest
// first, at most n: their unique id, one of their KEYS, their Watermill UUID, or the id that
// their send was answered with. It looks at every message that the topic has when it is called,
// one after the other, until there are enough.
func (b *Broker) FindMessages(topic, name string, n int) []Message {
	var units []queues.Unit
	b.mu.Lock()
	if t := b.topics[topic]; t != nil {
		for _, q := range t.queues {
			units = append(units, q.Units...)
		}
	}
	b.mu.Unlock()
	return b.decode(view.Find(&b.mu, b.log, units, name, n))
}

// Condition is how the broker is doing.
func (b *Broker) Condition() Condition { return Condition(b.condition.Load()) }

// Running reports whether the name server takes connections.
func (n *NameServer) Running() bool { return n.srv.Running() }

// Version is the version of RocketMQ that the cluster plays.
func (c *Cluster) Version() headers.Version { return c.cfg.version }
