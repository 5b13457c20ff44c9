package subscriber

import (
	"context"
	"errors"

	"github.com/ThreeDotsLabs/watermill"

	"github.com/watermill-rocketmq/watermill-rocketmq/internal/verdict"
	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber/internal/engine"
)

// topic is what the group reads of a topic of Watermill.
func (s *Subscriber) topic(topic string) (engine.Topic, error) {
	mapped, err := s.names.Map(topic)
	if err != nil {
		return engine.Topic{}, err
	}
	return engine.Topic{Name: mapped.Name, Filter: s.cfg.Filters[topic].of(), From: s.cfg.From.position()}, nil
}

// TopicName returns the name that brokers and their tools know the topic by: what
// Config.Topics maps it to, in Cluster.Namespace. It asks nobody. The error is of a topic
// that Subscribe would refuse, as a rule a *marshaler.TopicError.
func (s *Subscriber) TopicName(topic string) (string, error) {
	mapped, err := s.names.Map(topic)
	return mapped.Name, err
}

// topicDiffers logs the name of a topic that brokers know by another name.
func (s *Subscriber) topicDiffers(topic, name string) {
	s.logger.Info("Topic has another name in RocketMQ", watermill.LogFields{"topic": topic, "rocketmq_topic": name})
}

// ensureTopic returns nil if the topic can be read. If Config.CreateTopics says so it
// creates a topic that is missing.
func (s *Subscriber) ensureTopic(ctx context.Context, name string) error {
	_, err := s.routes.ReadRoute(ctx, name)
	if !isMissing(err) || !s.cfg.CreateTopics.Enabled {
		return verdict.Bare(err)
	}
	if err := s.creator.Create(ctx, name); err != nil {
		return verdict.Bare(err)
	}
	_, err = s.routes.ReadRoute(ctx, name)
	return verdict.Bare(err)
}

// isMissing reports whether an error says that a topic does not exist.
func isMissing(err error) bool {
	var wait *routing.WaitError
	var noRoute *routing.NoRouteError
	var noQueue *routing.NoQueueError
	switch {
	case errors.As(err, &wait):
		return false // what is in it is about a lookup before
	case errors.As(err, &noRoute):
		return true
	case errors.As(err, &noQueue):
		return noQueue.Reason == routing.NoOwnRoute
	}
	return false
}
