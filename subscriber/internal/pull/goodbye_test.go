package pull

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber/internal/engine"
)

// A member whose time to close is used up by one broker leaves the group all the same: others
// have its queues at once.
func TestABrokerThatHangsKeepsNobodyInTheGroup(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		a, b := newPeer(t, c.Config(), group, nil), newPeer(t, c.Config(), group, nil)
		if a.engine.id < b.engine.id {
			a, b = b, a // the first one by id has the queues of the first broker
		}
		second := b.subscribe(engine.Topic{Name: topic}, ack, nil)
		time.Sleep(time.Second)
		for range 8 { // what is wrong may be so by chance
			first := a.subscribe(engine.Topic{Name: topic}, ack, nil)
			time.Sleep(5 * time.Second)
			require.Len(t, second.fetcher.Queues(), queues)
			works := c.Intercept(func(r embedded.Request) embedded.Fault {
				if r.Code == headers.CodeUpdateConsumerOffset && r.Server == c.Broker(1).Name() {
					return embedded.Ignore()
				}
				return embedded.Fault{}
			})
			for i := range queues {
				publish(t, a.client, c.Broker(1).Addr(), topic, i, "m")
			}
			time.Sleep(100 * time.Millisecond)
			require.Len(t, first.received(), queues)
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
			first.output.Stop()
			first.fetcher.Stop(ctx)
			first.output.Drain(ctx)
			require.Error(t, first.fetcher.Close(ctx))
			cancel()
			<-first.done
			works()
			time.Sleep(5 * time.Second)
			require.Len(t, second.fetcher.Queues(), 2*queues)
		}
		second.end()
		a.close()
		b.close()
	}, embedded.WithBrokers(2))
}
