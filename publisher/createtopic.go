package publisher

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
)

// CreateTopic creates a topic by the settings of Config.CreateTopics, whether they
// are enabled or not, on each master of the cluster that does not have it. Those
// that have it keep theirs as it is, so that CreateTopic may be called at each
// start of a program. The name is mapped by Config.Topics.
//
// The error is or wraps a *CreateTopicError, ErrClosed, or the mapper's. When ctx
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
	if err := contextError(ctx); err != nil {
		return &CreateTopicError{Topic: mapped.Name, Err: err}
	}
	return p.creator.create(ctx, creation{topic: mapped.Name, complete: true})
}

// route returns the topic's route. It creates the topic before if that is missing
// and Config.CreateTopics says so.
func (p *Publisher) route(ctx context.Context, topic string) (*routing.Route, error) {
	route, err := p.routes.Route(ctx, topic)
	if !p.cfg.CreateTopics.Enabled {
		return route, withWayOut(err)
	}
	if !isMissing(route, err, topic) {
		return route, err
	}
	if err := p.creator.create(ctx, creation{topic: topic}); err != nil {
		return nil, err
	}
	return p.routes.Route(ctx, topic)
}

// withWayOut adds to the error of a topic that does not exist how the publisher can
// create it.
func withWayOut(err error) error {
	if err == nil {
		return nil
	}
	var noRoute *routing.NoRouteError
	if errors.As(err, &noRoute) {
		return fmt.Errorf("%w, by Publisher.CreateTopic, or for each topic by Config.CreateTopics", err)
	}
	return err
}

// isMissing reports whether what Route returned means that the topic does not
// exist. Topics that brokers keep for consumer groups are theirs to create.
func isMissing(route *routing.Route, err error, topic string) bool {
	if strings.HasPrefix(topic, "%") {
		return false
	}
	if err == nil {
		return route.FromDefaultTopic()
	}
	var wait *routing.WaitError
	var noRoute *routing.NoRouteError
	var noQueue *routing.NoQueueError
	var static *routing.StaticTopicError
	switch {
	case errors.As(err, &wait):
		return false // what is in it is about a lookup before
	case errors.As(err, &noRoute):
		return true
	case errors.As(err, &noQueue):
		return noQueue.Topic != topic // it is the default topic that has none
	case errors.As(err, &static):
		return static.Topic != topic
	default:
		return false
	}
}
