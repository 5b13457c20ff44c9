package peers

import (
	"context"
	"fmt"

	"github.com/ThreeDotsLabs/watermill"
	rocketmq "github.com/apache/rocketmq-client-go/v2"
	"github.com/apache/rocketmq-client-go/v2/primitive"
	"github.com/apache/rocketmq-client-go/v2/producer"
	"github.com/apache/rocketmq-client-go/v2/rlog"

	"github.com/watermill-rocketmq/watermill-rocketmq/benchmarks/load"
)

// uuidProperty is where this project's marshaler puts the UUID; every peer does
// the same, so that all store the same properties.
const uuidProperty = "_watermill_message_uuid"

// clientGo is rocketmq-client-go: SendSync, with more than one message its batch
// call.
type clientGo struct{ producer rocketmq.Producer }

func openClientGo(nameServer string) (Peer, error) {
	p, err := startClientGo(nameServer)
	if err != nil {
		return nil, err
	}
	return &clientGo{p}, nil
}

// startClientGo starts a producer with the defaults of rocketmq-client-go.
func startClientGo(nameServer string) (rocketmq.Producer, error) {
	rlog.SetLogLevel("error")
	p, err := rocketmq.NewProducer(
		producer.WithNsResolver(primitive.NewPassthroughResolver([]string{nameServer})),
		producer.WithGroupName("client_go_bench"),
	)
	if err != nil {
		return nil, fmt.Errorf("peers: rocketmq-client-go: %w", err)
	}
	if err := p.Start(); err != nil {
		return nil, fmt.Errorf("peers: rocketmq-client-go: %w", err)
	}
	return p, nil
}

func (c *clientGo) Run(ctx context.Context, task load.Task) (load.Sample, error) {
	return runCallers(ctx, task, func(task load.Task, body []byte) load.Send {
		uuids := make([]string, task.PerCall)
		for i := range uuids {
			uuids[i] = watermill.NewUUID()
		}
		return func() (int, error) {
			// A message cannot be sent twice: the client writes into it.
			messages := make([]*primitive.Message, len(uuids))
			for i, uuid := range uuids {
				m := primitive.NewMessage(task.Topic, body)
				m.WithProperty(uuidProperty, uuid)
				m.WithKeys([]string{uuid})
				messages[i] = m
			}
			if err := sendSync(c.producer, messages...); err != nil {
				return 0, err
			}
			return len(messages), nil
		}
	})
}

func (c *clientGo) Close() error { return c.producer.Shutdown() }

// sendSync makes an error of every answer that is not SEND_OK.
func sendSync(p rocketmq.Producer, messages ...*primitive.Message) error {
	result, err := p.SendSync(context.Background(), messages...)
	if err != nil {
		return err
	}
	if result.Status != primitive.SendOK {
		return fmt.Errorf("peers: rocketmq-client-go: send status %d", result.Status)
	}
	return nil
}
