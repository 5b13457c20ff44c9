package embedded_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

// beat sends the heartbeat of a consumer with one subscription and returns the
// group of the push that it brought, if any, and the answer.
func (c *client) beat(id, group, expression string, version int64) (pushed string, answer headers.Command) {
	c.t.Helper()
	c.send(plain{code: headers.CodeHeartbeat}, fmt.Appendf(nil, `{"clientID":%q,"heartbeatFingerprint":0,"withoutSub":false,"producerDataSet":[],"consumerDataSet":[`+
		`{"groupName":%q,"consumeType":"CONSUME_ACTIVELY","messageModel":"CLUSTERING","consumeFromWhere":"CONSUME_FROM_LAST_OFFSET","unitMode":false,`+
		`"subscriptionDataSet":[{"topic":"topic","subString":%q,"tagsSet":[],"codeSet":[],"subVersion":%d,"expressionType":"TAG"}]}]}`, id, group, expression, version))
	answer = c.receive()
	if !answer.IsResponse() {
		require.EqualValues(c.t, headers.CodeConsumerIDsChanged, answer.Code)
		require.True(c.t, answer.IsOneway())
		pushed = fields(answer)["consumerGroup"]
		answer = c.receive()
	}
	require.NoError(c.t, answer.Err())
	return pushed, answer
}

func consumerList(group string) headers.Request {
	return plain{headers.CodeConsumerList, headers.FieldList{{Name: "consumerGroup", Value: group}}}
}

func TestConsumerGroup(t *testing.T) {
	inBubble(t, func(t *testing.T, cluster *embedded.Cluster) {
		addr := cluster.Broker(0).Addr()
		one, two := dial(t, cluster, addr), dial(t, cluster, addr)
		require.EqualValues(t, headers.SystemError, one.call(consumerList("group"), nil).Code)

		pushed, answer := one.beat("id-1", "group", "*", 1)
		require.Equal(t, "group", pushed)
		require.Equal(t, map[string]string{"IS_SUPPORT_HEART_BEAT_V2": "true", "IS_SUB_CHANGE": "true"}, fields(answer))
		pushed, _ = one.beat("id-1", "group", "*", 1)
		require.Empty(t, pushed, "nothing has changed")

		pushed, _ = two.beat("id-0", "group", "*", 1)
		require.Equal(t, "group", pushed)
		push := one.receive()
		require.EqualValues(t, headers.CodeConsumerIDsChanged, push.Code, "the other member is told as well")
		require.Equal(t, `{"consumerIdList":["id-0","id-1"]}`, string(one.succeed(consumerList("group"), nil).Body))

		// The group's retry topic is there by now.
		route := dial(t, cluster, cluster.NameServers()[0]).route("%RETRY%group")
		require.Equal(t, 1, route.QueueDatas[0].ReadQueueNums)

		one.succeed(&headers.UnregisterClient{ClientID: "id-1", ConsumerGroup: "group"}, nil)
		require.EqualValues(t, headers.CodeConsumerIDsChanged, func() int32 { p := two.receive(); return p.Code }())
		one.beat("id-1", "group", "*", 1)
		require.EqualValues(t, headers.CodeConsumerIDsChanged, func() int32 { p := two.receive(); return p.Code }())

		require.NoError(t, one.conn.Close())
		require.EqualValues(t, headers.CodeConsumerIDsChanged, func() int32 { p := two.receive(); return p.Code }())
		require.Equal(t, `{"consumerIdList":["id-0"]}`, string(two.succeed(consumerList("group"), nil).Body))
	})
}

// A heartbeat that is worked on when its connection has ended adds nobody: no end of a
// connection would take the member out again.
func TestHeartbeatOfEndedConnection(t *testing.T) {
	inBubble(t, func(t *testing.T, cluster *embedded.Cluster) {
		addr := cluster.Broker(0).Addr()
		one, two := dial(t, cluster, addr), dial(t, cluster, addr)
		two.beat("id-2", "group", "*", 1)
		cluster.Broker(0).SetCondition(embedded.Hanging)
		one.send(plain{code: headers.CodeHeartbeat}, []byte(`{"clientID":"id-1","consumerDataSet":[{"groupName":"group","subscriptionDataSet":[]}]}`))
		synctest.Wait()
		require.NoError(t, one.conn.Close())
		synctest.Wait()
		cluster.Broker(0).SetCondition(embedded.Well)
		synctest.Wait()
		require.Equal(t, `{"consumerIdList":["id-2"]}`, string(two.succeed(consumerList("group"), nil).Body))
	})
}

