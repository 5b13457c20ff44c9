package pull

import (
	"context"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber/internal/delivery"
	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber/internal/engine"
)

// withoutRetryQueues has brokers drop what the group sends back.
func withoutRetryQueues(c *embedded.Cluster) {
	cfg := headers.NewSubscriptionGroupConfig(group)
	cfg.RetryQueues = 0
	c.CreateConsumerGroup(cfg)
}

// A broker drops what a group without retry queues sends back, and says that it has it. So
// nothing is sent back: pauses are waited out here.
func TestPausesWithoutRetryQueues(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		withoutRetryQueues(c)
		p := newPeer(t, c.Config(), group, nil)
		n := &numbers{succeedAt: 3}
		s := p.subscribe(engine.Topic{Name: topic}, n.handle, byTheBroker)
		publish(t, p.client, c.Broker(0).Addr(), topic, 0, "m")
		time.Sleep(500 * time.Millisecond)
		require.Equal(t, []int{1}, n.all())
		require.True(t, p.logged("Cannot send a message back to its broker, waiting out its pause here"))
		time.Sleep(5 * time.Second)
		require.Equal(t, []int{1, 2, 3}, n.all())
		s.end()
		require.EqualValues(t, 1, offsets(c, group)[0])
		p.close()
	})
}

// As long as the broker does not say whether it keeps what is sent back nothing is.
func TestPausesWhileTheBrokerDoesNotTell(t *testing.T) {
	for name, fault := range map[string]embedded.Fault{
		"cut": embedded.DropConnection(), "busy": embedded.Answer(headers.SystemBusy, "[TIMEOUT_CLEAN_QUEUE]"),
		"no answer": embedded.Ignore(), "failed": embedded.Answer(headers.SystemError, ""),
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, c *embedded.Cluster) {
				withoutRetryQueues(c)
				p := newPeer(t, c.Config(), group, nil)
				n := &numbers{succeedAt: 3}
				s := p.subscribe(engine.Topic{Name: topic}, n.handle, byTheBroker)
				tells := c.Intercept(func(r embedded.Request) embedded.Fault {
					if r.Code == headers.CodeSubscriptionGroup {
						return fault
					}
					return embedded.Fault{}
				})
				publish(t, p.client, c.Broker(0).Addr(), topic, 0, "m")
				time.Sleep(10 * time.Second)
				tells()
				time.Sleep(time.Minute)
				require.Zero(t, c.Stats().Requests(headers.CodeConsumerSendBack))
				require.Equal(t, []int{1, 2, 3}, n.all())
				s.end()
				require.EqualValues(t, 1, offsets(c, group)[0])
				p.close()
			})
		})
	}
}

// The same goes for dead letters, which fail.
func TestDeadLettersWithoutRetryQueues(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		withoutRetryQueues(c)
		p := newPeer(t, c.Config(), group, nil)
		failed := make(chan error, 1)
		s := p.subscribe(engine.Topic{Name: topic}, func(m *message.Message) { m.Nack() }, func(cfg *delivery.Config) {
			cfg.Redelivery.MaxDeliveries = 1
			cfg.DeadLetter = func(ctx context.Context, m *delivery.Message) error {
				err := m.Bury(ctx)
				select {
				case failed <- err:
				default:
				}
				return err
			}
		})
		publish(t, p.client, c.Broker(0).Addr(), topic, 0, "m")
		require.ErrorIs(t, <-failed, engine.ErrNoRetryQueues)
		s.output.Stop()
		s.fetcher.Stop(t.Context())
		over, cancel := context.WithCancel(t.Context())
		cancel()
		s.output.Drain(over) // it would try again and again
		require.NoError(t, s.fetcher.Close(t.Context()))
		<-s.done
		require.LessOrEqual(t, offsets(c, group)[0], int64(0))
		p.close()
	})
}

// What brokers answer with SYSTEM_ERROR to a message that is sent back is by its remark a
// copy that is stored, or a broker that will take it soon. The message comes again once.
func TestAnswersToWhatIsSentBack(t *testing.T) {
	for remark, fault := range map[string]embedded.Fault{
		"FLUSH_SLAVE_TIMEOUT": embedded.StoreThenAnswer(headers.SystemError, "FLUSH_SLAVE_TIMEOUT"),
		"OS_PAGE_CACHE_BUSY":  embedded.Answer(headers.SystemError, "OS_PAGE_CACHE_BUSY"),
	} {
		t.Run(remark, func(t *testing.T) {
			inBubble(t, func(t *testing.T, c *embedded.Cluster) {
				p := newPeer(t, c.Config(), group, nil)
				n := &numbers{succeedAt: 2}
				s := p.subscribe(engine.Topic{Name: topic}, n.handle, byTheBroker)
				answered := false
				c.Intercept(func(r embedded.Request) embedded.Fault {
					if r.Code != headers.CodeConsumerSendBack || answered {
						return embedded.Fault{}
					}
					answered = true
					return fault
				})
				publish(t, p.client, c.Broker(0).Addr(), topic, 0, "m")
				time.Sleep(time.Minute)
				require.Equal(t, []int{1, 2}, n.all())
				require.EqualValues(t, 1, offsets(c, group)[0])
				require.False(t, p.logged("waiting out its pause here"))
				s.end()
				p.close()
			})
		})
	}
}
