package embedded_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/body"
)

// batchBody makes a batch of messages whose unique id is their own body.
func batchBody(t testing.TB, bodies ...string) []byte {
	t.Helper()
	var batch []byte
	for i, b := range bodies {
		properties := headers.AppendProperty(nil, headers.PropertyUniqueKey, b)
		properties = headers.AppendProperty(properties, headers.PropertyTags, "T"+b)
		var err error
		batch, err = body.AppendBatchMessage(batch, int32(i), []byte(b), properties)
		require.NoError(t, err)
	}
	return batch
}

func batched(h *headers.SendMessage) { h.Batch = true }

func TestBatch(t *testing.T) {
	for _, version := range []headers.Version{headers.Version5_5_0, headers.Version4_9_7} {
		cluster := start(t, embedded.InMemory(), embedded.WithVersion(version), embedded.WithTopic("topic", 4))
		c := dial(t, cluster, cluster.Broker(0).Addr())
		c.succeed(message("topic", toQueue(1)), []byte("before"))
		answer := c.succeed(message("topic", batched, toQueue(1), func(h *headers.SendMessage) { h.SysFlag = headers.SysFlagCompressed }), batchBody(t, "a", "b", ""))
		result, err := headers.ParseSendResult(&answer)
		require.NoError(t, err)
		require.EqualValues(t, 1, result.QueueID)
		require.EqualValues(t, 1, result.QueueOffset)
		if version == headers.Version5_5_0 {
			require.Equal(t, "ID1", result.TransactionID)
		} else {
			require.Empty(t, result.TransactionID)
		}
		ids := strings.Split(result.OffsetMessageID, ",")
		messages := messagesIn(cluster, "topic")
		require.Len(t, messages, 4)
		require.Len(t, ids, 3)
		for i, m := range messages[1:] {
			require.Equal(t, ids[i], m.OffsetMessageID)
			require.EqualValues(t, 1+i, m.QueueOffset)
			require.EqualValues(t, i, m.Flag)
			require.EqualValues(t, headers.SysFlagCompressed, m.SysFlag, "the flag goes to every message")
			require.NotContains(t, m.RawProperties, "CLUSTER")
			require.Equal(t, "T"+string(m.Body), m.Tags)
		}
	}
}

// TestBatchIsDecidedByTheField: 310 with the batch field is a batch, 320 without
// it is one message.
func TestBatchIsDecidedByTheField(t *testing.T) {
	cluster := start(t, embedded.InMemory(), embedded.WithTopic("topic", 1))
	c := dial(t, cluster, cluster.Broker(0).Addr())
	h := message("topic", batched)
	c.succeed(recoded{h, headers.CodeSendMessageV2}, batchBody(t, "a", "b"))
	require.Len(t, messagesIn(cluster, "topic"), 2)
	c.succeed(recoded{message("topic"), headers.CodeSendBatchMessage}, batchBody(t, "a", "b"))
	messages := messagesIn(cluster, "topic")
	require.Len(t, messages, 3)
	require.Equal(t, batchBody(t, "a", "b"), messages[2].Body)
}

// recoded is a request under another code.
type recoded struct {
	headers.Request
	code headers.RequestCode
}

func (r recoded) RequestCode() headers.RequestCode { return r.code }

func TestBatchWithoutUniqueKey(t *testing.T) {
	cluster := start(t, embedded.InMemory())
	c := dial(t, cluster, cluster.Broker(0).Addr())
	answer := c.succeed(message("topic", batched, with()), batchBody(t, "a"))
	require.NotContains(t, fields(answer), "transactionId")
}
