package pop

import (
	"context"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber/internal/delivery"
	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber/internal/engine"
)

// toDeadLetters is the delay level that has a broker copy a message that is sent back to
// the group's dead letter topic (AbstractSendMessageProcessor.consumerSendMsgBack of 5.5.0).
const toDeadLetters = -1

// deadLetter has the broker that has the message copy it to the dead letter topic of the
// group.
func (f *Fetcher) deadLetter(ctx context.Context, c *checkPoint, m *delivery.Message) error {
	keeps, err := c.b.keepsDeadLetters(ctx, f.topic.Name)
	if err == nil && !keeps {
		err = engine.ErrNoRetryQueues
	}
	if err != nil {
		return &BrokerError{Topic: f.topic.Name, Broker: c.b.name, Op: "storing a dead letter", Err: err}
	}
	_, err = c.b.ask(ctx, f.topic.Name, &headers.ConsumerSendBack{
		Offset: m.Stored.CommitLogOffset, ConsumerGroup: f.e.cfg.Group, DelayLevel: toDeadLetters,
		OriginTopic: f.topic.Name, BrokerName: c.b.name,
	}, nil)
	if err = engine.SentBack(err); err != nil {
		return &BrokerError{Topic: f.topic.Name, Broker: c.b.name, Op: "storing a dead letter", Err: err}
	}
	return nil
}

// keepsDeadLetters reports whether the broker keeps what the group sends back.
func (b *broker) keepsDeadLetters(ctx context.Context, topic string) (bool, error) {
	answer, err := b.ask(ctx, topic, &headers.GroupRequest{Code: headers.CodeSubscriptionGroup, ConsumerGroup: b.e.cfg.Group}, nil)
	return engine.KeepsReturns(&answer, err)
}
