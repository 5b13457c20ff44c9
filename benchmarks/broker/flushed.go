package broker

import (
	"context"
	"fmt"
	"time"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

// flushPatience is how long a broker may take to write to its files what it has
// stored.
const flushPatience = 10 * time.Second

// AwaitFlushed waits until the real broker has written what it has stored to its
// files and entered it into its queues and index. It answers long before: a
// candidate would pay for the one before it.
func (t *Topic) AwaitFlushed(ctx context.Context) error {
	if t.broker.Store == "" {
		return nil
	}
	deadline := time.Now().Add(flushPatience)
	for {
		idle, err := t.isFlushed(ctx)
		if err != nil || idle || time.Now().After(deadline) {
			return err
		}
		if err := Pause(ctx, 50*time.Millisecond); err != nil {
			return err
		}
	}
}

// isFlushed asks for the two figures that say so
// (AdminBrokerProcessor.prepareRuntimeInfo, 5.5.0).
func (t *Topic) isFlushed(ctx context.Context) (bool, error) {
	answer, err := t.Ask(ctx, headers.RuntimeInfo{}, nil)
	if err != nil {
		return false, fmt.Errorf("broker: runtime info: %w", err)
	}
	info, err := headers.ParseRuntimeInfo(answer.Body)
	if err != nil {
		return false, fmt.Errorf("broker: %w", err)
	}
	return info["remainHowManyDataToFlush"] == "0 B" && info["dispatchBehindBytes"] == "0", nil
}
