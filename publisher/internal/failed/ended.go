package failed

import (
	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/watermill-rocketmq/watermill-rocketmq/internal/ctxerr"
)

// Ended returns the first message whose context has ended, and why it has.
func Ended(messages []*message.Message) (at int, err error) {
	var before <-chan struct{}
	for i, msg := range messages {
		ctx := msg.Context()
		if own := ctx.Done(); own != before { // which is nil for one that cannot end
			if err := ctxerr.Of(ctx); err != nil {
				return i, err
			}
			before = own
		}
	}
	return 0, nil
}

// Live returns the messages. Those that outlive their contexts have another that does not
// end.
func Live(messages []*message.Message) []*message.Message {
	if _, err := Ended(messages); err != nil {
		return withLiveContexts(messages)
	}
	return messages
}
