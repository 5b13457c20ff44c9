package pull

import (
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber/internal/delivery"
	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber/internal/engine"
)

// once is a handler that nacks the first delivery of some messages.
type once struct {
	nacks  func(id string) bool
	nacked map[string]bool
}

func (o *once) handle(m *message.Message) {
	if o.nacks(m.UUID) && !o.nacked[m.UUID] {
		o.nacked[m.UUID] = true
		m.Nack()
		return
	}
	m.Ack()
}

// A message whose pause is waited out here comes again, also if its queue is read as far beyond
// it as it may be. It is the only one that is taken then, and the queue goes on after it.
func TestAReleasedMessageComesAgainToAQueueThatWaitsForIt(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		withoutRetryQueues(c)
		p := newPeer(t, c.Config(), group, nil)
		publish(t, p.client, c.Broker(0).Addr(), topic, 0, names("m", 3*maxSpan)...)
		slow := map[string]bool{"m10": true, "m11": true, "m1500": true}
		o := once{nacks: func(id string) bool { return slow[id] }, nacked: make(map[string]bool)}
		s := p.subscribe(engine.Topic{Name: topic}, o.handle, func(cfg *delivery.Config) {
			cfg.Redelivery = delivery.Redelivery{MinPause: time.Minute, MaxPause: time.Minute}
		})
		time.Sleep(30 * time.Second)
		require.LessOrEqual(t, len(s.received()), maxSpan+10+delivery.Batch)
		require.EqualValues(t, 10, offsets(c, group)[0])
		time.Sleep(2 * time.Minute)
		require.Equal(t, 3*maxSpan+3, len(s.received()))
		s.end()
		require.EqualValues(t, 3*maxSpan, offsets(c, group)[0])
		p.close()
	})
}

// A message that its broker deletes while its pause is waited out here holds up nothing, neither
// soon nor where the queue waits for it.
func TestAReleasedMessageThatIsDeleted(t *testing.T) {
	for name, tc := range map[string]struct{ before, after, retained int }{
		"soon":            {1, 20, 5},
		"the queue waits": {maxSpan + 50, maxSpan, maxSpan + 100},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, c *embedded.Cluster) {
				withoutRetryQueues(c)
				p := newPeer(t, c.Config(), group, nil)
				o := once{nacks: func(id string) bool { return id == "a0" }, nacked: make(map[string]bool)}
				s := p.subscribe(engine.Topic{Name: topic}, o.handle, func(cfg *delivery.Config) {
					cfg.Redelivery = delivery.Redelivery{MinPause: time.Minute, MaxPause: time.Minute}
				})
				publish(t, p.client, c.Broker(0).Addr(), topic, 0, names("a", tc.before)...)
				time.Sleep(10 * time.Second)
				require.Equal(t, "a0", s.received()[0])
				publish(t, p.client, c.Broker(0).Addr(), topic, 0, names("b", tc.after)...)
				time.Sleep(time.Minute)
				require.NotContains(t, s.received()[1:], "a0")
				require.True(t, p.logged("A message was to be delivered once more"))
				s.end()
				require.EqualValues(t, tc.before+tc.after, offsets(c, group)[0])
				p.close()
			}, embedded.WithRetention(tc.retained))
		})
	}
}

// A broker that has lost the end of a queue, and with it what was released, is found out by that.
func TestAReleasedMessageOfAQueueThatIsLost(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		withoutRetryQueues(c)
		p := newPeer(t, c.Config(), group, nil)
		publish(t, p.client, c.Broker(0).Addr(), topic, 0, names("a", maxSpan+100)...)
		o := once{nacks: func(id string) bool { return id == "a0" }, nacked: make(map[string]bool)}
		s := p.subscribe(engine.Topic{Name: topic}, o.handle, func(cfg *delivery.Config) {
			cfg.Redelivery = delivery.Redelivery{MinPause: time.Minute, MaxPause: time.Minute}
		})
		time.Sleep(30 * time.Second)
		require.Equal(t, maxSpan, len(s.received()))
		c.Broker(0).DeleteTopic(topic)
		require.NoError(t, c.Broker(0).CreateTopic(topic, queues))
		time.Sleep(time.Minute)
		want := names("b", 4)
		publish(t, p.client, c.Broker(0).Addr(), topic, 0, want...)
		time.Sleep(time.Minute)
		require.Equal(t, want, s.received()[maxSpan:])
		s.end()
		p.close()
	})
}

// A pull does not wait at the broker for messages to come if one was released right before.
func TestAPullDoesNotWaitWithAReleasedMessage(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		p := newPeer(t, c.Config(), group, nil)
		s := p.subscribe(engine.Topic{Name: topic}, ack, nil)
		f := s.fetcher.(*Fetcher)
		r := newReader(p.engine, routing.MessageQueue{Topic: topic, BrokerName: c.Broker(0).Name(), QueueID: 3}, f, f.filter)
		l := &fetching{r: r, p: newProgress(r, 0, false), next: 1, reserved: make(map[*Fetcher]int)}
		l.p.take(0)
		l.p.release(0, true)
		begin := time.Now()
		_, _, err := l.pull(t.Context())
		require.ErrorIs(t, err, errInterrupted)
		require.Zero(t, time.Since(begin))
		s.end()
		p.close()
	})
}

// A retry queue goes on when the subscription ends whose message has held it up.
func TestARetryQueueGoesOnWithoutTheSubscriptionThatHeldItUp(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		require.NoError(t, c.CreateTopic("returns", 1))
		p := newPeer(t, c.Config(), group, nil)
		var kept keeper
		first := p.subscribe(engine.Topic{Name: topic}, secondKept(&kept), byTheBroker)
		publish(t, p.client, c.Broker(0).Addr(), topic, 0, "x")
		time.Sleep(10 * time.Second)
		require.Len(t, kept.all(), 1, "it holds up the retry queue")
		o := once{nacks: func(string) bool { return true }, nacked: make(map[string]bool)}
		second := p.subscribe(engine.Topic{Name: "returns"}, o.handle, byTheBroker)
		publish(t, p.client, c.Broker(0).Addr(), "returns", 0, names("m", maxSpan+100)...)
		time.Sleep(time.Minute)
		require.True(t, p.logged("A message is not answered and holds up its queue"))
		first.output.Stop()
		first.fetcher.Stop(t.Context())
		kept.all()[0].Nack() // too late for another pause: it is given back
		first.output.Drain(t.Context())
		require.NoError(t, first.fetcher.Close(t.Context()))
		<-first.done
		time.Sleep(time.Minute)
		require.Equal(t, 2*(maxSpan+100), len(second.received()))
		publish(t, p.client, c.Broker(0).Addr(), "returns", 0, "n")
		time.Sleep(10 * time.Second)
		require.Equal(t, []string{"n", "n"}, second.received()[2*(maxSpan+100):])
		second.end()
		offset, ok := c.Broker(0).ConsumerOffset(group, headers.RetryTopicPrefix+group, 0)
		require.True(t, ok)
		require.Greater(t, offset, int64(maxSpan+100))
		p.close()
	})
}
