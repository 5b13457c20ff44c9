package publisher_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"

	rocketmq "github.com/watermill-rocketmq/watermill-rocketmq"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/realbroker"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
)

// Every message has a trace: stored as bytes that say where it is, and found by
// mqadmin queryMsgTraceById on real brokers.
func TestTrace(t *testing.T) {
	t.Run("embedded", func(t *testing.T) {
		testTrace(t, embeddedWorld(t, embedded.WithTopic(traceTopic, 1)))
	})
	for _, version := range []string{"5.5.0", "5.1.4", "4.9.7"} {
		t.Run("real "+version, func(t *testing.T) {
			realbroker.RequireVersion(t, version)
			testTrace(t, ownCluster(t, realbroker.Config{Version: version, BrokerProps: map[string]string{"traceTopicEnable": "true"}}))
		})
	}
}

// A broker that has tracing switched off says so with each answer.
func TestTraceSwitchedOffByBroker(t *testing.T) {
	w := ownCluster(t, realbroker.Config{Version: "5.5.0", BrokerProps: map[string]string{"traceTopicEnable": "true", "traceOn": "false"}})
	topic := newTopic(t, "untraced")
	w.createTopic(t, topic, 4)
	p, err := publisher.New(publisher.Config{
		// A heartbeat that runs out of time has messages sent again that are on its connection.
		Cluster:     rocketmq.Cluster{NameServers: w.nameServers, VIPChannel: true},
		SendTimeout: time.Minute, AttemptTimeout: time.Minute, CloseTimeout: time.Minute,
		Trace: publisher.TraceConfig{Enabled: true},
		Hooks: []publisher.Hooks{{TracesDropped: func(n int, cause error) { t.Error(n, "traces lost:", cause) }}},
	}, nil)
	require.NoError(t, err)
	require.NoError(t, p.Publish(topic, newMessages(5)...))
	require.NoError(t, p.Close())
	require.Len(t, w.read(t, topic, 5), 5)
	require.Empty(t, w.read(t, traceTopic, 0))
}

func testTrace(t *testing.T, w *world) {
	topic := newTopic(t, "traced")
	w.createTopic(t, topic, 4)
	seen := newResults()
	cfg := publisher.Config{
		Cluster: rocketmq.Cluster{NameServers: w.nameServers, Dial: w.dial}, ProducerGroup: "traced_group", Marshaler: taggedMarshaler{},
		SendTimeout: time.Minute, AttemptTimeout: time.Minute, CloseTimeout: time.Minute, OnResult: seen.add,
		Trace: publisher.TraceConfig{Enabled: true},
		Hooks: []publisher.Hooks{{TracesDropped: func(n int, cause error) { t.Error(n, "traces lost:", cause) }}},
	}
	p, err := publisher.New(cfg, nil)
	require.NoError(t, err)
	tags := make(map[string]string)
	var call []*message.Message
	for n := range 40 { // a batch, and one message that goes alone
		msg := crowdMessage(1, n)
		if n == 39 {
			msg.Payload = []byte(strings.Repeat("compressed ", 1000))
		}
		tags[msg.UUID] = tagOf(msg)
		call = append(call, msg)
	}
	before := time.Now().UnixMilli()
	require.NoError(t, p.Publish(topic, call...))
	after := time.Now().UnixMilli()
	require.NoError(t, p.Close())

	records := make(map[string][]string)
	for _, s := range w.read(t, traceTopic, 1) {
		keys := strings.Fields(s.Keys)
		for record := range strings.SplitSeq(strings.TrimSuffix(string(s.Body), "\x02"), "\x02") {
			fields := strings.Split(record, "\x01")
			records[fields[5]] = fields
			require.Contains(t, keys, fields[5])
			require.Contains(t, keys, fields[7])
		}
	}
	require.Len(t, records, len(call))
	for n, msg := range call {
		r := seen.next(t)
		fields := records[r.MessageID]
		var at, length, cost int64
		_, err := fmt.Sscan(fields[1]+" "+fields[9]+" "+fields[10], &at, &length, &cost)
		require.NoError(t, err)
		require.True(t, before <= at && at <= after)
		require.True(t, 0 <= cost && cost <= after-at)
		if n == 39 {
			require.Less(t, length, int64(len(msg.Payload)), "as sent")
		} else {
			require.EqualValues(t, len(msg.Payload), length)
		}
		fields[1], fields[9], fields[10] = "", "", ""
		require.Equal(t, []string{
			"Pub", "", "DefaultRegion", "traced_group", topic, r.MessageID, tags[r.UUID], r.UUID, r.BrokerAddr, "", "", "0", r.OffsetMessageID, "true",
		}, fields)
		if w.real != nil && (n == 0 || n == 17 || n == 39) {
			require.Len(t, w.real.QueryKey(t, traceTopic, r.MessageID), 1, "the index is behind the log")
			require.Len(t, w.real.QueryKey(t, traceTopic, r.UUID), 1)
			report := strings.Fields(w.real.Admin(t, "queryMsgTraceById", "-i", r.MessageID))
			require.Contains(t, report, "Pub", "%v", report)
			require.Contains(t, report, "traced_group")
			require.Contains(t, report, "success")
			require.Contains(t, report, fmt.Sprint(cost)+"ms")
		}
	}
}
