package embedded

import (
	"context"
	"fmt"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/fields"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/sockets"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

// AskClients sends a request to every client that is connected to the broker, as brokers
// do for admin tools (GET_CONSUMER_RUNNING_INFO), and waits for the answers. ext may be
// nil. A client whose connection ends has no answer. When ctx ends before all are there the
// error is the cause.
func (b *Broker) AskClients(ctx context.Context, code headers.RequestCode, ext headers.FieldAppender, body []byte) ([]headers.Command, error) {
	var asked []chan headers.Command
	for _, c := range b.connections() {
		answers := make(chan headers.Command, 1)
		if c.Request(fields.Push{Code: code, Fields: ext}, body, answers) {
			asked = append(asked, answers)
		}
	}
	all, err := sockets.Gather(ctx, asked)
	if err != nil {
		return nil, fmt.Errorf("embedded: no answer to %s: %w", code, err)
	}
	return all, nil
}
