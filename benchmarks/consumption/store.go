package consumption

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/watermill-rocketmq/watermill-rocketmq/benchmarks/broker"
	"github.com/watermill-rocketmq/watermill-rocketmq/benchmarks/contest"
	"github.com/watermill-rocketmq/watermill-rocketmq/benchmarks/meter"
)

// topicQueues is the number of a topic's queues, that of a broker's default topic.
const topicQueues = 8

// backlog is a topic whose messages are consumed over and over.
type backlog struct {
	*broker.Topic
	messages int64
}

// Messages are published by some callers in batches.
const (
	storeCallers = 4
	storeBatch   = 32
)

// store makes a topic with so many messages, numbered from 0 on.
func (c *course) store(ctx context.Context, name string, body contest.Body, messages int64) (*backlog, error) {
	topic, err := c.broker.CreateTopic(ctx, name, topicQueues)
	if err != nil {
		return nil, err
	}
	content := body.Content()
	var next atomic.Int64
	var callers sync.WaitGroup
	errs := make(chan error, storeCallers)
	for range storeCallers {
		callers.Go(func() {
			for ctx.Err() == nil {
				from := next.Add(storeBatch) - storeBatch
				if from >= messages {
					return
				}
				if err := c.publisher.Publish(name, numbered(content, from, min(storeBatch, messages-from))...); err != nil {
					errs <- fmt.Errorf("consumption: store: %w", err)
					return
				}
			}
		})
	}
	callers.Wait()
	select {
	case err := <-errs:
		return nil, err
	default:
	}
	if got, err := topic.AwaitStored(ctx, messages); err != nil || got != messages {
		return nil, fmt.Errorf("consumption: %d messages are stored in %s, want %d (%w)", got, name, messages, err)
	}
	return &backlog{topic, messages}, topic.AwaitFlushed(ctx)
}

// numbered makes n messages with the numbers from first on.
func numbered(content []byte, first, n int64) []*message.Message {
	var messages []*message.Message
	for i := range n {
		body := append([]byte(nil), content...)
		meter.Stamp(body, first+i)
		messages = append(messages, message.NewMessage(watermill.NewUUID(), body))
	}
	return messages
}
