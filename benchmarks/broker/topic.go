package broker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
)

// Topic is a topic of a broker.
type Topic struct {
	Name   string
	Queues int

	addr   string // of the broker
	broker *Broker
}

// CreateTopic makes a topic and waits until the name server knows it.
func (b *Broker) CreateTopic(ctx context.Context, name string, queues int) (*Topic, error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	t := &Topic{Name: name, Queues: queues, broker: b}
	if err := t.create(ctx); err != nil {
		return nil, fmt.Errorf("broker: topic %s: %w", name, err)
	}
	return t, nil
}

func (t *Topic) create(ctx context.Context) error {
	route, err := t.route(ctx)
	if err != nil {
		return err
	}
	t.addr = route.Brokers()[0].Addr
	create := &headers.CreateTopic{
		Topic: t.Name, ReadQueues: int32(t.Queues), WriteQueues: int32(t.Queues),
		Perm: headers.PermRead | headers.PermWrite,
	}
	if _, err := t.Ask(ctx, create, nil); err != nil {
		return err
	}
	for route.FromDefaultTopic() || len(route.WriteQueues()) != t.Queues {
		if err := Pause(ctx, 100*time.Millisecond); err != nil {
			return err
		}
		if route, err = t.route(ctx); err != nil {
			return err
		}
	}
	return nil
}

// route asks the name server anew.
func (t *Topic) route(ctx context.Context) (*routing.Route, error) {
	table, err := routing.New(routing.Config{NameServers: []string{t.broker.NameServer}}, t.broker.client)
	if err != nil {
		return nil, err
	}
	route, err := table.Route(ctx, t.Name)
	return route, errors.Join(err, table.Close())
}

// Ask sends a request to the topic's broker. Its refusal is an error.
func (t *Topic) Ask(ctx context.Context, rq headers.Request, body []byte) (headers.Command, error) {
	return headers.Successful(t.broker.client.Invoke(ctx, t.addr, rq, body))
}
