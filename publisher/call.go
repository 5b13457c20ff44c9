package publisher

import (
	"context"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
)

// call is one Publish: its messages and the goroutine that waits for them.
type call struct {
	entries []entry
	results []Result
	// began is when the time of its messages began.
	began time.Time

	// left counts the entries without a final result, and failed says that one
	// of the others has an error. Both are guarded by the outbox's mutex.
	left   int
	failed bool
	// done has room for the one token that says that left is 0.
	done chan struct{}
}

// cutEnded looks for a message whose context has ended already. It and those
// behind it are not sent. What is left is the number of those before it.
func (c *call) cutEnded(messages []*message.Message) (live int) {
	for i, msg := range messages {
		if err := contextError(msg.Context()); err != nil {
			refuse(c.results[i:], 0, err)
			c.entries, c.left = c.entries[:i], i
			return i
		}
	}
	return len(messages)
}

// sharedContext returns the context of all messages if they have the same one,
// which includes those that cannot end.
func sharedContext(messages []*message.Message) (context.Context, bool) {
	shared := messages[0].Context()
	for _, msg := range messages[1:] {
		if ctx := msg.Context(); ctx != shared && (ctx.Done() != nil || shared.Done() != nil) {
			return nil, false
		}
	}
	return shared, true
}

// wait returns when every entry has its final result. It is what ends entries
// whose context or time is over.
func (c *call) wait(o *outbox, messages []*message.Message, limit time.Duration) {
	timer := time.NewTimer(limit - o.p.now().Sub(c.began))
	defer timer.Stop()
	ctx, shared := sharedContext(messages)
	if !shared {
		ctx = context.Background()
		for i, msg := range messages {
			own := msg.Context()
			stop := context.AfterFunc(own, func() { o.end(c, i, i+1, contextError(own)) })
			defer stop()
		}
	}
	for {
		select {
		case <-c.done:
			return
		case <-timer.C:
			o.end(c, 0, len(c.entries), ErrSendTimeout)
		case <-ctx.Done():
			o.end(c, 0, len(c.entries), contextError(ctx))
			ctx = context.Background() // it has been heeded
		case <-o.p.cut:
			o.end(c, 0, len(c.entries), ErrClosed)
		}
	}
}
