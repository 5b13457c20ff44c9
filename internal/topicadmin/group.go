package topicadmin

import (
	"context"
	"strings"

	"github.com/ThreeDotsLabs/watermill"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/ctxerr"
	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
	"github.com/watermill-rocketmq/watermill-rocketmq/topics"
)

// CreateGroup creates a consumer group on each master of the cluster that does not have
// it. Those that have it keep theirs as it is, so that CreateGroup may be called again. It
// works until ctx ends or Close is called. The error is a *topics.CreateGroupError.
// Another program that creates the group in the same moment may find its settings
// replaced: RocketMQ has no request that only creates.
func (c *Creator) CreateGroup(ctx context.Context, group headers.SubscriptionGroupConfig) error {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return &topics.CreateGroupError{Group: group.ConsumerGroup, Err: c.cfg.ErrClosed}
	}
	c.wg.Add(1)
	c.mu.Unlock()
	defer c.wg.Done()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(c.ctx, func() { cancel(c.cfg.ErrClosed) })()
	if err := c.createGroup(ctx, group); err != nil {
		return err
	}
	return nil // not as an error that has a type
}

func (c *Creator) createGroup(ctx context.Context, group headers.SubscriptionGroupConfig) *topics.CreateGroupError {
	name := group.ConsumerGroup
	masters, err := c.masters(ctx, headers.RetryTopicPrefix+name)
	if err == nil {
		err = ctxerr.Of(ctx)
	}
	if err != nil {
		return &topics.CreateGroupError{Group: name, Err: err}
	}
	body, err := group.Encode()
	if err != nil {
		return &topics.CreateGroupError{Group: name, Err: err}
	}
	missing, failed := c.without(ctx, name, masters)
	if len(failed) > 0 {
		return &topics.CreateGroupError{Group: name, Brokers: failed}
	}
	failed = c.each(ctx, missing, func(ctx context.Context, _ int, b routing.Broker) error {
		_, err := c.invoke(ctx, b.Addr, headers.CreateSubscriptionGroup{}, body)
		return err
	})
	created := others(missing, failed)
	if len(created) > 0 {
		c.cfg.Logger.Info("Created RocketMQ consumer group", watermill.LogFields{
			"consumer_group": name, "brokers": strings.Join(created, ","),
		})
	}
	if len(failed) > 0 {
		return &topics.CreateGroupError{Group: name, Created: created, Brokers: failed}
	}
	return nil
}

// without returns the masters that do not have the group. They are asked for all groups,
// since to ask for one may create it, see headers.AllSubscriptionGroups.
func (c *Creator) without(ctx context.Context, group string, masters []routing.Broker) (missing []routing.Broker, failed []*topics.BrokerError) {
	has := make([]bool, len(masters))
	failed = c.each(ctx, masters, func(ctx context.Context, i int, b routing.Broker) error {
		answer, err := c.invoke(ctx, b.Addr, headers.AllSubscriptionGroups{}, nil)
		if err != nil {
			return err
		}
		groups, err := headers.ParseSubscriptionGroups(answer.Body)
		_, has[i] = groups[group]
		return err
	})
	for i, b := range masters {
		if !has[i] {
			missing = append(missing, b)
		}
	}
	return missing, failed
}
