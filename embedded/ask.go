package embedded

import (
	"bytes"
	"context"
	"fmt"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

// AskClients sends a request to every client that is connected to the broker, as brokers
// do for admin tools (GET_CONSUMER_RUNNING_INFO), and waits for the answers. fields may be
// nil. A client whose connection ends has no answer. When ctx ends before all are there the
// error is the cause.
func (b *Broker) AskClients(ctx context.Context, code headers.RequestCode, fields headers.FieldAppender, body []byte) ([]headers.Command, error) {
	var asked []chan headers.Command
	for _, c := range b.connections() {
		answers := make(chan headers.Command, 1)
		if c.request(pushRequest{code, fields}, body, answers) {
			asked = append(asked, answers)
		}
	}
	var all []headers.Command
	for _, answers := range asked {
		select {
		case answer, ok := <-answers:
			if ok {
				all = append(all, answer)
			}
		case <-ctx.Done():
			return nil, fmt.Errorf("embedded: no answer to %s: %w", code, context.Cause(ctx))
		}
	}
	return all, nil
}

// answered takes the answer of the client to a request of the broker. Nobody waits for one
// to a push. The frame is used again, so the answer is made of a copy.
func (c *conn) answered(frame []byte, opaque int32) {
	c.mu.Lock()
	answers := c.asked[opaque]
	delete(c.asked, opaque)
	c.mu.Unlock()
	if answers == nil {
		return
	}
	answer, err := headers.ParseFrame(bytes.Clone(frame))
	if err != nil {
		close(answers) // it was parsed before
		return
	}
	answers <- answer
}
