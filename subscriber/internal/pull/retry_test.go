package pull

import (
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/realbroker"
	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber/internal/delivery"
	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber/internal/engine"
)

// byTheBroker has no pause waited out by lanes.
func byTheBroker(cfg *delivery.Config) {
	cfg.Redelivery = delivery.Redelivery{MinPause: time.Second, MaxPause: time.Second, MaxLocalPause: 0, MaxDeliveries: 3}
}

// numbers is a handler that fails until a delivery, whose numbers it writes down.
type numbers struct {
	succeedAt int

	mu   sync.Mutex
	seen []int
}

func (n *numbers) handle(m *message.Message) {
	number := delivery.FromContext(m.Context()).Number
	n.mu.Lock()
	n.seen = append(n.seen, number)
	n.mu.Unlock()
	if number >= n.succeedAt {
		m.Ack()
	} else {
		m.Nack()
	}
}

func (n *numbers) all() []int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.seen)
}

// A message whose pause is long comes again from the retry topic, and its queue goes on
// meanwhile.
func TestNackedMessagesComeFromTheRetryTopic(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		p := newPeer(t, c.Config(), group, nil)
		n := &numbers{succeedAt: 3}
		s := p.subscribe(engine.Topic{Name: topic}, n.handle, byTheBroker)
		publish(t, p.client, c.Broker(0).Addr(), topic, 0, "m")
		time.Sleep(10 * time.Second)
		require.Equal(t, []int{1, 2, 3}, n.all())
		require.EqualValues(t, 1, offsets(c, group)[0])
		require.Equal(t, []string{headers.RetryTopicPrefix + group}, p.engine.RetryTopics(topic))
		s.end()
		offset, ok := c.Broker(0).ConsumerOffset(group, headers.RetryTopicPrefix+group, 0)
		require.True(t, ok)
		require.EqualValues(t, 2, offset)
		p.close()
	})
}

// A message that cannot be sent back is kept: nothing behind it is committed.
func TestAMessageIsKeptUntilItIsSentBack(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		p := newPeer(t, c.Config(), group, nil)
		n := &numbers{succeedAt: 2}
		s := p.subscribe(engine.Topic{Name: topic}, n.handle, byTheBroker)
		var away atomic.Bool
		away.Store(true)
		c.Intercept(func(r embedded.Request) embedded.Fault {
			if r.Code == headers.CodeConsumerSendBack && away.Load() {
				return embedded.Answer(headers.SystemBusy, "no")
			}
			return embedded.Fault{}
		})
		publish(t, p.client, c.Broker(0).Addr(), topic, 0, "m")
		time.Sleep(time.Minute)
		require.Equal(t, []int{1}, n.all())
		require.LessOrEqual(t, offsets(c, group)[0], int64(0))
		require.True(t, p.logged("Cannot send a message back"))
		away.Store(false)
		time.Sleep(20 * time.Second)
		require.Equal(t, []int{1, 2}, n.all())
		require.EqualValues(t, 1, offsets(c, group)[0])
		s.end()
		p.close()
	})
}

// A broker that is read-only takes nothing back, as long as that lasts: messages come again here,
// and their queue goes on.
func TestABrokerThatTakesNothingBack(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		p := newPeer(t, c.Config(), group, nil)
		n := &numbers{succeedAt: 2}
		s := p.subscribe(engine.Topic{Name: topic}, n.handle, byTheBroker)
		publish(t, p.client, c.Broker(0).Addr(), topic, 0, "m")
		c.Broker(0).SetWritable(false)
		time.Sleep(time.Minute)
		require.Equal(t, []int{1, 2}, n.all())
		require.EqualValues(t, 1, offsets(c, group)[0])
		require.True(t, p.logged("Cannot send a message back to its broker, waiting out its pause here"))
		s.end()
		p.close()
	})
}

// A message that its broker never takes back keeps no other one from it.
func TestAMessageThatIsNotTakenBackHoldsUpNoOther(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		p := newPeer(t, c.Config(), group, nil)
		n := &numbers{succeedAt: 3}
		s := p.subscribe(engine.Topic{Name: topic}, n.handle, byTheBroker)
		var never atomic.Value
		c.Intercept(func(r embedded.Request) embedded.Fault {
			if r.Code != headers.CodeConsumerSendBack {
				return embedded.Fault{}
			}
			offset := r.Command.Fields.String("offset")
			if never.CompareAndSwap(nil, offset) || never.Load() == offset {
				return embedded.Answer(headers.SystemError, "look message by offset failed, "+offset)
			}
			return embedded.Fault{}
		})
		publish(t, p.client, c.Broker(0).Addr(), topic, 0, "never", "m")
		time.Sleep(time.Minute)
		require.Equal(t, []string{"m", "m", "m", "never", "never", "never"}, sorted(s.received()))
		require.Equal(t, []int{1, 1, 2, 2, 3, 3}, slices.Sorted(slices.Values(n.all())))
		require.EqualValues(t, 2, offsets(c, group)[0])
		s.end()
		p.close()
	})
}

