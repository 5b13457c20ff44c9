package embedded_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

func TestSendStoresTheMessage(t *testing.T) {
	onBothNetworks(t, func(t *testing.T, network embedded.Option) {
		cluster := start(t, network, embedded.WithTopic("topic", 4))
		broker := cluster.Broker(0)
		c := dial(t, cluster, broker.Addr())
		before := time.Now().Truncate(time.Millisecond)
		answer := c.succeed(message("topic", toQueue(2), func(h *headers.SendMessage) {
			h.Flag, h.SysFlag, h.ReconsumeTimes = 7, headers.SysFlagCompressed|headers.SysFlagZlib, 3
		}, with("UNIQ_KEY", "ID7", "KEYS", "k1 k2", "TAGS", "blue", "own", "é")), []byte("hello"))
		result, err := headers.ParseSendResult(&answer)
		require.NoError(t, err)
		require.EqualValues(t, 2, result.QueueID)
		require.Zero(t, result.QueueOffset)
		require.Equal(t, "ID7", result.TransactionID)

		messages := messagesIn(cluster, "topic")
		require.Len(t, messages, 1)
		m := messages[0]
		require.Equal(t, result.OffsetMessageID, m.OffsetMessageID)
		require.Equal(t, c.conn.LocalAddr().String(), m.BornHost)
		require.Equal(t, broker.Addr(), m.StoreHost)
		require.False(t, m.StoreTimestamp.Before(before))
		require.Equal(t, embedded.Message{
			Topic: "topic", BrokerName: "broker-a", QueueID: 2, Body: []byte("hello"),
			Properties: map[string]string{
				"UNIQ_KEY": "ID7", "KEYS": "k1 k2", "TAGS": "blue", "own": "é",
				"MSG_REGION": "DefaultRegion", "TRACE_ON": "true", "CLUSTER": "DefaultCluster",
			},
			RawProperties: "UNIQ_KEY\x01ID7\x02KEYS\x01k1 k2\x02TAGS\x01blue\x02own\x01é\x02MSG_REGION\x01DefaultRegion\x02TRACE_ON\x01true\x02CLUSTER\x01DefaultCluster\x02",
			Flag:          7, SysFlag: 0x301, ReconsumeTimes: 3,
			BornTimestamp: time.UnixMilli(1_700_000_000_000), StoreTimestamp: m.StoreTimestamp,
			BornHost: m.BornHost, StoreHost: m.StoreHost, OffsetMessageID: m.OffsetMessageID,
			UniqueKey: "ID7", Keys: "k1 k2", Tags: "blue",
		}, m)
	})
}

func TestSendLongHeader(t *testing.T) {
	cluster := start(t, embedded.InMemory())
	c := dial(t, cluster, cluster.Broker(0).Addr())
	c.succeed(plain{headers.CodeSendMessage, headers.FieldList{
		{Name: "producerGroup", Value: "g"},
		{Name: "topic", Value: "topic"},
		{Name: "defaultTopic", Value: "TBW102"},
		{Name: "defaultTopicQueueNums", Value: "2"},
		{Name: "queueId", Value: "1"},
		{Name: "sysFlag", Value: "0"},
		{Name: "bornTimestamp", Value: "5"},
		{Name: "flag", Value: "0"},
		{Name: "properties", Value: "a\x01b\x02"},
	}}, []byte("hello"))
	m := messagesIn(cluster, "topic")
	require.Len(t, m, 1)
	require.EqualValues(t, 1, m[0].QueueID)
	require.Equal(t, "b", m[0].Properties["a"])
}

