package consumers

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/ThreeDotsLabs/watermill/message"

	rocketmq "github.com/watermill-rocketmq/watermill-rocketmq"
	"github.com/watermill-rocketmq/watermill-rocketmq/benchmarks/meter"
	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber"
)

// ours is the subscriber of this project as a user gets it: no field is set that need not
// be.
type ours struct {
	nameServer string
	engine     subscriber.Engine
	ordered    bool
}

func openOurs(kind Kind, nameServer string) (Consumer, error) {
	switch kind {
	case OursPOP:
		return &ours{nameServer, subscriber.POP, false}, nil
	case OursPull:
		return &ours{nameServer, subscriber.Pull, false}, nil
	case OursOrdered:
		return &ours{nameServer, subscriber.POP, true}, nil
	}
	return nil, fmt.Errorf("consumers: this subscriber has no kind %q", kind)
}

// handlers is how many goroutines receive from the channel and ack.
const handlers = 4

func (o *ours) open(group string) (message.Subscriber, error) {
	return subscriber.New(subscriber.Config{
		Cluster: rocketmq.Cluster{NameServers: []string{o.nameServer}},
		Group:   group, Engine: o.engine, Ordered: o.ordered,
	}, nil)
}

func (o *ours) Consume(ctx context.Context, task meter.Task, m *meter.Meter) error {
	s, err := o.open(task.Group)
	if err != nil {
		return err
	}
	messages, err := s.Subscribe(ctx, task.Topic)
	if err != nil {
		return errors.Join(err, s.Close())
	}
	var handling sync.WaitGroup
	for range handlers {
		handling.Go(func() {
			for msg := range messages {
				first := m.Take(msg.Payload)
				msg.Ack()
				m.Acked(first)
			}
		})
	}
	await(ctx, m)
	err = s.Close()
	handling.Wait()
	return err
}