// What nobody could send back before the end is not committed, and comes again.
func TestAMessageThatWasNotSentBackComesAgain(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		p := newPeer(t, c.Config(), group, nil)
		n := &numbers{succeedAt: 2}
		s := p.subscribe(engine.Topic{Name: topic}, n.handle, byTheBroker)
		works := c.Intercept(func(r embedded.Request) embedded.Fault {
			if r.Code == headers.CodeConsumerSendBack {
				return embedded.Answer(headers.SystemBusy, "no")
			}
			return embedded.Fault{}
		})
		publish(t, p.client, c.Broker(0).Addr(), topic, 0, "m")
		time.Sleep(time.Second)
		s.output.Stop()
		s.fetcher.Stop(t.Context())
		s.output.Drain(t.Context())
		_ = s.fetcher.Close(t.Context())
		<-s.done
		works()
		again := p.subscribe(engine.Topic{Name: topic}, ack, nil)
		time.Sleep(time.Second)
		require.Equal(t, []string{"m"}, again.received())
		again.end()
		require.EqualValues(t, 1, offsets(c, group)[0])
		p.close()
	})
}

func TestDeadLetters(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		p := newPeer(t, c.Config(), group, nil)
		n := &numbers{succeedAt: 4}
		s := p.subscribe(engine.Topic{Name: topic}, n.handle, byTheBroker)
		publish(t, p.client, c.Broker(0).Addr(), topic, 0, "m")
		time.Sleep(time.Minute)
		require.Equal(t, []int{1, 2, 3}, n.all())
		dead, err := c.Messages(headers.DeadLetterTopicPrefix + group)
		require.NoError(t, err)
		require.Len(t, dead, 1)
		require.Equal(t, "m", string(dead[0].Body))
		s.end()
		p.close()
	})
}

// A message of the retry topic that is of a topic which this member does not subscribe to
// goes back, until somebody does.
func TestHomelessRetries(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		require.NoError(t, c.CreateTopic("returns", 1))
		p := newPeer(t, c.Config(), group, nil)
		n := &numbers{succeedAt: 2}
		s := p.subscribe(engine.Topic{Name: topic}, n.handle, byTheBroker)
		other := p.subscribe(engine.Topic{Name: "returns"}, ack, nil)
		publish(t, p.client, c.Broker(0).Addr(), topic, 0, "m")
		synctest.Wait()
		s.end()
		require.Equal(t, []int{1}, n.all())
		time.Sleep(30 * time.Second)
		require.True(t, p.logged("A message of the retry topic is of a topic"))
		require.Empty(t, other.received())
		again := p.subscribe(engine.Topic{Name: topic}, ack, nil)
		time.Sleep(time.Minute)
		require.Equal(t, []string{"m"}, again.received())
		again.end()
		other.end()
		p.close()
	})
}

// A subscription that ends leaves what it has not handed out of the retry topic to others
// of the topic.
func TestRetriesOfASubscriptionThatEnds(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		p := newPeer(t, c.Config(), group, nil)
		var kept keeper
		first := p.subscribe(engine.Topic{Name: topic}, func(m *message.Message) {
			if delivery.FromContext(m.Context()).Number == 1 {
				m.Nack()
				return
			}
			kept.handle(m)
		}, func(cfg *delivery.Config) {
			byTheBroker(cfg)
			cfg.Ordered = true // one message of the retry queue in hand
		})
		want := names("m", 3)
		publish(t, p.client, c.Broker(0).Addr(), topic, 0, want...)
		time.Sleep(30 * time.Second)
		require.Len(t, kept.all(), 1)
		second := p.subscribe(engine.Topic{Name: topic}, ack, nil)
		time.Sleep(time.Second)
		first.output.Stop()
		first.fetcher.Stop(t.Context())
		kept.all()[0].Ack()
		first.output.Drain(t.Context())
		require.NoError(t, first.fetcher.Close(t.Context()))
		<-first.done
		time.Sleep(time.Minute)
		require.ElementsMatch(t, want, append([]string{kept.all()[0].UUID}, second.received()...))
		second.end()
		p.close()
	})
}

func TestDelayLevel(t *testing.T) {
	for pause, level := range map[time.Duration]int32{
		0: 1, time.Second: 1, 1001 * time.Millisecond: 2, 10 * time.Second: 3, time.Hour: 17, 2 * time.Hour: 18, 24 * time.Hour: 18,
	} {
		require.Equal(t, level, delayLevel(pause), pause)
	}
}

// Retries and dead letters on real brokers.
func TestRealRetries(t *testing.T) {
	onReal(t, func(t *testing.T, c *realbroker.Cluster) {
		group := "g-" + uuid.NewString()
		p := newRealPeer(t, c, group, nil)
		name := freshTopic(t, p, c, 2)
		l := make(chan int, 10)
		s := p.subscribe(engine.Topic{Name: name}, func(m *message.Message) {
			number := delivery.FromContext(m.Context()).Number
			if l <- number; number == 2 && m.UUID == "0" {
				m.Ack()
			} else {
				m.Nack()
			}
		}, byTheBroker)
		publishAll(t, c, name, 2, 2)
		var got []int
		for range 5 {
			select {
			case number := <-l:
				got = append(got, number)
			case <-time.After(patience):
				require.Fail(t, "no delivery", "%v", got)
			}
		}
		require.ElementsMatch(t, []int{1, 1, 2, 2, 3}, got)
		var dead *sub
		require.Eventually(t, func() bool {
			_, err := p.member.Routes().ReadRoute(t.Context(), headers.DeadLetterTopicPrefix+group)
			return err == nil
		}, patience, 100*time.Millisecond)
		reader := newRealPeer(t, c, "", nil)
		dead = reader.subscribe(engine.Topic{Name: headers.DeadLetterTopicPrefix + group}, ack, nil)
		require.Eventually(t, func() bool { return len(dead.received()) == 1 }, patience, 50*time.Millisecond)
		require.Equal(t, []string{"1"}, dead.received())
		dead.end()
		reader.close()
		s.end()
		requireCommitted(t, p, name, 2)
		p.close()
	})
}