// TestProperties looks at what brokers make of a properties string.
func TestProperties(t *testing.T) {
	const own = "CLUSTER\x01DefaultCluster"
	const five = "MSG_REGION\x01DefaultRegion\x02TRACE_ON\x01true\x02" + own + "\x02"
	for _, test := range []struct{ name, sent, five, four string }{
		{"none but the key", "UNIQ_KEY\x011\x02", "UNIQ_KEY\x011\x02" + five, "UNIQ_KEY\x011\x02" + own},
		{"last separator missing", "UNIQ_KEY\x011", "UNIQ_KEY\x011\x02" + five, "UNIQ_KEY\x011\x02" + own},
		{"twice", "UNIQ_KEY\x011\x02a\x011\x02a\x012\x02", "UNIQ_KEY\x011\x02a\x012\x02" + five, "UNIQ_KEY\x011\x02a\x012\x02" + own},
		{"empty value", "UNIQ_KEY\x011\x02a\x01\x02", "UNIQ_KEY\x011\x02" + five, "UNIQ_KEY\x011\x02" + own},
		{"separator in the value", "UNIQ_KEY\x011\x02a\x01b\x01c\x02", "UNIQ_KEY\x011\x02a\x01b\x01c\x02" + five, "UNIQ_KEY\x011\x02a\x01b\x01c\x02" + own},
		{"of the broker", "CLUSTER\x01x\x02TRACE_ON\x01x\x02UNIQ_KEY\x011\x02POP_CK\x01x\x02", "UNIQ_KEY\x011\x02" + five, "TRACE_ON\x01x\x02UNIQ_KEY\x011\x02" + own},
		{"wait", "WAIT\x01true\x02UNIQ_KEY\x011\x02", "WAIT\x01true\x02UNIQ_KEY\x011\x02" + five, "UNIQ_KEY\x011\x02" + own},
	} {
		t.Run(test.name, func(t *testing.T) {
			for version, want := range map[headers.Version]string{headers.Version5_5_0: test.five, headers.Version4_9_7: test.four} {
				cluster := start(t, embedded.InMemory(), embedded.WithVersion(version))
				c := dial(t, cluster, cluster.Broker(0).Addr())
				c.succeed(message("topic", func(h *headers.SendMessage) { h.Properties = []byte(test.sent) }), []byte("body"))
				require.Equal(t, want, messagesIn(cluster, "topic")[0].RawProperties)
			}
		})
	}
}

// TestPropertiesLimit: real brokers of 5.5.0 take 32705 bytes with a key of its
// own, those of 4.9.7 32745.
func TestPropertiesLimit(t *testing.T) {
	for version, limit := range map[headers.Version]int{headers.Version5_5_0: 32705, headers.Version4_9_7: 32745} {
		cluster := start(t, embedded.InMemory(), embedded.WithVersion(version))
		c := dial(t, cluster, cluster.Broker(0).Addr())
		sized := func(n int) *headers.SendMessage {
			fixed := len("UNIQ_KEY\x01k\x02a\x01\x02")
			return message("topic", with("UNIQ_KEY", "k", "a", strings.Repeat("x", n-fixed)))
		}
		c.succeed(sized(limit), []byte("body"))
		answer := c.call(sized(limit+1), []byte("body"))
		require.EqualValues(t, headers.MessageIllegal, answer.Code)
	}
}

func TestManyProperties(t *testing.T) {
	cluster := start(t, embedded.InMemory())
	c := dial(t, cluster, cluster.Broker(0).Addr())
	pairs := []string{"UNIQ_KEY", "k", "CLUSTER", "x"}
	for i := range 100 {
		pairs = append(pairs, "p"+strings.Repeat("x", i%50), strings.Repeat("v", i+1))
	}
	c.succeed(message("topic", with(pairs...)), []byte("body"))
	m := messagesIn(cluster, "topic")[0]
	require.Len(t, m.Properties, 4+50)
	require.Equal(t, strings.Repeat("v", 51), m.Properties["p"])
	require.Equal(t, "DefaultCluster", m.Properties["CLUSTER"])
	require.Equal(t, 1, strings.Count(m.RawProperties, "CLUSTER"))
}

