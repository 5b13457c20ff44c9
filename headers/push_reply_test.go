package headers_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

// goldenPushReply is the captured push of a reply, written down in our types.
func goldenPushReply() *headers.PushReply {
	return &headers.PushReply{
		ProducerGroup: "golden_reply_pg", Topic: headers.ReplyTopic("DefaultCluster"), DefaultTopic: "TBW102", DefaultTopicQueues: 4,
		BornTimestamp: 1795443181002, BornHost: "127.0.0.1:56122", StoreHost: "127.0.0.1:10911", StoreTimestamp: 1795443181009,
		Properties: []byte("PUSH_REPLY_TIME\x011795443181009\x02MSG_REGION\x01DefaultRegion\x02" + uniq + "58DDCA0015\x02" +
			"CORRELATION_ID\x01e351a92c-f31a-4054-9ffc-26cdb55169c5\x02MSG_TYPE\x01reply\x02TTL\x0115000\x02" +
			"REPLY_TO_CLIENT\x01192.0.2.2@golden_pg\x02TRACE_ON\x01true\x02"),
	}
}

func TestParsePushReplyOfBroker(t *testing.T) {
	c := mustParse(t, golden(t, "41_push_reply_326_from_broker"))
	require.EqualValues(t, headers.CodePushReplyMessage, c.Code)
	require.False(t, c.IsOneway(), "brokers want an answer")
	got, err := headers.ParsePushReply(&c)
	require.NoError(t, err)
	require.Equal(t, goldenPushReply(), &got)
	require.Equal(t, "pong", string(c.Body))
}

func TestParseReplyOfJava(t *testing.T) {
	c := mustParse(t, golden(t, "40_reply_325_req"))
	got, err := headers.ParseSendMessage(&c)
	require.NoError(t, err)
	require.Equal(t, goldenSends["40_reply_325_req"](), got)
	require.Equal(t, headers.CodeSendReplyMessageV2, got.RequestCode())

	// SEND_REPLY_MESSAGE has the long names, as SEND_MESSAGE has.
	frame, err := headers.AppendRequest(nil, headers.JSON, 1, false, command{headers.CodeSendReplyMessage, headers.FieldList{
		{Name: "producerGroup", Value: "g"}, {Name: "topic", Value: "t"}, {Name: "queueId", Value: "3"},
	}}, nil)
	require.NoError(t, err)
	c = mustParse(t, frame)
	got, err = headers.ParseSendMessage(&c)
	require.NoError(t, err)
	require.Equal(t, headers.SendMessage{ProducerGroup: "g", Topic: "t", QueueID: 3, Reply: true}, got)
}
