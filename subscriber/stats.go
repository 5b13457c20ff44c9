package subscriber

import (
	"cmp"
	"slices"

	rocketmq "github.com/watermill-rocketmq/watermill-rocketmq"
	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
)

// Stats is what a Subscriber has at a moment, for gauges. Config.Hooks are for what
// happens, and Lag asks brokers how far the group is behind.
type Stats struct {
	// Engine is Auto until the first subscription has found out which it is.
	Engine Engine
	// Subscriptions are those that have not ended, by topic.
	Subscriptions []SubscriptionStats
	// Client is about the Config.Client, or the Subscriber's own. A Pull subscriber that has
	// made another beside a lent one (see Config.Client) is not in it.
	Client rocketmq.ClientStats
}

// SubscriptionStats is one subscription.
type SubscriptionStats struct {
	// Topic is Watermill's name, RocketMQTopic that of the broker.
	Topic, RocketMQTopic string
	// InFlight is what Config.MaxInFlight bounds: messages that have come and are not
	// answered for good, and their bytes.
	InFlight InFlight
	// HandedOut is how many of them handlers have, or have nacked and get again from here,
	// or are on their way to the dead letters. The others wait for a receiver.
	HandedOut int
	// PendingAcks is how many acks brokers have not confirmed. With Pull those count that
	// are not in an offset that was committed, which may be because of one message before
	// them that is not acked.
	PendingAcks int
	// Queues are those that belong to this member (Pull), or that are read one by one
	// (Config.Ordered); nil if brokers decide which queue a message is from. The group's
	// retry topic is not among them. The slice is the caller's.
	Queues []routing.MessageQueue
}

// Stats returns what the Subscriber has at the moment. It waits for nothing but short locks,
// and is made for being called every few seconds. It may be called after Close.
func (s *Subscriber) Stats() Stats {
	all := Stats{Client: s.cluster.Stats()}
	if made := s.engine.made.Load(); made != nil {
		all.Engine = made.kind
	}
	s.mu.Lock()
	subscriptions := make([]*subscription, 0, len(s.subscriptions))
	for sub := range s.subscriptions {
		subscriptions = append(subscriptions, sub)
	}
	s.mu.Unlock()
	for _, sub := range subscriptions {
		all.Subscriptions = append(all.Subscriptions, sub.stats())
	}
	slices.SortFunc(all.Subscriptions, func(a, b SubscriptionStats) int { return cmp.Compare(a.Topic, b.Topic) })
	return all
}

func (sub *subscription) stats() SubscriptionStats {
	here, handedOut, bytes := sub.output.Budget().InFlight()
	one := SubscriptionStats{
		Topic: sub.topic, RocketMQTopic: sub.what.Name,
		InFlight: InFlight{Messages: here, Bytes: bytes}, HandedOut: handedOut,
	}
	if f := sub.current(); f != nil {
		one.PendingAcks, one.Queues = f.Unconfirmed(), f.Queues()
	}
	return one
}
