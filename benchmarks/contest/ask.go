package contest

import (
	"context"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

// ask sends a request to the broker. Its refusal is an error.
func (b *broker) ask(ctx context.Context, rq headers.Request, body []byte) (headers.Command, error) {
	answer, err := b.client.Invoke(ctx, b.addr, rq, body)
	if err == nil {
		err = answer.Err()
	}
	return answer, err
}
