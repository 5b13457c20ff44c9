package consumers

import (
	"context"
	"errors"
	"fmt"
	"time"

	rocketmq "github.com/apache/rocketmq-client-go/v2"
	"github.com/apache/rocketmq-client-go/v2/consumer"
	"github.com/apache/rocketmq-client-go/v2/primitive"
	"github.com/apache/rocketmq-client-go/v2/rlog"

	"github.com/watermill-rocketmq/watermill-rocketmq/benchmarks/meter"
)

// clientGo is the push consumer of rocketmq-client-go, which pulls, 32 messages at a
// time, and hands one to each of 20 goroutines: its defaults.
type clientGo struct{ nameServer string }

// settleTime is how long what the function has said of the last messages has until the
// consumer leaves. The Java candidate has as long.
const settleTime = 500 * time.Millisecond

func newClientGo(nameServer string) *clientGo {
	rlog.SetLogLevel("error")
	return &clientGo{nameServer}
}

func (c *clientGo) Consume(ctx context.Context, task meter.Task, m *meter.Meter) error {
	p, err := rocketmq.NewPushConsumer(
		consumer.WithNsResolver(primitive.NewPassthroughResolver([]string{c.nameServer})),
		consumer.WithGroupName(task.Group),
		consumer.WithInstance(task.Group), // or the consumers of a process share a client
		consumer.WithConsumeFromWhere(consumer.ConsumeFromFirstOffset),
		consumer.WithPullBatchSize(32),
		consumer.WithConsumeGoroutineNums(20),
	)
	if err != nil {
		return fmt.Errorf("consumers: rocketmq-client-go: %w", err)
	}
	err = p.Subscribe(task.Topic, consumer.MessageSelector{}, func(_ context.Context, messages ...*primitive.MessageExt) (consumer.ConsumeResult, error) {
		for _, msg := range messages {
			m.Acked(m.Take(msg.Body))
		}
		return consumer.ConsumeSuccess, nil
	})
	if err == nil {
		err = p.Start()
	}
	if err == nil {
		await(ctx, m)
		time.Sleep(settleTime)
	}
	if err := errors.Join(err, p.Shutdown()); err != nil {
		return fmt.Errorf("consumers: rocketmq-client-go: %w", err)
	}
	return nil
}
