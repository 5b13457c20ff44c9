package embedded_test

import (
	"iter"
	"maps"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

// replyTo is a reply to a client's request.
func replyTo(client string) *headers.SendMessage {
	h := &headers.SendMessage{
		Reply: true, ProducerGroup: "repliers", Topic: replyTopic, DefaultTopic: headers.DefaultTopic, DefaultTopicQueues: 4,
		BornTimestamp: 1795443181002, Flag: 7,
	}
	for _, p := range []headers.Property{{Name: "MSG_TYPE", Value: "reply"}, {Name: "CORRELATION_ID", Value: "id"}, {Name: "REPLY_TO_CLIENT", Value: client}} {
		if p.Value != "" {
			h.Properties = headers.AppendProperty(h.Properties, p.Name, p.Value)
		}
	}
	return h
}

const replyTopic = "DefaultCluster_REPLY_TOPIC"

// stringPairs are the properties in a string.
func stringPairs(raw []byte) iter.Seq2[string, string] { return headers.StringProperties(string(raw)) }

// answerPush answers a push of the broker.
func answerPush(c *client, push headers.Command, code headers.ResponseCode) {
	c.t.Helper()
	frame, err := headers.AppendResponse(nil, headers.JSON, push.Opaque, code, "", nil, nil)
	require.NoError(c.t, err)
	c.writeBytes(frame)
}

// A reply gets to the client that is known by the id, and the answer to it waits for the
// client's. It is stored in any case.
func TestReplyIsPushed(t *testing.T) {
	for name, version := range map[string]headers.Version{"5.5.0": headers.Version5_5_0, "4.9.7": headers.Version4_9_7} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, cluster *embedded.Cluster) {
				requester, replier := dial(t, cluster, cluster.Broker(0).Addr()), dial(t, cluster, cluster.Broker(0).Addr())
				becomeProducer(requester, "me")
				opaque := replier.send(replyTo("me"), []byte("pong"))
				push := requester.receive()
				require.EqualValues(t, headers.CodePushReplyMessage, push.Code)
				require.False(t, push.IsOneway())
				require.Equal(t, "pong", string(push.Body))
				got, err := headers.ParsePushReply(&push)
				require.NoError(t, err)
				now := time.Now().UnixMilli()
				properties := map[string]string{"MSG_TYPE": "reply", "CORRELATION_ID": "id", "REPLY_TO_CLIENT": "me", "PUSH_REPLY_TIME": strconv.FormatInt(now, 10)}
				if version == headers.Version5_5_0 {
					properties["MSG_REGION"], properties["TRACE_ON"] = "DefaultRegion", "true"
				}
				require.Equal(t, properties, maps.Collect(stringPairs(got.Properties)))
				got.Properties = nil
				require.Equal(t, headers.PushReply{
					ProducerGroup: "repliers", Topic: replyTopic, DefaultTopic: "TBW102", DefaultTopicQueues: 4, BornTimestamp: 1795443181002,
					Flag: 7, BornHost: replier.conn.LocalAddr().String(), StoreHost: cluster.Broker(0).Addr(), StoreTimestamp: now,
				}, got)

				time.Sleep(3 * time.Second)
				answerPush(requester, push, headers.Success)
				answer := replier.receive()
				require.NoError(t, answer.Err())
				require.Equal(t, opaque, answer.Opaque)
				require.Equal(t, 3*time.Second, time.Since(time.UnixMilli(now)))
				result, err := headers.ParseSendResult(&answer)
				require.NoError(t, err)
				require.Len(t, result.OffsetMessageID, 32)
				stored, err := cluster.Messages(replyTopic)
				require.NoError(t, err)
				require.Len(t, stored, 1)
				require.Equal(t, "pong", string(stored[0].Body))
			}, embedded.WithVersion(version))
		})
	}
}