// TestRefusals holds the codes of probed brokers.
func TestRefusals(t *testing.T) {
	batch := func(h *headers.SendMessage) { h.Batch = true }
	for _, test := range []struct {
		name       string
		request    headers.Request
		body       []byte
		five, four headers.ResponseCode
	}{
		{"queue id", message("topic", toQueue(4)), []byte("b"), 29, 1},
		{"any queue", message("topic", toQueue(-1)), []byte("b"), 0, 0},
		{"no topic", message("none", func(h *headers.SendMessage) { h.DefaultTopic = "" }), []byte("b"), 17, 17},
		{"no queues asked for", message("none", func(h *headers.SendMessage) { h.DefaultTopicQueues = 0 }), []byte("b"), 29, 1},
		{"model without inheritance", message("none", func(h *headers.SendMessage) { h.DefaultTopic = "topic" }), []byte("b"), 17, 17},
		{"characters", message("to.pic"), []byte("b"), 29, 1},
		{"127 characters", message(strings.Repeat("t", 127)), []byte("b"), 0, 0},
		{"128 characters", message(strings.Repeat("t", 128)), []byte("b"), 29, 1},
		{"retry topic", message("%RETRY%" + strings.Repeat("t", 200)), []byte("b"), 0, 0},
		{"half topic", message("RMQ_SYS_TRANS_HALF_TOPIC"), []byte("b"), 16, 16},
		{"empty body", message("topic"), nil, 1, 0},
		{"largest body", message("topic"), make([]byte, 1000), 0, 0},
		{"body over limit", message("topic"), make([]byte, 1001), 13, 13},
		{"delay", message("topic", with("DELAY", "1")), []byte("b"), 0, 0},
		{"no delay", message("topic", with("DELAY", "0")), []byte("b"), 0, 0},
		{"delay that is no number", message("topic", with("DELAY", "x")), []byte("b"), 1, 1},
		{"timer", message("topic", with("TIMER_DELAY_MS", "1000")), []byte("b"), 0, 0},
		{"inner number", message("topic", with("INNER_NUM", "1")), []byte("b"), 13, 0},
		{"batch with delay", message("topic", batch, with("DELAY", "1")), batchBody(t, "a"), 13, 13},
		{"batch over limit", message("topic", batch), batchBody(t, strings.Repeat("a", 1000)), 1, 13},
		{"batch to retry", message("%RETRY%g", batch), batchBody(t, "a"), 13, 13},
		{"batch cut", message("topic", batch), batchBody(t, "a", "b")[:40], 1, 1},
		{"batch without body", message("topic", batch), nil, 1, 1},
		{"field missing", plain{headers.CodeSendMessageV2, headers.FieldList{{Name: "b", Value: "topic"}}}, []byte("b"), 1, 1},
		{"field no number", plain{headers.CodeSendMessageV2, headers.FieldList{{Name: "e", Value: "one"}}}, []byte("b"), 1, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			for version, code := range map[headers.Version]headers.ResponseCode{headers.Version5_5_0: test.five, headers.Version4_9_7: test.four} {
				cluster := start(t, embedded.InMemory(), embedded.WithVersion(version), embedded.WithTopic("topic", 4), embedded.WithMaxMessageSize(1000))
				c := dial(t, cluster, cluster.Broker(0).Addr())
				answer := c.call(test.request, test.body)
				require.Equal(t, code, headers.ResponseCode(answer.Code), "%d: %s", version, answer.Remark)
				if code != 0 {
					require.NotEmpty(t, answer.Remark)
					require.Empty(t, messagesIn(cluster, "topic"))
				}
			}
		})
	}
}

func TestUniqueKeyIsMade(t *testing.T) {
	cluster := start(t, embedded.InMemory())
	c := dial(t, cluster, cluster.Broker(0).Addr())
	seen := make(map[string]bool)
	for range 100 {
		answer := c.succeed(message("topic", with()), []byte("body"))
		id := fields(answer)["transactionId"]
		require.Len(t, id, 32)
		require.False(t, seen[id])
		seen[id] = true
	}
	for _, m := range messagesIn(cluster, "topic") {
		require.True(t, seen[m.UniqueKey])
	}
}

