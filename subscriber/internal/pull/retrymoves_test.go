package pull

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber/internal/delivery"
	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber/internal/engine"
)

const notSubscribed = "A message of the retry topic is of a topic"

// secondKept nacks the first delivery of a message, and keeps the others.
func secondKept(k *keeper) func(*message.Message) {
	return func(m *message.Message) {
		if delivery.FromContext(m.Context()).Number == 1 {
			m.Nack()
			return
		}
		k.handle(m)
	}
}

// A retry queue that goes to another member with a message in hand, and comes back, goes on:
// its subscription has not ended.
func TestARetryQueueComesBack(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		a, b := newPeer(t, c.Config(), group, nil), newPeer(t, c.Config(), group, nil)
		if a.engine.id < b.engine.id {
			a, b = b, a // the first one by id has the retry queue
		}
		var kept keeper
		first := a.subscribe(engine.Topic{Name: topic}, secondKept(&kept), byTheBroker)
		publish(t, a.client, c.Broker(0).Addr(), topic, 0, "m")
		time.Sleep(10 * time.Second)
		require.Len(t, kept.all(), 1)
		second := b.subscribe(engine.Topic{Name: topic}, ack, byTheBroker)
		time.Sleep(10 * time.Second)
		require.Equal(t, []string{"m"}, second.received())
		second.end()
		time.Sleep(time.Second)
		publish(t, a.client, c.Broker(0).Addr(), topic, 0, "n")
		time.Sleep(5 * time.Second)
		require.False(t, a.logged(notSubscribed))
		require.Equal(t, []string{"m", "m", "n", "n"}, first.received())
		kept.all()[1].Ack()
		first.end()
		a.close()
		b.close()
	})
}

// secondWaits nacks the first delivery of a message, and acks the others when the test lets
// it. Meanwhile further messages wait in their lane.
func secondWaits(goOn <-chan struct{}) func(*message.Message) {
	return func(m *message.Message) {
		if delivery.FromContext(m.Context()).Number == 1 {
			m.Nack()
			return
		}
		<-goOn
		m.Ack()
	}
}

// The same goes for one that an administrator moves while a message waits.
func TestARetryQueueIsMoved(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		p := newPeer(t, c.Config(), group, nil)
		goOn := make(chan struct{})
		s := p.subscribe(engine.Topic{Name: topic}, secondWaits(goOn), byTheBroker)
		publish(t, p.client, c.Broker(0).Addr(), topic, 0, "m", "n")
		time.Sleep(10 * time.Second)
		require.Len(t, s.received(), 3)
		p.engine.move(map[routing.MessageQueue]int64{{Topic: p.engine.retryTopic(), BrokerName: c.Broker(0).Name()}: 0})
		time.Sleep(5 * time.Second)
		close(goOn)
		time.Sleep(5 * time.Second)
		require.False(t, p.logged(notSubscribed))
		require.GreaterOrEqual(t, len(s.received()), 4)
		s.end()
		offset, ok := c.Broker(0).ConsumerOffset(group, headers.RetryTopicPrefix+group, 0)
		require.True(t, ok)
		require.EqualValues(t, 2, offset)
		p.close()
	})
}

// Retried messages that a member has not handed out when it ends are as they were: the next
// one has them at once, and no delivery is counted.
func TestTheEndLeavesRetriesAsTheyAre(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		require.NoError(t, c.CreateTopic("returns", 1))
		p := newPeer(t, c.Config(), group, nil)
		goOn := make(chan struct{})
		s := p.subscribe(engine.Topic{Name: topic}, secondWaits(goOn), byTheBroker)
		other := p.subscribe(engine.Topic{Name: "returns"}, ack, nil)
		publish(t, p.client, c.Broker(0).Addr(), topic, 0, "m", "n")
		time.Sleep(10 * time.Second)
		require.Len(t, s.received(), 3)
		s.output.Stop()
		s.fetcher.Stop(t.Context())
		time.Sleep(5 * time.Second) // the other one ends later
		other.output.Stop()
		time.Sleep(time.Second)
		close(goOn)
		s.end()
		other.end()
		require.False(t, p.logged(notSubscribed))
		offset, ok := c.Broker(0).ConsumerOffset(group, headers.RetryTopicPrefix+group, 0)
		require.True(t, ok)
		require.EqualValues(t, 1, offset)
		n := &numbers{succeedAt: 1}
		again := p.subscribe(engine.Topic{Name: topic}, n.handle, nil)
		time.Sleep(time.Second)
		require.Equal(t, []int{2}, n.all())
		require.NotContains(t, s.received()[2:], again.received()[0])
		again.end()
		p.close()
	})
}

// A retry queue outlives the subscriptions that have had messages of it, and keeps nothing of
// them.
func TestARetryQueueForgetsSubscriptions(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		require.NoError(t, c.CreateTopic("returns", 1))
		p := newPeer(t, c.Config(), group, nil)
		lasting := p.subscribe(engine.Topic{Name: "returns"}, ack, nil)
		for range 10 {
			n := &numbers{succeedAt: 2}
			s := p.subscribe(engine.Topic{Name: topic}, n.handle, byTheBroker)
			publish(t, p.client, c.Broker(0).Addr(), topic, 0, "m")
			time.Sleep(time.Minute)
			require.Equal(t, []int{1, 2}, n.all())
			s.end()
		}
		synctest.Wait() // no reader looks at its lanes
		p.engine.mu.Lock()
		retries := p.engine.readersOf(nil)
		p.engine.mu.Unlock()
		require.Len(t, retries, 1)
		require.Len(t, retries[0].current().lanes, 1)
		lasting.end()
		p.close()
	})
}
