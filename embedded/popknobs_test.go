package embedded_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

// onBroker runs a test on an embedded broker, whose clock is the bubble's.
func onBroker(t *testing.T, test func(w *popWorld, c *embedded.Cluster), opts ...embedded.Option) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		cluster, err := embedded.Start(append([]embedded.Option{embedded.InMemory()}, opts...)...)
		require.NoError(t, err)
		defer func() { require.NoError(t, cluster.Close()) }()
		w := &popWorld{t: t, addr: cluster.Broker(0).Addr(), broker: "broker-a", version: headers.Version5_5_0}
		w.run(brokerCase{queues: 2, run: func(w *popWorld) { test(w, cluster) }}, cluster.Dial)
	})
}

// retried is how many messages were delivered again.
func (w *popWorld) retried() int64 {
	return w.number(headers.CodeMaxOffset, headers.RetryV1.Topic(w.group, w.topic), 0)
}

func TestReviveLag(t *testing.T) {
	for _, c := range []struct {
		lag  time.Duration
		opts []embedded.Option
	}{
		{100 * time.Millisecond, nil},
		{0, []embedded.Option{embedded.WithReviveLag(0)}},
		{3 * time.Second, []embedded.Option{embedded.WithReviveLag(3 * time.Second)}},
	} {
		onBroker(t, func(w *popWorld, _ *embedded.Cluster) {
			w.send(0, "a", "b")
			list, _ := w.pop(invisible(time.Second))
			time.Sleep(time.Second + c.lag - time.Millisecond)
			require.Zero(w.t, w.retried())
			w.ack(list[0]) // late, and it counts
			time.Sleep(2 * time.Millisecond)
			require.EqualValues(w.t, 1, w.retried())
			w.ack(list[1]) // too late
			require.Equal(w.t, []string{"b"}, contents(w.await(1)))
		}, c.opts...)
	}
}

func TestPopAcknowledgementIsLost(t *testing.T) {
	onBroker(t, func(w *popWorld, c *embedded.Cluster) {
		w.send(0, "a")
		remove := c.Intercept(func(r embedded.Request) embedded.Fault {
			if r.Code == headers.CodeAckMessage {
				return embedded.Answer(headers.Success, "")
			}
			return embedded.Fault{}
		})
		w.ack(w.await(1, invisible(time.Second))...)
		remove()
		require.Len(w.t, w.await(1), 1)
	})
}

func contend(c *embedded.Cluster) (remove func()) {
	return c.Intercept(func(embedded.Request) embedded.Fault { return embedded.Contended() })
}

func TestPopContended(t *testing.T) {
	onBroker(t, func(w *popWorld, c *embedded.Cluster) {
		w.send(0, "a", "b", "c")
		remove := contend(c)
		list, result := w.pop()
		require.Empty(w.t, list)
		require.EqualValues(w.t, 3, result.RestNum)
		list, _ = w.pop(polling(time.Second))
		require.Len(w.t, list, 3, "tried again once it waits")
		remove()
	})
	onBroker(t, func(w *popWorld, c *embedded.Cluster) {
		w.send(0, "a")
		remove := contend(c)
		list, result := w.pop()
		require.Empty(w.t, list)
		require.Zero(w.t, result.RestNum)
		held := w.park(w.request(polling(10 * time.Second)))
		remove()
		require.True(w.t, w.notified(w.call(w.notice(0), nil)), "there is something")
		w.send(1, "b")
		answer := held.await()
		list, _ = w.parse(&answer)
		require.Len(w.t, list, 2)
	}, embedded.WithPopKV())
}

func TestPopKV(t *testing.T) {
	onBroker(t, func(w *popWorld, _ *embedded.Cluster) {
		w.send(0, "a", "b", "c")
		for _, want := range []struct {
			content string
			offset  int64
		}{{"a", 0}, {"b", 1}, {"c", 2}} {
			list, result := w.pop(most(1), invisible(time.Second))
			require.Equal(w.t, []string{want.content}, contents(list))
			require.Zero(w.t, result.ReviveQueueID)
			w.requireOffset(0, want.offset) // where this pop began
			w.ack(list...)
		}
		list, _ := w.pop(polling(5 * time.Second))
		require.Empty(w.t, list)
		w.send(1, "d")
		_, _ = w.pop(invisible(time.Second))
		require.Equal(w.t, []string{"d"}, contents(w.await(1)))
	}, embedded.WithPopKV())
}

