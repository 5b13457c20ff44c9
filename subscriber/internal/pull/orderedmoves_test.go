package pull

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber/internal/engine"
)

// Ordered, a queue that leaves a member, comes back and leaves again while a handler has a
// message of it belongs to nobody else before that handler is done: the broker takes all
// locks of a member for one, so that a reader which has begun nothing could give up the lock
// of the one before it.
func TestAQueueThatComesBackWhileAHandlerWorks(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		ordered := func(cfg *engine.Config) { cfg.Ordered = true }
		a, b := newPeer(t, c.Config(), group, ordered), newPeer(t, c.Config(), group, ordered)
		fill(t, c, a.client, "m", 2*queues)
		var mine, theirs keeper
		first := a.subscribe(engine.Topic{Name: topic}, mine.handle, nil)
		time.Sleep(time.Second)
		require.Equal(t, []string{"m0", "m1", "m2", "m3"}, sorted(first.received()))
		second := b.subscribe(engine.Topic{Name: topic}, theirs.handle, nil) // two queues leave
		time.Sleep(5 * time.Second)
		second.end() // come back
		time.Sleep(5 * time.Second)
		require.Len(t, first.fetcher.Queues(), queues)
		second = b.subscribe(engine.Topic{Name: topic}, theirs.handle, nil) // and leave again
		time.Sleep(time.Minute)
		require.Empty(t, second.received(), "the other one has a message of each queue in hand")
		second.end()
		time.Sleep(5 * time.Second)
		require.Len(t, mine.all(), queues, "nor has a third reader of this member a message")
		for _, m := range mine.all() {
			m.Ack()
		}
		synctest.Wait()
		time.Sleep(3 * time.Second)
		require.Equal(t, []string{"m0", "m1", "m2", "m3", "m4", "m5", "m6", "m7"}, sorted(first.received()))
		for _, m := range mine.all()[queues:] {
			m.Ack()
		}
		first.end()
		require.Equal(t, []int64{2, 2, 2, 2}, offsets(c, group))
		a.close()
		b.close()
	})
}

// A broker that does not answer when locks are given up keeps those of others from nobody.
func TestABrokerThatHangsHoldsUpNoOtherLocks(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		p := newPeer(t, c.Config(), group, func(cfg *engine.Config) { cfg.Ordered = true })
		s := p.subscribe(engine.Topic{Name: topic}, ack, nil)
		time.Sleep(time.Second)
		all := s.fetcher.Queues()
		require.Len(t, all, 2*queues)
		for i := range 2 * queues {
			publish(t, p.client, c.Broker(i/queues).Addr(), topic, i%queues, "m")
		}
		synctest.Wait()
		lost := time.Now()
		unlocked := make(chan time.Duration, queues)
		works := c.Intercept(func(r embedded.Request) embedded.Fault {
			hangs := r.Server == c.Broker(1).Name()
			switch {
			case r.Code == headers.CodeUnlockQueues && hangs:
				return embedded.Ignore()
			case r.Code == headers.CodeUnlockQueues:
				unlocked <- time.Since(lost)
			case r.Code == headers.CodeUpdateConsumerOffset && !hangs:
				return embedded.Delay(100 * time.Millisecond) // so that the others come first
			}
			return embedded.Fault{}
		})
		p.engine.assign(topic, all[1:queues], nil)
		require.Less(t, <-unlocked, p.engine.cfg.RequestTimeout)
		works()
		time.Sleep(time.Minute)
		require.Len(t, s.fetcher.Queues(), 2*queues)
		s.end()
		p.close()
	}, embedded.WithBrokers(2))
}
