package pull

import (
	"strconv"
	"sync/atomic"
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

// A broker whose answers cannot be is there: it does not keep the queues of a member that
// leaves from the others.
func TestMembersLeaveABrokerWithWrongAnswers(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		a, b := newPeer(t, c.Config(), group, nil), newPeer(t, c.Config(), group, nil)
		first, second := a.subscribe(engine.Topic{Name: topic}, ack, nil), b.subscribe(engine.Topic{Name: topic}, ack, nil)
		c.Intercept(func(r embedded.Request) embedded.Fault {
			h, err := headers.ParsePullMessage(&r.Command)
			if r.Code != headers.CodePullMessage || err != nil || h.Topic != topic {
				return embedded.Fault{}
			}
			frame, err := headers.AppendAnswer(nil, headers.JSON, headers.Version5_5_0, r.Command.Opaque, headers.PullNotFound, "", &headers.PullResult{NextOffset: -1}, nil)
			require.NoError(t, err)
			return embedded.AnswerBytes(frame)
		})
		time.Sleep(time.Minute)
		require.True(t, a.logged("Cannot pull from a queue"))
		require.Len(t, first.fetcher.Queues(), queues/2)
		second.end()
		time.Sleep(2 * time.Second)
		require.Len(t, first.fetcher.Queues(), queues)
		first.end()
		a.close()
		b.close()
	})
}

// Pulls from a broker that does not answer take no room from those that do.
func TestABrokerThatHangsTakesNoRoom(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		const wide, each, takes = 8, 500, 8 * time.Millisecond
		require.NoError(t, c.CreateTopic("wide", wide))
		p := newPeer(t, c.Config(), group, nil)
		for i := range wide {
			publish(t, p.client, c.Broker(0).Addr(), "wide", i, names(strconv.Itoa(i)+"-", each)...)
		}
		works := c.Intercept(func(r embedded.Request) embedded.Fault {
			if r.Code == headers.CodePullMessage && r.Server == c.Broker(1).Name() {
				return embedded.Ignore()
			}
			return embedded.Fault{}
		})
		s := p.subscribe(engine.Topic{Name: "wide"}, func(m *message.Message) {
			time.Sleep(takes)
			m.Ack()
		}, func(cfg *delivery.Config) { cfg.Messages = 64 })
		time.Sleep(10 * time.Second) // until each of its queues has failed
		before := len(s.received())
		const watched = 2 * (3*time.Second + maxPause)
		time.Sleep(watched)
		require.Greater(t, len(s.received())-before, int(watched/takes)*9/10)
		works()
		time.Sleep(wide * each * takes)
		require.Equal(t, wide*each, len(s.received()))
		s.end()
		p.close()
	}, embedded.WithBrokers(2))
}

// Something that takes connections and cuts each by its first request, such as a load
// balancer without a server behind it, is asked seldom.
func TestConnectionsThatAreCut(t *testing.T) {
	for _, ordered := range []bool{false, true} {
		t.Run("ordered "+strconv.FormatBool(ordered), func(t *testing.T) {
			inBubble(t, func(t *testing.T, c *embedded.Cluster) {
				p := newPeer(t, c.Config(), group, func(cfg *engine.Config) { cfg.Ordered = ordered })
				s := p.subscribe(engine.Topic{Name: topic}, ack, nil)
				time.Sleep(time.Second)
				var asked atomic.Int64
				works := c.Intercept(func(embedded.Request) embedded.Fault {
					asked.Add(1)
					return embedded.DropConnection()
				})
				c.Broker(0).DropConnections()
				time.Sleep(time.Minute)
				require.Less(t, asked.Load(), int64(60*20)) // of eight queues, a heart, and routes
				works()
				publish(t, p.client, c.Broker(0).Addr(), topic, 0, "a")
				time.Sleep(10 * time.Second)
				require.Equal(t, []string{"a"}, s.received())
				s.end()
				p.close()
			})
		})
	}
}

// A member that cannot find out where to begin, since a broker does not answer, does not join
// the group: the others would divide the queues at each of its tries.
func TestAMemberThatCannotBeginDoesNotJoin(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		var rebalances atomic.Int64
		first := newPeer(t, c.Config(), group, func(cfg *engine.Config) {
			cfg.Observer = observer{rebalanced: func(string, []routing.MessageQueue) { rebalances.Add(1) }}
		})
		s := first.subscribe(engine.Topic{Name: topic}, ack, nil)
		time.Sleep(5 * time.Second)
		before := rebalances.Load()
		second := newPeer(t, c.Config(), group, nil)
		answers := c.Intercept(func(r embedded.Request) embedded.Fault {
			if r.Server == c.Broker(1).Name() && r.Code == headers.CodeQueryConsumerOffset {
				return embedded.Ignore()
			}
			return embedded.Fault{}
		})
		what := engine.Topic{Name: topic, From: engine.From{Position: engine.Latest}}
		for range 3 {
			_, err := second.engine.Subscribe(t.Context(), what, delivery.New(outputConfig()))
			require.Error(t, err)
		}
		require.Equal(t, before, rebalances.Load())
		answers()
		other := second.subscribe(what, ack, nil)
		time.Sleep(5 * time.Second)
		require.Len(t, other.fetcher.Queues(), queues)
		s.end()
		other.end()
		first.close()
		second.close()
	}, embedded.WithBrokers(2))
}