func TestPopRetryTopicV2(t *testing.T) {
	onBroker(t, func(w *popWorld, c *embedded.Cluster) {
		w.send(0, "a")
		_, _ = w.pop(invisible(time.Second))
		again := w.await(1)
		require.Equal(w.t, headers.RetryV2, again[0].handle.Retry)
		w.ack(again...)
		require.Equal(w.t, 1, storedIn(c, headers.RetryV2.Topic(w.group, w.topic)))
		list, _ := w.pop(polling(5 * time.Second))
		require.Empty(w.t, list)
	}, embedded.WithRetryTopicV2())
}

// A message that is suspended does not count as delivered.
func TestPopSuspend(t *testing.T) {
	for version, want := range map[headers.Version]int32{headers.Version5_5_0: 0, headers.Version5_1_4: 1} {
		onBroker(t, func(w *popWorld, _ *embedded.Cluster) {
			w.send(0, "a")
			list, _ := w.pop()
			w.succeed(&headers.ChangeInvisibleTime{
				ConsumerGroup: w.group, Topic: w.topic, Handle: list[0].handle.String(), InvisibleMillis: 1000, Suspend: true,
			}, nil)
			require.Equal(w.t, want, w.await(1)[0].ReconsumeTimes)
		}, embedded.WithVersion(version))
	}
}

// More than three days are too long for a check point.
func TestPopInvisibleForTooLong(t *testing.T) {
	onBroker(t, func(w *popWorld, _ *embedded.Cluster) {
		w.send(0, "a")
		list, _ := w.pop(invisible(96 * time.Hour))
		require.Len(w.t, list, 1)
		time.Sleep(200 * time.Hour)
		require.Zero(w.t, w.retried(), "it never comes back")
	})
	onBroker(t, func(w *popWorld, _ *embedded.Cluster) {
		for _, d := range []time.Duration{0, -time.Hour} {
			w.sendTagged(0, "", "a")
			list, _ := w.pop(invisible(d))
			require.Len(w.t, list, 1)
			require.Len(w.t, w.await(1), 1)
		}
	})
}

// restart brings the broker back and waits until the client is at it again.
func (w *popWorld) restart(b *embedded.Broker) {
	w.t.Helper()
	require.NoError(w.t, b.Start())
	w.eventually(func() bool {
		_, err := w.client.Invoke(w.t.Context(), w.addr, headers.RuntimeInfo{}, nil)
		return err == nil
	})
}

// A broker that is killed has the offsets of its last save: what was popped since is
// popped again, beside its check points.
func TestPopKilledBroker(t *testing.T) {
	onBroker(t, func(w *popWorld, c *embedded.Cluster) {
		w.send(0, "a", "b")
		first, _ := w.pop(most(1), invisible(time.Minute))
		time.Sleep(5 * time.Second)
		second, _ := w.pop(invisible(time.Minute))
		require.Equal(w.t, []string{"b"}, contents(second))
		c.Broker(0).Kill()
		time.Sleep(time.Millisecond) // check points of one queue are told apart by their time
		w.restart(c.Broker(0))
		again, _ := w.pop(invisible(time.Hour))
		require.Equal(w.t, []string{"b"}, contents(again))
		w.ack(first...) // handles are good over a restart
		w.ack(again...)
		time.Sleep(90 * time.Second)
		require.EqualValues(w.t, 1, w.retried(), "the second check point is there as well")
	})
}

func TestPopStoppedBroker(t *testing.T) {
	onBroker(t, func(w *popWorld, c *embedded.Cluster) {
		w.send(0, "a", "b")
		_, _ = w.pop(most(1), invisible(time.Second))
		c.Broker(0).Stop()
		time.Sleep(time.Minute)
		w.restart(c.Broker(0))
		require.ElementsMatch(w.t, []string{"b", "a"}, contents(w.await(2, invisible(time.Minute))))
		require.EqualValues(w.t, 1, w.retried(), "what was due meanwhile is delivered at the start")
	})
}

// Batches in order are on disk with the offsets.
func TestPopInOrderKilledBroker(t *testing.T) {
	for wait, want := range map[time.Duration]int{0: 2, 6 * time.Second: 0} {
		onBroker(t, func(w *popWorld, c *embedded.Cluster) {
			w.send(0, "a", "b")
			list, _ := w.pop(inOrder("1"))
			require.Len(w.t, list, 2)
			time.Sleep(wait)
			c.Broker(0).Kill()
			w.restart(c.Broker(0))
			list, _ = w.pop(inOrder("2"))
			require.Len(w.t, list, want)
		})
	}
}

// A pop whose connection has ended takes nothing.
func TestPopOfClosedConnection(t *testing.T) {
	onBroker(t, func(w *popWorld, c *embedded.Cluster) {
		other := dial(w.t, c, w.addr)
		other.send(w.request(polling(time.Minute)), nil)
		synctest.Wait()
		require.NoError(w.t, other.conn.Close())
		synctest.Wait()
		w.send(0, "a")
		list, _ := w.pop()
		require.Len(w.t, list, 1)
	})
}

