package session_test

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	rocketmq "github.com/watermill-rocketmq/watermill-rocketmq"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/session"
)

// All brokers of a topic hear of a consumer at once, though none is connected yet, then
// every 30 s, and again as soon as their connection was lost.
func TestConsumerHeartbeats(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		s := open(t, c, nil)
		defer s.Close()
		m := join(t, s, session.Role{})
		defer m.Leave()
		a, b := listenTo(t, c, "broker-a"), listenTo(t, c, "broker-b")
		begin := time.Now()
		read(t, m, "billing", topic)
		for _, h := range []*heard{a, b} {
			beats := h.take()
			require.NotEmpty(t, beats)
			require.Equal(t, s.ID(), beats[0].ClientID)
			require.Equal(t, []headers.ConsumerData{consumer("billing", topic)}, beats[0].Consumers)
		}
		require.Zero(t, time.Since(begin))
		require.Equal(t, []string{s.ID()}, membersOf(t, m, c.Broker(0), "billing"))

		time.Sleep(5*time.Minute - 1)
		require.Len(t, a.take(), 9)
		require.Len(t, b.take(), 9)

		c.Broker(0).DropConnections()
		synctest.Wait()
		time.Sleep(time.Second)
		require.NotEmpty(t, a.take())
		require.Equal(t, []string{s.ID()}, membersOf(t, m, c.Broker(0), "billing"))
	}, embedded.WithBrokers(2))
}

// Two members of one group are one to brokers, which get the topics of both in each
// heartbeat. When one leaves, its topics go and the group stays; with the last one the
// group goes.
func TestConsumersOfOneGroup(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		s := open(t, c, nil)
		defer s.Close()
		one, two := join(t, s, session.Role{}), join(t, s, session.Role{})
		witness := join(t, s, session.Role{})
		defer witness.Leave()
		h := listenTo(t, c, "broker-a")
		read(t, one, "billing", topic)
		h.take()
		read(t, two, "billing", "refunds", topic)
		beats := h.take()
		require.NotEmpty(t, beats)
		for _, data := range beats {
			require.Len(t, data.Consumers, 1)
			require.Equal(t, []string{topic, "refunds"}, topicsIn(data, "billing"))
		}

		two.Goodbye(time.Second)
		two.Leave()
		beats = h.take()
		require.NotEmpty(t, beats, "at once")
		require.Equal(t, []string{topic}, topicsIn(beats[len(beats)-1], "billing"))
		require.Equal(t, []string{s.ID()}, membersOf(t, witness, c.Broker(0), "billing"))

		one.Goodbye(time.Second)
		one.Leave()
		require.Empty(t, membersOf(t, witness, c.Broker(0), "billing"))
		h.take()
		time.Sleep(10 * time.Minute)
		require.Empty(t, h.take(), "there is nobody to speak for")
		require.Empty(t, membersOf(t, witness, c.Broker(0), "billing"))
	}, embedded.WithTopic("refunds", 1))
}

// Members that want different things in one group are refused, and nothing changes.
func TestConsumerConflicts(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		s := open(t, c, nil)
		defer s.Close()
		one, two := join(t, s, session.Role{}), join(t, s, session.Role{})
		defer one.Leave()
		defer two.Leave()
		read(t, one, "billing", topic)
		before := s.HeartbeatBody()
		for name, tc := range map[string]struct {
			change func(*headers.ConsumerData)
			topic  string
		}{
			"expression":    {func(d *headers.ConsumerData) { d.Subscriptions[0].Expression = "paid" }, topic},
			"kind":          {func(d *headers.ConsumerData) { d.Subscriptions[0].ExpressionType = headers.ExpressionSQL92 }, topic},
			"message model": {func(d *headers.ConsumerData) { d.MessageModel = headers.Broadcasting }, ""},
			"consume type":  {func(d *headers.ConsumerData) { d.ConsumeType = headers.ConsumeActively }, ""},
		} {
			data := consumer("billing", topic, "refunds")
			tc.change(&data)
			err := two.SetConsumers([]headers.ConsumerData{data})
			var conflict *session.GroupConflictError
			require.ErrorAs(t, err, &conflict, name)
			require.Equal(t, session.GroupConflictError{Group: "billing", Topic: tc.topic}, *conflict, name)
			require.Equal(t, before, s.HeartbeatBody(), name)
		}
		require.Error(t, two.SetConsumers([]headers.ConsumerData{consumer("")}))

		// The same expression in a newer version is no conflict: the newest counts.
		newer := consumer("billing", topic)
		newer.Subscriptions[0].Version = 7
		require.NoError(t, two.SetConsumers([]headers.ConsumerData{newer}))
		data, err := headers.ParseHeartbeatData(s.HeartbeatBody())
		require.NoError(t, err)
		require.Equal(t, []headers.ConsumerData{newer}, data.Consumers)
	})
}

