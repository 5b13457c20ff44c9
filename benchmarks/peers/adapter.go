package peers

import (
	"context"

	"github.com/ThreeDotsLabs/watermill/message"
	rocketmq "github.com/apache/rocketmq-client-go/v2"
	"github.com/apache/rocketmq-client-go/v2/primitive"

	"github.com/watermill-rocketmq/watermill-rocketmq/benchmarks/load"
)

// plainPublisher is the Watermill publisher that suggests itself over
// rocketmq-client-go, and what the public plugin does: SendSync for each message,
// one after the other.
type plainPublisher struct{ producer rocketmq.Producer }

var _ message.Publisher = (*plainPublisher)(nil)

// Publish sends the messages and returns at the first error.
func (p *plainPublisher) Publish(topic string, messages ...*message.Message) error {
	for _, msg := range messages {
		m := primitive.NewMessage(topic, msg.Payload)
		for name, value := range msg.Metadata {
			m.WithProperty(name, value)
		}
		m.WithProperty(uuidProperty, msg.UUID)
		m.WithKeys([]string{msg.UUID})
		if err := sendSync(p.producer, m); err != nil {
			return err
		}
	}
	return nil
}

func (p *plainPublisher) Close() error { return p.producer.Shutdown() }

// adapter measures plainPublisher.
type adapter struct{ publisher *plainPublisher }

func openAdapter(nameServer string) (Peer, error) {
	p, err := startClientGo(nameServer)
	if err != nil {
		return nil, err
	}
	return &adapter{&plainPublisher{p}}, nil
}

func (a *adapter) Run(ctx context.Context, task load.Task) (load.Sample, error) {
	return runCallers(ctx, task, func(task load.Task, body []byte) load.Send {
		messages := newMessages(task.PerCall, body)
		return func() (int, error) {
			for i := range messages {
				// One by one, to know how many were confirmed; it is what
				// Publish does with them all.
				if err := a.publisher.Publish(task.Topic, messages[i]); err != nil {
					return i, err
				}
			}
			return len(messages), nil
		}
	})
}

func (a *adapter) Close() error { return a.publisher.Close() }
