package publisher

import (
	"context"
	"fmt"

	"github.com/watermill-rocketmq/watermill-rocketmq/internal/ctxerr"
)

// Flush waits until all messages that were handed to PublishAsync before it have
// their results and OnResult has returned for each of them. Messages that are
// handed over later do not keep it. It waits for messages, and does not hurry
// them: they leave as soon as they can without it.
//
// Flush returns nil, or an error that wraps that of ctx if ctx ends before: the
// messages then go on. What became of a message is no matter of Flush, but of its
// Result. Each message has its result at the latest when its Config.SendTimeout
// is over and OnResult has been told of those before it.
//
// Many goroutines may call Flush at once. OnResult must not: it would wait for
// itself.
func (p *Publisher) Flush(ctx context.Context) error {
	p.mu.Lock()
	told := p.handed.Seal()
	p.mu.Unlock()
	if told == nil {
		return nil
	}
	select {
	case <-told:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("publisher: flush: %w", ctxerr.Of(ctx))
	}
}