func TestHeartbeat(t *testing.T) {
	inBubble(t, func(t *testing.T, cluster *embedded.Cluster) {
		c := dial(t, cluster, cluster.Broker(0).Addr())
		beat := func(body string) map[string]string {
			c.send(plain{code: headers.CodeHeartbeat}, []byte(body))
			answer := c.receive()
			for !answer.IsResponse() {
				answer = c.receive()
			}
			require.NoError(t, answer.Err())
			return fields(answer)
		}
		require.Equal(t, "true", beat(`{}`)["IS_SUB_CHANGE"])
		require.EqualValues(t, headers.SystemError, c.call(plain{code: headers.CodeHeartbeat}, []byte("{")).Code)

		full := `{"clientID":"c","heartbeatFingerprint":%d,"withoutSub":%v,"consumerDataSet":[{"groupName":"g","messageModel":"CLUSTERING","subscriptionDataSet":%s}]}`
		subs := `[{"topic":"topic","subString":"*","subVersion":1}]`
		require.Equal(t, "false", beat(fmt.Sprintf(full, 42, false, subs))["IS_SUB_CHANGE"])
		require.Equal(t, "false", beat(fmt.Sprintf(full, 42, true, "[]"))["IS_SUB_CHANGE"])
		require.Equal(t, "true", beat(fmt.Sprintf(full, 43, true, "[]"))["IS_SUB_CHANGE"])
		// Without subscriptions the heartbeat has changed none.
		c.succeed(message("topic"), []byte("body"))
		c.succeed(pull("topic", 0, func(h *headers.PullMessage) { h.ConsumerGroup, h.SysFlag = "g", 0 }), nil)
	})
}

func TestSubscriptionFromHeartbeat(t *testing.T) {
	inBubble(t, func(t *testing.T, cluster *embedded.Cluster) {
		c := dial(t, cluster, cluster.Broker(0).Addr())
		c.succeed(message("topic"), []byte("body"))
		byHeartbeat := func(version int64) *headers.PullMessage {
			return pull("topic", 0, func(h *headers.PullMessage) { h.SysFlag, h.SubVersion = 0, version })
		}
		require.EqualValues(t, headers.SubscriptionNotExist, c.call(byHeartbeat(1), nil).Code)
		c.beat("id", "group", "*", 5)
		require.EqualValues(t, headers.SubscriptionNotLatest, c.call(byHeartbeat(6), nil).Code)
		c.succeed(byHeartbeat(5), nil)
		c.beat("id", "group", "red", 4)
		c.succeed(byHeartbeat(5), nil) // an older subscription changes nothing
		c.beat("id", "group", "red", 6)
		require.EqualValues(t, headers.PullRetryImmediately, c.call(byHeartbeat(6), nil).Code)
		c.succeed(message("other"), []byte("body"))
		other := byHeartbeat(1)
		other.Topic = "other"
		require.EqualValues(t, headers.SubscriptionNotExist, c.call(other, nil).Code)
	})
}

func TestHeartbeatAnswer49HasNoFields(t *testing.T) {
	cluster := start(t, embedded.InMemory(), embedded.WithVersion(headers.Version4_9_7))
	c := dial(t, cluster, cluster.Broker(0).Addr())
	want := goldenCommand(t, "83")
	c.opaque = want.Opaque - 1
	sameAnswer(t, want, c.call(headers.Heartbeat{}, []byte("{}")))
}

func TestLocks(t *testing.T) {
	inBubble(t, func(t *testing.T, cluster *embedded.Cluster) {
		c := dial(t, cluster, cluster.Broker(0).Addr())
		request := func(client string) []byte {
			return fmt.Appendf(nil, `{"clientId":%q,"consumerGroup":"g","mqSet":[{"topic":"topic","brokerName":"broker-a","queueId":1}]}`, client)
		}
		lock := func(client string) string {
			return string(c.succeed(plain{code: headers.CodeLockQueues}, request(client)).Body)
		}
		const held, none = `{"lockOKMQSet":[{"brokerName":"broker-a","queueId":1,"topic":"topic"}]}`, `{"lockOKMQSet":[]}`
		require.Equal(t, held, lock("one"))
		require.Equal(t, none, lock("two"))
		require.Equal(t, held, lock("one"))
		c.succeed(plain{code: headers.CodeUnlockQueues}, request("two"))
		require.Equal(t, none, lock("two"), "only the holder unlocks")
		c.succeed(plain{code: headers.CodeUnlockQueues}, request("one"))
		require.Equal(t, held, lock("two"))
		time.Sleep(61 * time.Second)
		require.Equal(t, held, lock("one"), "a lock ends after 60 s")
	})
}