// What the answer says of a reply that gets to nobody.
func TestReplyIsNotPushed(t *testing.T) {
	inBubble(t, func(t *testing.T, cluster *embedded.Cluster) {
		broker := cluster.Broker(0)
		requester, replier := dial(t, cluster, broker.Addr()), dial(t, cluster, broker.Addr())
		failed := func(remark string, h *headers.SendMessage) {
			t.Helper()
			answer := replier.call(h, []byte("pong"))
			require.EqualValues(t, headers.SystemError, answer.Code)
			require.Equal(t, remark, string(answer.Remark))
		}
		failed("push reply message fail, channel of <me> not found.", replyTo("me"))
		failed("reply message properties[REPLY_TO_CLIENT] is null", replyTo(""))
		becomeProducer(requester, "me")

		opaque := replier.send(replyTo("me"), []byte("pong"))
		answerPush(requester, requester.receive(), headers.SystemError)
		answer := replier.receive()
		require.Equal(t, opaque, answer.Opaque)
		require.Equal(t, "push reply message to mefail.", string(answer.Remark))

		begin := time.Now()
		replier.send(replyTo("me"), []byte("pong"))
		answer = replier.receive()
		require.Equal(t, "push reply message to mefail.", string(answer.Remark))
		require.Equal(t, 10*time.Second, time.Since(begin), "the client does not answer")
		requester.receive()

		replier.send(replyTo("me"), []byte("pong"))
		requester.receive()
		require.NoError(t, requester.conn.Close())
		answer = replier.receive()
		require.Equal(t, "push reply message to mefail.", string(answer.Remark))
		synctest.Wait()
		failed("push reply message fail, channel of <me> not found.", replyTo("me"))

		stored, err := cluster.Stored(replyTopic)
		require.NoError(t, err)
		require.Equal(t, 6, stored, "all are stored")
	})
}

// A client that has said goodbye for any of its groups is lost to replies, until it comes
// by another connection (ProducerManager.unregisterProducer).
func TestGoodbyeEndsReplies(t *testing.T) {
	inBubble(t, func(t *testing.T, cluster *embedded.Cluster) {
		c := dial(t, cluster, cluster.Broker(0).Addr())
		beat := []byte(`{"clientID":"me","producerDataSet":[{"groupName":"a"},{"groupName":"b"}],"consumerDataSet":[]}`)
		c.succeed(headers.Heartbeat{}, beat)
		c.succeed(&headers.UnregisterClient{ClientID: "me", ProducerGroup: "b"}, nil)
		c.succeed(headers.Heartbeat{}, []byte(`{"clientID":"me","producerDataSet":[{"groupName":"a"}],"consumerDataSet":[]}`))
		replier := dial(t, cluster, cluster.Broker(0).Addr())
		require.EqualValues(t, headers.SystemError, replier.call(replyTo("me"), []byte("pong")).Code)
		again := dial(t, cluster, cluster.Broker(0).Addr())
		again.succeed(headers.Heartbeat{}, beat)
		replier.send(replyTo("me"), []byte("pong"))
		answerPush(again, again.receive(), headers.Success)
		answer := replier.receive()
		require.NoError(t, answer.Err())
	})
}

// Requester and replier may be one client, with one connection. Brokers need not store.
func TestReplyToOneself(t *testing.T) {
	inBubble(t, func(t *testing.T, cluster *embedded.Cluster) {
		c := dial(t, cluster, cluster.Broker(0).Addr())
		becomeProducer(c, "me")
		opaque := c.send(replyTo("me"), []byte("pong"))
		answerPush(c, c.receive(), headers.Success)
		answer := c.receive()
		require.Equal(t, opaque, answer.Opaque)
		require.NoError(t, answer.Err())
		require.Equal(t, "0", answer.Fields.String("msgId"))
		stored, err := cluster.Stored(replyTopic)
		require.NoError(t, err)
		require.Zero(t, stored)
	}, embedded.WithoutStoredReplies())
}

// The first version of the request has the long names of fields. What is wrong with a send
// is wrong with a reply.
func TestReplyOfFirstVersion(t *testing.T) {
	inBubble(t, func(t *testing.T, cluster *embedded.Cluster) {
		c := dial(t, cluster, cluster.Broker(0).Addr())
		becomeProducer(c, "me")
		list := headers.FieldList{
			{Name: "producerGroup", Value: "repliers"},
			{Name: "topic", Value: replyTopic},
			{Name: "defaultTopic", Value: "TBW102"},
			{Name: "defaultTopicQueueNums", Value: "4"},
			{Name: "queueId", Value: "-1"},
			{Name: "sysFlag", Value: "0"},
			{Name: "bornTimestamp", Value: "5"},
			{Name: "flag", Value: "0"},
			{Name: "properties", Value: string(replyTo("me").Properties)},
		}
		c.send(plain{headers.CodeSendReplyMessage, list}, []byte("pong"))
		push := c.receive()
		answerPush(c, push, headers.Success)
		answer := c.receive()
		require.NoError(t, answer.Err())

		answer = c.call(plain{headers.CodeSendReplyMessage, list[:3]}, []byte("pong"))
		require.EqualValues(t, headers.SystemError, answer.Code)
		answer = c.call(replyTo("me"), nil)
		require.EqualValues(t, headers.SystemError, answer.Code, "5.x reads the body's length")
		unknown := replyTo("me")
		unknown.Topic, unknown.DefaultTopic = "unknown", ""
		answer = c.call(unknown, []byte("pong"))
		require.EqualValues(t, headers.TopicNotExist, answer.Code)
	})
}
