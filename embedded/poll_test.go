package embedded_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

func suspended(d time.Duration) func(h *headers.PullMessage) {
	return func(h *headers.PullMessage) {
		h.SysFlag |= headers.PullSuspend
		h.SuspendMillis = d.Milliseconds()
	}
}

// inBubble runs a test with a cluster in memory in a bubble of its own, which
// fails if a goroutine of the cluster outlives Close.
func inBubble(t *testing.T, test func(t *testing.T, cluster *embedded.Cluster), opts ...embedded.Option) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		cluster, err := embedded.Start(append([]embedded.Option{embedded.InMemory(), embedded.WithTopic("topic", 2)}, opts...)...)
		require.NoError(t, err)
		defer func() { require.NoError(t, cluster.Close()) }()
		test(t, cluster)
	})
}

func TestPollEndsWithItsTime(t *testing.T) {
	inBubble(t, func(t *testing.T, cluster *embedded.Cluster) {
		c := dial(t, cluster, cluster.Broker(0).Addr())
		begin := time.Now()
		answer := c.call(pull("topic", 0, suspended(15*time.Second)), nil)
		require.Equal(t, 15*time.Second, time.Since(begin))
		require.EqualValues(t, headers.PullNotFound, answer.Code)
		require.Equal(t, "0", fields(answer)["nextBeginOffset"])
	})
}

// A poll whose time is over before it is in its queue is answered as others are.
func TestPollThatIsOverAtOnce(t *testing.T) {
	inBubble(t, func(t *testing.T, cluster *embedded.Cluster) {
		c := dial(t, cluster, cluster.Broker(0).Addr())
		for range 2000 {
			answer := c.call(pull("topic", 0, suspended(0)), nil)
			require.EqualValues(t, headers.PullNotFound, answer.Code)
		}
	})
}

func TestPollScanAnswersLate(t *testing.T) {
	inBubble(t, func(t *testing.T, cluster *embedded.Cluster) {
		c := dial(t, cluster, cluster.Broker(0).Addr())
		begin := time.Now()
		c.call(pull("topic", 0, suspended(3*time.Second)), nil)
		require.Equal(t, 5*time.Second, time.Since(begin))
		c.call(pull("topic", 0, suspended(6*time.Second)), nil)
		require.Equal(t, 15*time.Second, time.Since(begin))
	}, embedded.WithPollScan(5*time.Second))
}

func TestPollEndsWithAMessage(t *testing.T) {
	inBubble(t, func(t *testing.T, cluster *embedded.Cluster) {
		consumer := dial(t, cluster, cluster.Broker(0).Addr())
		producer := dial(t, cluster, cluster.Broker(0).Addr())
		begin := time.Now()
		opaque := consumer.send(pull("topic", 0, suspended(15*time.Second)), nil)
		synctest.Wait()
		producer.succeed(message("topic", toQueue(1)), []byte("other queue"))
		time.Sleep(4 * time.Second)
		producer.succeed(message("topic"), []byte("it"))
		answer := consumer.receive()
		require.Equal(t, 4*time.Second, time.Since(begin))
		require.Equal(t, opaque, answer.Opaque)
		require.Equal(t, []string{"it"}, bodies(t, answer))
	})
}

// TestPollWaitsForItsTag: a message with another tag does not end the wait; when
// the time is up the answer leads past it.
func TestPollWaitsForItsTag(t *testing.T) {
	inBubble(t, func(t *testing.T, cluster *embedded.Cluster) {
		consumer := dial(t, cluster, cluster.Broker(0).Addr())
		producer := dial(t, cluster, cluster.Broker(0).Addr())
		begin := time.Now()
		consumer.send(pull("topic", 0, subscribe("red"), suspended(10*time.Second)), nil)
		time.Sleep(time.Second)
		producer.succeed(message("topic", tagged("blue")), []byte("blue"))
		answer := consumer.receive()
		require.Equal(t, 10*time.Second, time.Since(begin))
		require.EqualValues(t, headers.PullRetryImmediately, answer.Code)
		require.Equal(t, "1", fields(answer)["nextBeginOffset"])

		consumer.send(pull("topic", 1, subscribe("red"), suspended(10*time.Second)), nil)
		time.Sleep(time.Second)
		producer.succeed(message("topic", batched), batchBody(t, "x"))
		producer.succeed(message("topic", tagged("red")), []byte("red"))
		require.Equal(t, []string{"red"}, bodies(t, consumer.receive()))
	})
}

