package publisher_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/marshaler"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
)

// gatedMarshaler marshals when its gate is open.
type gatedMarshaler struct {
	marshaler.Default
	gate chan struct{}
}

func (m gatedMarshaler) Marshal(topic string, msg *message.Message) (marshaler.Message, error) {
	<-m.gate
	return m.Default.Marshal(topic, msg)
}

// A call that has been let in and comes to its lanes only after Close has cut
// everything off returns, however it is going to be sent.
func TestPromiseCloseEndsCallsThatComeLate(t *testing.T) {
	for name, change := range map[string]func(*testing.T, []*message.Message, *publisher.Config){
		"one request": func(*testing.T, []*message.Message, *publisher.Config) {},
		"own contexts": func(t *testing.T, messages []*message.Message, _ *publisher.Config) {
			for _, msg := range messages {
				ctx, cancel := context.WithCancel(t.Context())
				t.Cleanup(cancel)
				msg.SetContext(ctx)
			}
		},
		"two lanes": func(_ *testing.T, messages []*message.Message, _ *publisher.Config) {
			messages[2].Payload = make([]byte, 10_000) // compressed, so sent alone
		},
		"keys": func(_ *testing.T, messages []*message.Message, c *publisher.Config) {
			c.OrderingKey = func(_ string, msg *message.Message) (string, error) { return msg.Metadata["key"], nil }
			for i, key := range []string{"a", "a", "b", "b"} {
				messages[i].Metadata["key"] = key
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, c *embedded.Cluster) {
				gate := make(chan struct{})
				messages := newMessages(4)
				p := unclosedPublisherOn(t, c, func(c *publisher.Config) {
					c.Marshaler = gatedMarshaler{gate: gate}
					c.CloseTimeout = 50 * time.Millisecond
					change(t, messages, c)
				})
				late := publishing(p, orders, messages...)
				require.Equal(t, publisher.ErrCloseTimeout, p.Close())
				close(gate)
				err := late.wait()
				require.ErrorIs(t, err, publisher.ErrClosed)
				require.Equal(t, publisher.NotSent, failureOf(t, err).Outcome())
				require.Zero(t, sends(c))
			})
		})
	}
}

// A call of several requests whose first is answered while Close still waits for a
// check, after it has cut off: the call carries its request itself, and what is left
// of it ends.
func TestPromiseCloseEndsTheRestOfACall(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		asked := make(chan struct{}, 1)
		p := unclosedPublisherOn(t, c, func(c *publisher.Config) {
			c.ProducerGroup, c.CloseTimeout, c.Batch.MaxMessages = shop, 100*time.Millisecond, 4
			c.Transaction.Check = func(ctx context.Context, _ publisher.CheckedMessage) publisher.TransactionState {
				asked <- struct{}{}
				<-ctx.Done()
				time.Sleep(300 * time.Millisecond) // it tidies up
				return publisher.TransactionUnknown
			}
		})
		begin(t, p, "half").Unknown()
		c.Broker(0).CheckTransactions()
		<-asked
		c.Intercept(func(r embedded.Request) embedded.Fault {
			if r.Code == headers.CodeSendBatchMessage {
				return embedded.DelayAnswer(250 * time.Millisecond)
			}
			return embedded.Fault{}
		})
		call := publishing(p, orders, newMessages(8)...)
		synctest.Wait()
		require.Equal(t, publisher.ErrCloseTimeout, p.Close())
		require.ErrorIs(t, call.wait(), publisher.ErrClosed)
	}, embedded.WithTransactionCheck(0, time.Hour, 15))
}
