package pull

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber/internal/delivery"
	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber/internal/engine"
)

// Without a group, a queue that leaves the route for a while goes on where it was: nothing of it
// comes again, and nothing is missed.
func TestBroadcastQueuesLeaveTheRouteAndComeBack(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		p := newPeer(t, c.Config(), "", nil)
		store := func(prefix string) []string {
			list := names(prefix, 2)
			for i, name := range list {
				publish(t, p.client, c.Broker(i).Addr(), topic, 0, name)
			}
			return list
		}
		old := store("a")
		first := p.subscribe(engine.Topic{Name: topic}, ack, nil)
		second := p.subscribe(engine.Topic{Name: topic, From: engine.From{Position: engine.Latest}}, ack, nil)
		recent := store("b")
		time.Sleep(time.Second)
		require.ElementsMatch(t, append(old, recent...), first.received())
		require.ElementsMatch(t, recent, second.received())
		c.Broker(1).Stop()
		time.Sleep(2 * time.Minute)
		require.Len(t, first.fetcher.Queues(), queues)
		require.NoError(t, c.Broker(1).Start())
		require.Len(t, second.fetcher.Queues(), queues)
		recent = append(recent, store("c")...)
		time.Sleep(2 * time.Minute)
		require.Len(t, first.fetcher.Queues(), 2*queues)
		require.ElementsMatch(t, append(old, recent...), first.received())
		require.ElementsMatch(t, recent, second.received())
		first.end()
		second.end()
		p.close()
	}, embedded.WithBrokers(2))
}

// A queue that comes back while a message of it is with a handler waits for the answer, as long
// as any queue that leaves. Other subscriptions do not.
func TestABroadcastQueueComesBackAtOnce(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		p := newPeer(t, c.Config(), "", nil)
		var kept keeper
		first := p.subscribe(engine.Topic{Name: topic}, kept.handle, nil)
		second := p.subscribe(engine.Topic{Name: topic}, ack, nil)
		fill(t, c, p.client, "a", queues)
		time.Sleep(time.Second)
		require.Len(t, kept.all(), queues)
		all := first.fetcher.Queues()
		p.engine.assign(topic, nil, nil)
		p.engine.assign(topic, all, nil)
		synctest.Wait()
		want := append(names("a", queues), fill(t, c, p.client, "b", queues)...)
		synctest.Wait()
		require.ElementsMatch(t, want, second.received())
		for _, m := range kept.all() {
			m.Ack()
		}
		time.Sleep(time.Second)
		require.ElementsMatch(t, want, first.received())
		for _, m := range kept.all() {
			m.Ack()
		}
		first.end()
		second.end()
		p.close()
	})
}

// Where the end of the queues cannot be had, there is no subscription that would begin elsewhere.
func TestBroadcastDoesNotBeginAnywhere(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		p := newPeer(t, c.Config(), "", nil)
		c.Intercept(func(r embedded.Request) embedded.Fault {
			if r.Code == headers.CodeMaxOffset {
				return embedded.Answer(headers.SystemBusy, "no")
			}
			return embedded.Fault{}
		})
		_, err := p.engine.Subscribe(t.Context(), engine.Topic{Name: topic, From: engine.From{Position: engine.Latest}}, delivery.New(outputConfig()))
		require.ErrorIs(t, err, &headers.StatusError{Code: headers.SystemBusy})
		p.close()
	})
}
