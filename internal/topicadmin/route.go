package topicadmin

import (
	"context"
	"errors"
	"strings"

	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
)

// Route returns the topic's route. If topics.Config.Enabled is set it creates a topic
// that is missing before, unless one of the masters has it.
func (c *Creator) Route(ctx context.Context, topic string) (*routing.Route, error) {
	route, err := c.cfg.Routes.Route(ctx, topic)
	if !c.cfg.Topics.Enabled || !isMissing(route, err, topic) {
		return route, err
	}
	if err := c.create(ctx, creation{topic: topic}); err != nil {
		return nil, err
	}
	return c.cfg.Routes.Route(ctx, topic)
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