func TestAutoCreation(t *testing.T) {
	queues := func(t *testing.T, wished int32) int {
		cluster := start(t, embedded.InMemory())
		c := dial(t, cluster, cluster.Broker(0).Addr())
		c.succeed(message("new", func(h *headers.SendMessage) { h.DefaultTopicQueues = wished }), []byte("body"))
		ns := dial(t, cluster, cluster.NameServers()[0])
		body := string(ns.succeed(routeOf("new"), nil).Body)
		require.Contains(t, body, `"perm":6`)
		for n := range 20 {
			if strings.Contains(body, `"writeQueueNums":`+string(rune('0'+n))) {
				return n
			}
		}
		return -1
	}
	require.Equal(t, 3, queues(t, 3))
	require.Equal(t, 8, queues(t, 100))
}

func TestWithoutAutoCreation(t *testing.T) {
	cluster := start(t, embedded.InMemory(), embedded.WithoutAutoCreateTopic())
	c := dial(t, cluster, cluster.Broker(0).Addr())
	require.EqualValues(t, headers.TopicNotExist, c.call(message("new"), []byte("body")).Code)
	ns := dial(t, cluster, cluster.NameServers()[0])
	require.EqualValues(t, headers.TopicNotExist, ns.call(routeOf("TBW102"), nil).Code)
}

func TestOneway(t *testing.T) {
	onBothNetworks(t, func(t *testing.T, network embedded.Option) {
		cluster := start(t, network)
		c := dial(t, cluster, cluster.Broker(0).Addr())
		c.oneway(message("topic"), []byte("body"))
		c.oneway(message("to.pic"), []byte("refused without a word"))
		c.silent()
		require.Len(t, messagesIn(cluster, "topic"), 1)
	})
}

func TestHalfMessage(t *testing.T) {
	cluster := start(t, embedded.InMemory())
	c := dial(t, cluster, cluster.Broker(0).Addr())
	answer := c.succeed(message("topic", toQueue(3), with("TRAN_MSG", "true", "PGROUP", "g", "UNIQ_KEY", "ID1"),
		func(h *headers.SendMessage) { h.SysFlag = headers.SysFlagPrepared }), []byte("body"))
	require.Equal(t, "3", fields(answer)["queueId"])
	require.Empty(t, messagesIn(cluster, "topic"))
	half := messagesIn(cluster, "RMQ_SYS_TRANS_HALF_TOPIC")
	require.Len(t, half, 1)
	require.Zero(t, half[0].SysFlag)
	require.Equal(t, "topic", half[0].Properties["REAL_TOPIC"])
	require.Equal(t, "3", half[0].Properties["REAL_QID"])
	require.Equal(t, "ID1", half[0].Properties["__transactionId__"])
}

// TestPreparedWithoutProperty: such a message is acknowledged and no consumer
// ever sees it, but the commit log has it.
func TestPreparedWithoutProperty(t *testing.T) {
	cluster := start(t, embedded.InMemory())
	c := dial(t, cluster, cluster.Broker(0).Addr())
	c.succeed(message("topic", func(h *headers.SendMessage) { h.SysFlag = headers.SysFlagPrepared }), []byte("hidden"))
	require.Empty(t, messagesIn(cluster, "topic"))
	view := c.succeed(&headers.ViewMessage{Offset: 0}, nil)
	require.True(t, bytes.Contains(view.Body, []byte("hidden")))
}

func TestEmptyBodyOn49(t *testing.T) {
	cluster := start(t, embedded.InMemory(), embedded.WithVersion(headers.Version4_9_7))
	c := dial(t, cluster, cluster.Broker(0).Addr())
	answer := c.succeed(message("topic"), nil)
	require.NotContains(t, fields(answer), "transactionId")
	require.Empty(t, messagesIn(cluster, "topic")[0].Body)
}
