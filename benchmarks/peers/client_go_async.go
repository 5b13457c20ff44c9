package peers

import (
	"context"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/apache/rocketmq-client-go/v2/primitive"

	"github.com/watermill-rocketmq/watermill-rocketmq/benchmarks/load"
)

// clientGoAsync is SendAsync of rocketmq-client-go.
type clientGoAsync struct{ producer clientGoProducer }

func openClientGoAsync(nameServer string) (Peer, error) {
	p, err := startClientGo(nameServer)
	if err != nil {
		return nil, err
	}
	return &clientGoAsync{p}, nil
}

func (c *clientGoAsync) Run(ctx context.Context, task load.Task) (load.Sample, error) {
	return c.producer.run(task, func() (load.Sample, error) {
		return runPlaces(ctx, task, c.place)
	})
}

func (c *clientGoAsync) place(task load.Task, body []byte) load.Start {
	uuid := watermill.NewUUID()
	return func(done load.Done) error {
		told := func(_ context.Context, result *primitive.SendResult, err error) {
			if err := storedOK(result, err); err != nil {
				done(0, err)
				return
			}
			done(1, nil)
		}
		return c.producer.SendAsync(context.Background(), told, newClientGoMessage(task.Topic, uuid, body))
	}
}

func (c *clientGoAsync) Close() error { return c.producer.Shutdown() }
