package publisher

import (
	"context"

	"github.com/watermill-rocketmq/watermill-rocketmq/internal/ctxerr"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/verdict"
	"github.com/watermill-rocketmq/watermill-rocketmq/topics"
)

// CreateTopic creates a topic by the settings of Config.CreateTopics, whether they
// are enabled or not, on each master of the cluster that does not have it. Those
// that have it keep theirs as it is, so that CreateTopic may be called at each
// start of a program. The name is mapped by Config.Topics.
//
// The error is or wraps a *topics.CreateError, ErrClosed, or the mapper's. When ctx
// ends the work goes on in the background until it is done or the publisher is
// closed. Another program that creates the topic in the same moment may find its
// settings replaced: RocketMQ has no request that only creates.
func (p *Publisher) CreateTopic(ctx context.Context, topic string) error {
	if !p.enter() {
		return ErrClosed
	}
	defer p.leave()
	mapped, err := p.mapTopic(topic)
	if err != nil {
		return err
	}
	if err := ctxerr.Of(ctx); err != nil {
		return &topics.CreateError{Topic: mapped.Name, Err: err}
	}
	return verdict.Bare(p.creator.Create(ctx, mapped.Name))
}
