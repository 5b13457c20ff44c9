package pop

import (
	"context"
	"slices"
	"time"

	"github.com/ThreeDotsLabs/watermill"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/fanout"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/loglimit"
)

// lookForPullers logs that others read the topic in the same group who may do so by pulls:
// they move the same offsets, so that messages would be skipped or come twice. A Java
// consumer says the same of itself whether it pulls or pops (CONSUME_PASSIVELY of 5.5.0),
// so this is no error.
func (e *Engine) lookForPullers(ctx context.Context, topic string) {
	queues, err := e.queuesByBroker(ctx, topic)
	if err != nil {
		return
	}
	found := make([][]string, len(queues))
	fanout.Each(len(queues), atOnce, func(i int) {
		found[i] = e.broker(queues[i][0].BrokerName).passiveMembers(ctx, topic)
	})
	members := slices.Concat(found...)
	if len(members) == 0 {
		return
	}
	slices.Sort(members)
	if missed, ok := e.logs.pullers.Ask(topic, time.Now()); ok {
		e.cfg.Logger.Error("Consumer group has members that may pull the topic, which must not be mixed with POP: messages may be skipped or delivered twice", nil,
			watermill.LogFields{"group": e.cfg.Group, "rocketmq_topic": topic, "members": slices.Compact(members), loglimit.Unlogged: missed})
	}
}

// passiveMembers returns the client ids of those who subscribe to the topic in the group and
// do not say that they pop.
func (b *broker) passiveMembers(ctx context.Context, topic string) (ids []string) {
	answer, err := b.ask(ctx, topic, &headers.GroupRequest{Code: headers.CodeConsumerConnection, ConsumerGroup: b.e.cfg.Group}, nil)
	if err != nil {
		return nil // nobody is there, as a rule
	}
	data, err := headers.ParseConsumerConnectionData(answer.Body)
	if err != nil || data.ConsumeType == headers.ConsumePop {
		return nil
	}
	if _, ok := data.Subscriptions[topic]; !ok {
		return nil
	}
	for _, c := range data.Connections {
		if c.ClientID != b.e.cfg.Session.ID() {
			ids = append(ids, c.ClientID)
		}
	}
	return ids
}
