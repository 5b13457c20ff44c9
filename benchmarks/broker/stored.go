package broker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

// storedPatience is how long the count of stored messages may stand still before
// it is final: a broker enters them into its queues some time after it has
// answered.
const storedPatience = time.Minute

// Stored is how many messages the topic's queues have had, deleted ones included:
// the sum of their maximum offsets.
func (t *Topic) Stored(ctx context.Context) (int64, error) { return t.StoredIn(ctx, t.Name) }

// StoredIn is that of another topic of the same broker with no more queues, 0 if there is
// no such topic.
func (t *Topic) StoredIn(ctx context.Context, topic string) (int64, error) {
	var total int64
	for id := range t.Queues {
		rq := &headers.QueueRequest{Code: headers.CodeMaxOffset, Topic: topic, QueueID: int32(id)}
		offset, err := t.offset(ctx, rq)
		if errors.Is(err, &headers.StatusError{Code: headers.TopicNotExist}) {
			return 0, nil
		}
		if err != nil {
			return 0, fmt.Errorf("broker: maximum offset: %w", err)
		}
		total += offset
	}
	return total, nil
}

// Committed is how many messages are before the group's offsets: their sum. A queue that
// the group has no offset in counts as none.
func (t *Topic) Committed(ctx context.Context, group string) (int64, error) {
	var total int64
	for id := range t.Queues {
		rq := &headers.QueueRequest{
			Code: headers.CodeQueryConsumerOffset, ConsumerGroup: group, Topic: t.Name, QueueID: int32(id), KeepUnset: true,
		}
		offset, err := t.offset(ctx, rq)
		if errors.Is(err, &headers.StatusError{Code: headers.QueryNotFound}) {
			continue
		}
		if err != nil {
			return 0, fmt.Errorf("broker: offset of group %s: %w", group, err)
		}
		total += offset
	}
	return total, nil
}

// offset asks for the offset that rq is about.
func (t *Topic) offset(ctx context.Context, rq *headers.QueueRequest) (int64, error) {
	answer, err := t.Ask(ctx, rq, nil)
	if err != nil {
		return 0, err
	}
	offset, ok, err := answer.Fields.Int("offset", 64)
	if err == nil && !ok {
		err = headers.ErrMalformed
	}
	return offset, err
}

// AwaitStored waits until as many messages are stored as wanted, and returns how
// many are.
func (t *Topic) AwaitStored(ctx context.Context, want int64) (int64, error) {
	last, since := int64(-1), time.Now()
	for {
		got, err := t.Stored(ctx)
		if err != nil || got >= want {
			return got, err
		}
		if got != last {
			last, since = got, time.Now()
		} else if time.Since(since) > storedPatience {
			return got, nil
		}
		if err := Pause(ctx, 10*time.Millisecond); err != nil {
			return got, err
		}
	}
}

// AwaitSettled waits until the count of stored messages stands still.
func (t *Topic) AwaitSettled(ctx context.Context) (int64, error) {
	last := int64(-1)
	for {
		got, err := t.Stored(ctx)
		if err != nil || got == last {
			return got, err
		}
		last = got
		if err := Pause(ctx, 50*time.Millisecond); err != nil {
			return got, err
		}
	}
}