// Messages come back, and pops end, when the clock of the cluster is moved on. How late a
// pop is, is judged by the client's clock.
func TestPopAdvance(t *testing.T) {
	onBroker(t, func(w *popWorld, c *embedded.Cluster) {
		w.send(0, "a")
		_, _ = w.pop(invisible(time.Hour))
		c.Advance(time.Hour + time.Second)
		require.Equal(w.t, []string{"a"}, contents(w.await(1)))
		held := w.park(w.request(polling(20 * time.Second)))
		c.Advance(time.Hour)
		answer := held.await()
		require.Equal(w.t, headers.PollingTimeout, headers.ResponseCode(answer.Code))
	})
}

// A group that is not known is refused, and a topic that is deleted ends what waits for
// its messages.
func TestPopWithoutGroupOrTopic(t *testing.T) {
	onBroker(t, func(w *popWorld, c *embedded.Cluster) {
		w.refused(headers.SubscriptionGroupNotExist, w.request(), nil)
		w.refused(headers.SubscriptionGroupNotExist, w.notice(0), nil)
		c.CreateConsumerGroup(headers.NewSubscriptionGroupConfig(w.group))
		held := w.park(w.request(polling(10 * time.Second)))
		_, _ = w.pop()
		c.DeleteTopic(w.topic)
		answer := held.await()
		require.Equal(w.t, headers.TopicNotExist, headers.ResponseCode(answer.Code))
	}, embedded.WithoutAutoCreateGroup())
}

// 4.9 has no POP, and 5.1.2 no batches of acknowledgements.
func TestPopOfOldVersions(t *testing.T) {
	onBroker(t, func(w *popWorld, _ *embedded.Cluster) {
		w.refused(headers.RequestNotSupported, w.request(), nil)
		w.refused(headers.RequestNotSupported, w.notice(0), nil)
		w.refused(headers.RequestNotSupported, headers.BatchAck{}, nil)
		w.refused(headers.RequestNotSupported, headers.QueryAssignment{}, nil)
	}, embedded.WithVersion(headers.Version4_9_7))
	onBroker(t, func(w *popWorld, _ *embedded.Cluster) {
		w.send(0, "a")
		w.refused(headers.RequestNotSupported, headers.BatchAck{}, []byte(`{}`))
		list, _ := w.pop(inOrder("1"))
		again, _ := w.pop(inOrder("1"))
		require.Empty(w.t, again, "it knows no attempts")
		w.change(&list[0], time.Second) // answered, and without effect
		again, _ = w.pop(inOrder("2"), polling(10*time.Second))
		require.Empty(w.t, again)
	}, embedded.WithVersion(headers.Version5_0_0))
}

// Retention drops messages that are in a check point: nothing is left to deliver again.
func TestPopWithRetention(t *testing.T) {
	onBroker(t, func(w *popWorld, _ *embedded.Cluster) {
		w.send(0, "a")
		_, _ = w.pop(invisible(time.Second))
		w.send(0, "b")
		time.Sleep(time.Minute)
		require.Zero(w.t, w.retried())
		require.Equal(w.t, []string{"b"}, contents(w.await(1)))
	}, embedded.WithRetention(1))
}

// More than 1,025 requests do not wait for the same.
func TestPopPollingFull(t *testing.T) {
	onBroker(t, func(w *popWorld, _ *embedded.Cluster) {
		ctx, cancel := context.WithCancel(w.t.Context())
		done := make(chan struct{})
		for range 1025 {
			go func() {
				_, _ = w.client.Invoke(ctx, w.addr, headers.InJSON(w.request(polling(time.Hour))), nil)
				done <- struct{}{}
			}()
		}
		synctest.Wait()
		w.refused(headers.PollingFull, w.request(polling(time.Minute)), nil)
		answer := w.succeed(w.notice(time.Second), nil)
		require.False(w.t, answer.Fields.Bool("pollingFull"), "notifications are apart from pops")
		cancel()
		for range 1025 {
			<-done
		}
	})
}

// A filter that holds back more than is looked at in one go does not hide what is behind.
func TestPopFiltersMuch(t *testing.T) {
	onBroker(t, func(w *popWorld, _ *embedded.Cluster) {
		for range 2000 {
			w.sendTagged(0, "red", "a")
		}
		w.sendTagged(0, "blue", "b")
		blue := func(h *headers.PopMessage) { h.Expression = "blue" }
		list, result := w.pop(blue)
		require.Empty(w.t, list)
		require.EqualValues(w.t, 2001-800, result.RestNum)
		list, _ = w.pop(blue, polling(time.Second))
		require.Equal(w.t, []string{"b"}, contents(list))
	})
}
