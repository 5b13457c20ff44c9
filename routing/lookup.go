package routing

import (
	"context"
	"errors"
	"fmt"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

// lookup asks the name servers for a topic's route, borrowing the default
// topic's if it has none (MQClientInstance.updateTopicRouteInfoFromNameServer of
// 5.5.0). own tells that the topic has had a route of its own: then the default
// topic is not asked, and the error is the name server's TopicNotExist.
func (t *Table) lookup(ctx context.Context, topic string, own bool) (*Route, error) {
	r, err := t.servers.route(ctx, topic, func(d *routeData) (*Route, error) { return d.route(topic) })
	if !isUnknownTopic(err) {
		return r, err
	}
	if own {
		return nil, fmt.Errorf("routing: topic %q is gone from the name servers, its last known route is kept: %w", topic, err)
	}
	if topic != t.cfg.DefaultTopic {
		r, err = t.servers.route(ctx, t.cfg.DefaultTopic, func(d *routeData) (*Route, error) {
			return d.borrow(topic, t.cfg.DefaultTopic, t.cfg.DefaultTopicQueues)
		})
		switch {
		case isDenial(err):
			return nil, fmt.Errorf("routing: topic %q has no route of its own: %w", topic, err)
		case !isUnknownTopic(err):
			return r, err
		}
	}
	return nil, t.explainUnknown(ctx, topic)
}

// explainUnknown says why neither topic nor the default topic has a route, which
// decides whether another try can help.
func (t *Table) explainUnknown(ctx context.Context, topic string) error {
	_, err := t.servers.registered(ctx, topic)
	var status *headers.StatusError
	switch {
	case errors.Is(err, errNoBrokers):
		return &NoBrokersError{Topic: topic, NameServers: t.servers.addrs()}
	case err == nil || errors.As(err, &status):
		// A peer that knows routes but not this request is a proxy in front of
		// brokers.
		return &NoRouteError{Topic: topic, DefaultTopic: t.cfg.DefaultTopic, NameServers: t.servers.addrs()}
	default:
		return err
	}
}