func TestPollOfAClosedConnection(t *testing.T) {
	inBubble(t, func(t *testing.T, cluster *embedded.Cluster) {
		consumer := dial(t, cluster, cluster.Broker(0).Addr())
		consumer.send(pull("topic", 0, suspended(time.Minute)), nil)
		synctest.Wait()
		require.NoError(t, consumer.conn.Close())
		synctest.Wait()
		producer := dial(t, cluster, cluster.Broker(0).Addr())
		producer.succeed(message("topic"), []byte("nobody waits"))
	})
}

// TestPollsDoNotHoldOthersUp: requests behind a held pull are answered at once.
func TestPollsDoNotHoldOthersUp(t *testing.T) {
	inBubble(t, func(t *testing.T, cluster *embedded.Cluster) {
		c := dial(t, cluster, cluster.Broker(0).Addr())
		begin := time.Now()
		held := c.send(pull("topic", 0, suspended(time.Minute)), nil)
		c.succeed(message("topic", toQueue(1)), []byte("body"))
		require.Zero(t, time.Since(begin))
		// The connection's own message ends its poll.
		sent := c.send(message("topic"), []byte("it"))
		got := map[int32]bool{c.receive().Opaque: true, c.receive().Opaque: true}
		require.Equal(t, map[int32]bool{held: true, sent: true}, got)
	})
}

// TestPollOfADeletedTopic: the wait goes on until its time is up.
func TestPollOfADeletedTopic(t *testing.T) {
	inBubble(t, func(t *testing.T, cluster *embedded.Cluster) {
		c := dial(t, cluster, cluster.Broker(0).Addr())
		begin := time.Now()
		c.send(pull("topic", 0, suspended(10*time.Second)), nil)
		synctest.Wait()
		cluster.DeleteTopic("topic")
		require.EqualValues(t, headers.PullNotFound, func() int32 { a := c.receive(); return a.Code }())
		require.Equal(t, 10*time.Second, time.Since(begin))
	})
}

func TestIdleConnectionIsClosed(t *testing.T) {
	inBubble(t, func(t *testing.T, cluster *embedded.Cluster) {
		for _, addr := range []string{cluster.Broker(0).Addr(), cluster.NameServers()[0]} {
			c := dial(t, cluster, addr)
			begin := time.Now()
			time.Sleep(100 * time.Second)
			c.call(plain{code: 9999}, nil)
			_, err := c.tryReceive()
			require.Error(t, err)
			require.Equal(t, 220*time.Second, time.Since(begin))
		}
	})
}

// TestAnswersKeepAConnectionOpen: traffic counts either way.
func TestAnswersKeepAConnectionOpen(t *testing.T) {
	inBubble(t, func(t *testing.T, cluster *embedded.Cluster) {
		c := dial(t, cluster, cluster.Broker(0).Addr())
		begin := time.Now()
		c.call(pull("topic", 0, suspended(100*time.Second)), nil)
		_, err := c.tryReceive()
		require.Error(t, err)
		require.Equal(t, 220*time.Second, time.Since(begin))
	})
}

func TestIdleTimeoutOption(t *testing.T) {
	inBubble(t, func(t *testing.T, cluster *embedded.Cluster) {
		c := dial(t, cluster, cluster.Broker(0).Addr())
		begin := time.Now()
		_, err := c.tryReceive()
		require.Error(t, err)
		require.Equal(t, time.Second, time.Since(begin))
	}, embedded.WithIdleTimeout(time.Second))
}

// TestCloseEndsWhatIsUnderWay: the bubble fails if anything outlives Close.
func TestCloseEndsWhatIsUnderWay(t *testing.T) {
	inBubble(t, func(t *testing.T, cluster *embedded.Cluster) {
		cluster.Intercept(func(r embedded.Request) embedded.Fault {
			if r.Code == headers.CodeMaxOffset {
				return embedded.Delay(time.Hour)
			}
			return embedded.Fault{}
		})
		c := dial(t, cluster, cluster.Broker(0).Addr())
		c.send(pull("topic", 0, suspended(time.Hour)), nil)
		c.send(&headers.QueueRequest{Code: headers.CodeMaxOffset, Topic: "topic"}, nil)
		synctest.Wait()
		require.NoError(t, cluster.Close())
		require.NoError(t, cluster.Close())
		c.closed()
		_, err := cluster.Dial(t.Context(), "tcp", cluster.Broker(0).Addr())
		require.Error(t, err)
	})
}
