package session_test

import (
	"context"
	"sync"
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

// onHeartbeats has something happen to the heartbeats to a broker.
func onHeartbeats(c *embedded.Cluster, broker string, fault func() embedded.Fault) (remove func()) {
	return c.Intercept(func(r embedded.Request) embedded.Fault {
		if r.Server == broker && r.Code == headers.CodeHeartbeat {
			return fault()
		}
		return embedded.Fault{}
	})
}

// Beat is over when the brokers know the group, and names those that do not.
func TestBeat(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		s := open(t, c, nil)
		defer s.Close()
		m := join(t, s, session.Role{})
		defer m.Leave()
		require.NoError(t, m.SetConsumers([]headers.ConsumerData{consumer("billing", topic)}))
		addrs := []string{c.Broker(0).Addr(), c.Broker(1).Addr()}
		require.NoError(t, m.Beat(t.Context(), addrs))
		for _, b := range c.Brokers() {
			require.Equal(t, []string{s.ID()}, membersOf(t, m, b, "billing"))
		}

		remove := onHeartbeats(c, "broker-b", func() embedded.Fault { return embedded.Answer(headers.SystemBusy, "later") })
		err := m.Beat(t.Context(), addrs)
		var failed *session.BeatError
		require.ErrorAs(t, err, &failed)
		require.Len(t, failed.Failed, 1)
		require.Equal(t, addrs[1], failed.Failed[0].Addr)
		require.ErrorIs(t, err, &headers.StatusError{Code: headers.SystemBusy})
		remove()

		onHeartbeats(c, "broker-b", embedded.Ignore)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		begin := time.Now()
		require.ErrorIs(t, m.Beat(ctx, addrs[1:]), context.DeadlineExceeded)
		require.Equal(t, time.Second, time.Since(begin))
		require.ErrorIs(t, m.Beat(t.Context(), addrs[1:]), context.DeadlineExceeded, "it has a limit of its own")
	}, embedded.WithBrokers(2))
}

// Many that ask at once share heartbeats: 50 subscribers of a program that starts cost its
// brokers two.
func TestBeatsAreShared(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		s := open(t, c, nil)
		defer s.Close()
		m := join(t, s, session.Role{})
		defer m.Leave()
		require.NoError(t, m.SetConsumers([]headers.ConsumerData{consumer("billing", topic)}))
		h := listenTo(t, c, "broker-a")
		onHeartbeats(c, "broker-a", func() embedded.Fault { return embedded.DelayAnswer(time.Second) })
		go func() { _ = m.Beat(context.Background(), []string{c.Broker(0).Addr()}) }()
		synctest.Wait()
		var wg sync.WaitGroup
		for range 50 {
			wg.Go(func() {
				if err := m.Beat(t.Context(), []string{c.Broker(0).Addr()}); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		require.Len(t, h.take(), 2)
	})
}

// Heartbeats do not overtake each other: what a broker works on slowly is not followed by
// news until it is done.
func TestLaterHeartbeatComesLater(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		s := open(t, c, nil)
		defer s.Close()
		m := join(t, s, session.Role{})
		defer m.Leave()
		h := listenTo(t, c, "broker-a")
		var slow atomic.Bool
		slow.Store(true)
		onHeartbeats(c, "broker-a", func() embedded.Fault {
			if slow.Swap(false) {
				return embedded.Delay(time.Second)
			}
			return embedded.Fault{}
		})
		read(t, m, "billing", topic)
		synctest.Wait()
		require.NoError(t, m.SetConsumers([]headers.ConsumerData{consumer("billing", "refunds")}))
		require.Len(t, h.take(), 1, "the next one waits for its answer")
		require.NoError(t, m.Beat(t.Context(), []string{c.Broker(0).Addr()}))
		beats := h.take()
		require.NotEmpty(t, beats)
		for _, data := range beats {
			require.Equal(t, []string{"refunds"}, topicsIn(data, "billing"))
		}
	})
}

// A goodbye waits for a heartbeat that may still name the group, whoever has sent it.
func TestGoodbyeComesLast(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		s := open(t, c, nil)
		defer s.Close()
		leaving, other := join(t, s, session.Role{}), join(t, s, session.Role{})
		defer leaving.Leave()
		defer other.Leave()
		read(t, leaving, "billing", topic)
		read(t, other, "shipping", topic)
		synctest.Wait()
		remove := onHeartbeats(c, "broker-a", func() embedded.Fault { return embedded.Delay(time.Second) })
		go func() { _ = other.Beat(context.Background(), []string{c.Broker(0).Addr()}) }()
		synctest.Wait()
		remove()
		begin := time.Now()
		leaving.Goodbye(5 * time.Second)
		require.Equal(t, time.Second, time.Since(begin))
		require.Empty(t, membersOf(t, other, c.Broker(0), "billing"))
		time.Sleep(time.Minute)
		require.Empty(t, membersOf(t, other, c.Broker(0), "billing"))
		require.Equal(t, []string{s.ID()}, membersOf(t, other, c.Broker(0), "shipping"))
	})
}

// A broker that hangs gets heartbeats in turn, not one after the other: each costs its
// connection.
func TestHeartbeatsToBrokerThatHangs(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		s := open(t, c, func(cfg *rocketmq.Cluster) { cfg.RouteRefreshInterval = time.Hour })
		defer s.Close()
		m := join(t, s, session.Role{})
		defer m.Leave()
		h := listenTo(t, c, "broker-a")
		onHeartbeats(c, "broker-a", embedded.Ignore)
		read(t, m, "billing", topic)
		time.Sleep(5*time.Minute - 1)
		require.LessOrEqual(t, len(h.take()), 11)
	})
}

// A broker that answers a heartbeat by the end of the connection gets the next one after a
// pause.
func TestHeartbeatsThatCostTheConnection(t *testing.T) {
	for name, fault := range map[string]func() embedded.Fault{"stored": embedded.StoreThenDrop, "refused": embedded.DropConnection} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, c *embedded.Cluster) {
				s := open(t, c, func(cfg *rocketmq.Cluster) { cfg.RouteRefreshInterval = time.Hour })
				defer s.Close()
				m := join(t, s, session.Role{})
				defer m.Leave()
				h := listenTo(t, c, "broker-a")
				read(t, m, "billing", topic)
				h.take()
				onHeartbeats(c, "broker-a", fault)
				c.Broker(0).DropConnections()
				time.Sleep(5*time.Minute - 1)
				require.LessOrEqual(t, len(h.take()), 5*60+20) // once a second, and those of every 30 s
			})
		})
	}
}

// A session that is closed sends no heartbeat, and says so.
func TestBeatOfClosedSession(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		s := open(t, c, nil)
		m := join(t, s, session.Role{})
		onHeartbeats(c, "broker-a", embedded.Ignore)
		require.NoError(t, m.SetConsumers([]headers.ConsumerData{consumer("billing", topic)}))
		cut := make(chan error, 1)
		go func() { cut <- m.Beat(context.Background(), []string{c.Broker(0).Addr()}) }()
		synctest.Wait()
		begin := time.Now()
		require.NoError(t, s.Close())
		require.Error(t, <-cut)
		require.Zero(t, time.Since(begin))
		require.ErrorIs(t, m.Beat(t.Context(), []string{c.Broker(0).Addr()}), session.ErrClosed)
		require.ErrorIs(t, m.SetConsumers(nil), session.ErrClosed)
		m.Leave()
	})
}