func TestSendToClients(t *testing.T) {
	inBubble(t, func(t *testing.T, cluster *embedded.Cluster) {
		broker := cluster.Broker(0)
		one, two := dial(t, cluster, broker.Addr()), dial(t, cluster, broker.Addr())
		require.NoError(t, dial(t, cluster, broker.Addr()).conn.Close())
		synctest.Wait()
		require.Equal(t, 2, broker.SendToClients(4711, headers.FieldList{{Name: "a", Value: "b"}}, []byte("body")))
		for _, c := range []*client{one, two} {
			push := c.receive()
			require.EqualValues(t, 4711, push.Code)
			require.True(t, push.IsOneway())
			require.Equal(t, map[string]string{"a": "b"}, fields(push))
			require.Equal(t, "body", string(push.Body))
		}
		require.Equal(t, 2, broker.SendToClients(4712, nil, nil))
		require.Empty(t, fields(one.receive()))
	})
}

// Those that answer are heard, one that goes is not waited for, and one that says nothing
// costs the time that there is.
func TestAskClients(t *testing.T) {
	inBubble(t, func(t *testing.T, cluster *embedded.Cluster) {
		broker := cluster.Broker(0)
		one, two := dial(t, cluster, broker.Addr()), dial(t, cluster, broker.Addr())
		synctest.Wait()
		type result struct {
			answers []headers.Command
			err     error
		}
		ask := func(limit time.Duration) <-chan result {
			done := make(chan result, 1)
			go func() {
				ctx, cancel := context.WithTimeout(context.Background(), limit)
				defer cancel()
				var r result
				r.answers, r.err = broker.AskClients(ctx, headers.CodeConsumerRunningInfo, headers.FieldList{{Name: "consumerGroup", Value: "g"}}, nil)
				done <- r
			}()
			return done
		}
		answer := func(c *client, body string) {
			question := c.receive()
			require.EqualValues(t, headers.CodeConsumerRunningInfo, question.Code)
			require.False(t, question.IsOneway())
			require.Equal(t, "g", fields(question)["consumerGroup"])
			frame, err := headers.AppendResponse(nil, headers.JSON, question.Opaque, headers.Success, "", nil, []byte(body))
			require.NoError(t, err)
			c.writeBytes(frame)
		}
		done := ask(time.Minute)
		answer(two, "two")
		answer(one, "one")
		got := <-done
		require.NoError(t, got.err)
		require.Len(t, got.answers, 2)
		require.ElementsMatch(t, []string{"one", "two"}, []string{string(got.answers[0].Body), string(got.answers[1].Body)})

		done = ask(time.Second)
		answer(one, "one")
		require.ErrorIs(t, (<-done).err, context.DeadlineExceeded)

		done = ask(time.Minute)
		answer(one, "again")
		require.NoError(t, two.conn.Close())
		got = <-done
		require.NoError(t, got.err)
		require.Len(t, got.answers, 1)
		require.Equal(t, "again", string(got.answers[0].Body))
	})
}

func TestProducers(t *testing.T) {
	inBubble(t, func(t *testing.T, cluster *embedded.Cluster) {
		broker := cluster.Broker(0)
		c := dial(t, cluster, broker.Addr())
		list := func() headers.Command {
			return c.call(plain{204, headers.FieldList{{Name: "producerGroup", Value: "golden_pg"}}}, nil)
		}
		answer := list()
		require.EqualValues(t, headers.SystemError, answer.Code)
		c.writeBytes(golden(t, "23"))
		c.receive()
		require.Equal(t, []string{"192.0.2.2@golden_pg"}, broker.Producers("golden_pg"))
		answer = list()
		require.NoError(t, answer.Err())
		require.Equal(t, `{"connectionSet":[{"clientAddr":"`+c.conn.LocalAddr().String()+`","clientId":"192.0.2.2@golden_pg","language":"JAVA","version":513}]}`, string(answer.Body))
		c.succeed(&headers.UnregisterClient{ClientID: "192.0.2.2@golden_pg", ProducerGroup: "golden_pg"}, nil)
		require.Empty(t, broker.Producers("golden_pg"))
		require.Equal(t, []string{"192.0.2.2@golden_pg"}, broker.Producers("CLIENT_INNER_PRODUCER"))
		require.NoError(t, c.conn.Close())
		synctest.Wait()
		require.Empty(t, broker.Producers("CLIENT_INNER_PRODUCER"))
	})
}
