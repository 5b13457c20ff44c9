package contest

import (
	"context"
	"fmt"
	"time"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

// storedPatience is how long the count of stored messages may stand still before
// it is final: a broker enters them into its queues some time after it has
// answered.
const storedPatience = 10 * time.Second

// stored is how many messages the topic's queues have had, deleted ones included:
// the sum of their maximum offsets.
func (b *broker) stored(ctx context.Context) (int64, error) {
	var total int64
	for _, queue := range b.queues {
		rq := &headers.QueueRequest{Code: headers.CodeMaxOffset, Topic: topicName, QueueID: queue.QueueID}
		answer, err := b.ask(ctx, rq, nil)
		if err != nil {
			return 0, fmt.Errorf("contest: maximum offset: %w", err)
		}
		offset, ok, err := answer.Fields.Int("offset", 64)
		if err != nil || !ok {
			return 0, fmt.Errorf("contest: maximum offset: %w", headers.ErrMalformed)
		}
		total += offset
	}
	return total, nil
}

// awaitStored waits until as many messages are stored as wanted, and returns how
// many are.
func (b *broker) awaitStored(ctx context.Context, want int64) (int64, error) {
	last, since := int64(-1), time.Now()
	for {
		got, err := b.stored(ctx)
		if err != nil || got >= want {
			return got, err
		}
		if got != last {
			last, since = got, time.Now()
		} else if time.Since(since) > storedPatience {
			return got, nil
		}
		if err := pause(ctx, 10*time.Millisecond); err != nil {
			return got, err
		}
	}
}
