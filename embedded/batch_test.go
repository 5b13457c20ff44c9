package embedded_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/body"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/realbroker"
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
			require.Equal(t, version == headers.Version4_9_7, m.Properties["CLUSTER"] != "", "the batch's own properties go to every message before 5.4.0")
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

// The messages of a batch are stored with the same properties by real brokers and by ours:
// before 5.4.0 with those of the batch behind their own.
func TestBatchProperties(t *testing.T) {
	for _, v := range []caseVersion{
		{"4.9.7", headers.Version4_9_7}, {"5.1.4", headers.Version5_1_4}, {"5.3.3", headers.Version5_3_3}, {"5.4.0", headers.Version5_4_0}, {"5.5.0", headers.Version5_5_0},
	} {
		t.Run(v.name, func(t *testing.T) {
			realbroker.Require(t)
			if v.version != headers.Version4_9_7 && v.version != headers.Version5_5_0 {
				realbroker.RequireFull(t)
			}
			cluster := start(t, embedded.WithVersion(v.version))
			var ours, theirs []map[string]string
			w := &popWorld{t: t, addr: cluster.Broker(0).Addr(), version: v.version}
			w.run(brokerCase{run: func(w *popWorld) { ours = batchProperties(w) }}, cluster.Dial)
			real := sharedBroker(t, v.name)
			w = &popWorld{t: t, addr: real.Addr, version: v.version}
			w.run(brokerCase{run: func(w *popWorld) { theirs = batchProperties(w) }}, nil)
			require.Len(t, theirs, 4)
			require.Equal(t, theirs, ours)
		})
	}
}

// batchProperties sends a batch with properties of its own, and returns what is stored with
// each message, in Java's view.
func batchProperties(w *popWorld) []map[string]string {
	var batch []byte
	for _, pairs := range [][]string{{"UNIQ_KEY", "INNER", "TAGS", "blue"}, {"WAIT", "own", "CLUSTER", "own"}, {}} {
		var err error
		batch, err = body.AppendBatchMessage(batch, 0, []byte("inner"), message("", with(pairs...)).Properties)
		require.NoError(w.t, err)
	}
	open, err := body.AppendBatchMessage(nil, 0, []byte("inner"), []byte("k\x01without an end"))
	require.NoError(w.t, err)
	h := message(w.topic, batched, with("UNIQ_KEY", "BATCH", "WAIT", "true", "k", "of the batch", "TAGS", "red"))
	w.succeed(h, append(batch, open...))
	w.eventually(func() bool { return w.number(headers.CodeMaxOffset, w.topic, 0) == 4 })
	var all []map[string]string
	for offset := range int64(4) {
		_, list := w.pull(w.topic, 0, offset)
		stored := map[string]string{"tag": fmt.Sprint(headers.HashCode(list[0].property("TAGS")))}
		for name, value := range headers.Properties(list[0].Properties) {
			stored[string(name)] = string(value)
		}
		all = append(all, stored)
	}
	return all
}
