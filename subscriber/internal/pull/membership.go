package pull

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/session"
	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber/internal/engine"
)

// subscriptionOf is what brokers are told of a topic.
func subscriptionOf(topic engine.Topic, now time.Time) (headers.SubscriptionData, error) {
	version := now.UnixMilli()
	if topic.Filter.SQL {
		return headers.SubscriptionData{
			Topic: topic.Name, Expression: topic.Filter.Expression, ExpressionType: headers.ExpressionSQL92, Version: version,
		}, nil
	}
	return headers.NewSubscription(topic.Name, topic.Filter.Expression, version)
}

// say has heartbeats name the group with the topics of all subscriptions, and of one that
// is to be. joining is held.
func (e *Engine) say(more ...*Fetcher) error {
	e.mu.Lock()
	fetchers := append(slices.Clone(e.fetchers), more...)
	e.mu.Unlock()
	data := headers.ConsumerData{
		Group: e.group, ConsumeType: headers.ConsumePassively, MessageModel: headers.Clustering,
		ConsumeFromWhere: headers.ConsumeFromFirstOffset,
	}
	for _, f := range fetchers {
		if !slices.ContainsFunc(data.Subscriptions, func(s headers.SubscriptionData) bool { return s.Topic == f.topic.Name }) {
			data.Subscriptions = append(data.Subscriptions, f.filter)
		}
		switch f.topic.From.Position {
		case engine.Latest:
			data.ConsumeFromWhere = headers.ConsumeFromLastOffset
		case engine.FromTime:
			data.ConsumeFromWhere = headers.ConsumeFromTimestamp
		}
	}
	retries, err := headers.NewSubscription(e.retryTopic(), headers.ExpressionAll, e.started.UnixMilli())
	if err != nil {
		return err
	}
	data.Subscriptions = append(data.Subscriptions, retries)
	return e.cfg.Member.SetConsumers([]headers.ConsumerData{data})
}

// beat sends heartbeats, and waits until one broker has taken it. Others that have not are
// logged: they get one as soon as they are there.
func (e *Engine) beat(ctx context.Context, addrs []string) error {
	err := e.cfg.Member.Beat(ctx, addrs)
	var failed *session.BeatError
	if errors.As(err, &failed) && len(failed.Failed) < len(addrs) {
		e.logs.groupFailed("A broker has not taken the heartbeat", failed.Failed[0].Addr, err)
		return nil
	}
	return err
}

// introduce sends heartbeats to the brokers of a topic that do not know the group.
func (e *Engine) introduce(ctx context.Context, topic string) {
	if e.isBroadcast() {
		return
	}
	if err := e.beat(ctx, e.cfg.Member.Routes().ReadAddrs(topic)); err != nil && ctx.Err() == nil {
		e.logs.groupFailed("No broker has taken the heartbeat", topic, err)
	}
}

// goodbyeTime is how long brokers are waited for at least that are told that the member has
// left the group.
const goodbyeTime = time.Second

// leave tells brokers that the member has left the group, also if another broker has used up
// the time: who is not told keeps the queues from the others for two minutes. joining is held.
func (e *Engine) leave(ctx context.Context) {
	limit := e.cfg.RequestTimeout
	if end, ok := ctx.Deadline(); ok {
		limit = min(limit, time.Until(end))
	}
	e.cfg.Member.LeaveGroup(max(limit, goodbyeTime), e.group)
}

// refresh has the route of a topic looked up again, if that was not done just now, and the
// queues divided.
func (e *Engine) refresh(topic string) {
	e.cfg.Member.Routes().RefreshOlder(topic, time.Second)
}

// Events are the engine's part in those of the session: routes that have changed.
func (e *Engine) Events() session.Events { return session.Events{RouteChanged: e.routeChanged} }

func (e *Engine) routeChanged(topic string, view routing.View, _, _ *routing.Route) {
	if view != routing.Reading {
		return
	}
	if topic == e.retryTopic() || e.subscriptionTo(topic) != nil {
		signal(e.kick)
	}
}

// subscriptionTo returns a subscription to the topic that may have messages, nil if there
// is none.
func (e *Engine) subscriptionTo(topic string) *Fetcher {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, f := range e.fetchers {
		if f.topic.Name == topic && !f.stopped {
			return f
		}
	}
	return nil
}

// enter enters a subscription to the topic of a retried message. It returns neither that nor
// changed if this member does not subscribe to the topic: then the message goes back. While
// the subscription ends, or all do, the message is to be held until changed is closed: to
// send it back would count a delivery that never was, and have it wait, where the next
// member gets it at once if nothing is committed.
func (e *Engine) enter(topic string) (f *Fetcher, changed <-chan struct{}) {
	e.mu.Lock()
	defer e.mu.Unlock()
	ending, open := false, false
	for _, other := range e.fetchers {
		if other.topic.Name == topic {
			if other.enter() {
				return other, nil
			}
			ending = true
		}
		open = open || other.isOpen()
	}
	if ending || !open {
		return nil, e.subscribed
	}
	return nil, nil
}

// tellSubscribed says that there is another subscription, or one less. mu is held.
func (e *Engine) tellSubscribed() {
	close(e.subscribed)
	e.subscribed = make(chan struct{})
}
