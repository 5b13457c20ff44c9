package consumers

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/watermill-rocketmq/watermill-rocketmq/benchmarks/meter"
)

// Serve reads tasks, one JSON object a line, does each and writes a meter.Reply in a
// line, two if the task wants arrivals. It ends when in does.
func Serve(ctx context.Context, c Consumer, in io.Reader, out io.Writer) error {
	answers := json.NewEncoder(out)
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		var task meter.Task
		if err := json.Unmarshal(lines.Bytes(), &task); err != nil {
			return fmt.Errorf("consumers: task: %w", err)
		}
		if err := do(ctx, c, task, answers); err != nil {
			return fmt.Errorf("consumers: reply: %w", err)
		}
	}
	return lines.Err()
}

// do does a task. Its error is that of a reply that could not be written.
func do(ctx context.Context, c Consumer, task meter.Task, answers *json.Encoder) error {
	ctx, cancel := context.WithTimeout(ctx, task.Limit)
	defer cancel()
	m := meter.New(task)
	consumed := make(chan struct{})
	var failed error
	go func() {
		defer close(consumed)
		failed = c.Consume(ctx, task, m)
	}()
	if task.Arrivals {
		select {
		case <-m.Ready():
			if err := answers.Encode(meter.Reply{Ready: true}); err != nil {
				cancel()
				<-consumed
				return errors.Join(err, failed)
			}
		case <-consumed: // the reply says why
		}
	}
	<-consumed
	var r meter.Reply
	if s, err := m.Sample(); failed != nil || err != nil {
		r.Err = errors.Join(failed, err).Error()
	} else {
		r.Sample = &s
	}
	return answers.Encode(r)
}