// A member that has claimed a group is alone in it until it says goodbye, also while it is not in the group.
func TestClaimGroup(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		s := open(t, c, nil)
		defer s.Close()
		one, two := join(t, s, session.Role{}), join(t, s, session.Role{})
		defer two.Leave()
		claim := func(m *session.Member, group string) bool {
			got, err := m.ClaimGroup(group)
			require.NoError(t, err)
			return got
		}
		require.True(t, claim(one, "billing"))
		require.True(t, claim(one, "billing"), "it has it already")
		read(t, one, "billing", topic)
		require.False(t, claim(two, "billing"))
		require.ErrorIs(t, two.SetConsumers([]headers.ConsumerData{consumer("billing", topic)}), session.ErrGroupTaken)
		read(t, two, "shipping", topic)
		require.False(t, claim(one, "shipping"), "there is somebody in it")
		require.True(t, claim(two, "shipping"))

		one.LeaveGroup(time.Second, "billing")
		require.Empty(t, membersOf(t, two, c.Broker(0), "billing"))
		require.Equal(t, []string{s.ID()}, membersOf(t, two, c.Broker(0), "shipping"))
		require.False(t, claim(two, "billing"), "it may come back")
		require.ErrorIs(t, two.SetConsumers([]headers.ConsumerData{consumer("billing", topic)}), session.ErrGroupTaken)
		read(t, one, "billing", topic)

		one.Goodbye(0)
		require.True(t, claim(two, "billing"))
		_, err := one.ClaimGroup("other")
		require.ErrorIs(t, err, session.ErrNotMember)
		require.ErrorIs(t, one.SetConsumers(nil), session.ErrNotMember)
		one.Leave()
		require.ErrorIs(t, s.NewMember(session.Role{}).SetConsumers(nil), session.ErrNotMember)
	})
}

// A broker that begins to have the topic hears of its consumers as soon as the route says
// so, and so does a slave: members read from those as well.
func TestConsumersAreKnownToNewBrokersAndSlaves(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		s := open(t, c, func(cfg *rocketmq.Cluster) {
			cfg.HeartbeatInterval, cfg.RouteRefreshInterval = time.Hour, 10*time.Second
		})
		defer s.Close()
		m := join(t, s, session.Role{})
		defer m.Leave()
		slave := listenTo(t, c, "broker-b")
		var withSlave atomic.Pointer[string]
		c.Intercept(func(r embedded.Request) embedded.Fault {
			route := withSlave.Load()
			if r.Code != headers.CodeTopicRoute || route == nil {
				return embedded.Fault{}
			}
			frame, err := headers.AppendAnswer(nil, headers.JSON, headers.Version5_5_0, r.Command.Opaque, headers.Success, "", nil, []byte(*route))
			if err != nil {
				t.Error(err)
			}
			return embedded.AnswerBytes(frame)
		})
		c.Broker(1).DeleteTopic(topic)
		read(t, m, "billing", topic)
		require.Empty(t, slave.take())

		route := `{"brokerDatas":[{"brokerAddrs":{"0":"` + c.Broker(0).Addr() + `","1":"` + c.Broker(1).Addr() + `"},"brokerName":"broker-a","cluster":"c"}],` +
			`"queueDatas":[{"brokerName":"broker-a","perm":6,"readQueueNums":2,"writeQueueNums":2,"topicSysFlag":0}]}`
		withSlave.Store(&route)
		time.Sleep(10 * time.Second)
		beats := slave.take()
		require.Len(t, beats, 1)
		require.Equal(t, []string{topic}, topicsIn(beats[0], "billing"))

		m.Goodbye(time.Second)
		w := join(t, s, session.Role{})
		defer w.Leave()
		require.Empty(t, membersOf(t, w, c.Broker(1), "billing"), "slaves hear the goodbye as well")
	}, embedded.WithBrokers(2))
}
