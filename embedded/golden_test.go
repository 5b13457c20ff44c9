package embedded_test

import (
	"regexp"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

// clientPort is what differs between two captures of the same remark.
var clientPort = regexp.MustCompile(`(Producer: 127\.0\.0\.1:)\d+`)

// sameAnswer compares an answer with one that a real broker gave. The offset
// message id is compared up to the place in the commit log.
func sameAnswer(t *testing.T, want, got headers.Command) {
	t.Helper()
	require.Equal(t, want.Code, got.Code)
	require.Equal(t, want.Flag, got.Flag)
	require.Equal(t, want.Opaque, got.Opaque)
	require.Equal(t, want.Version, got.Version)
	require.Equal(t, want.Serialization, got.Serialization)
	require.Equal(t, clientPort.ReplaceAllString(string(want.Remark), "${1}0"), clientPort.ReplaceAllString(string(got.Remark), "${1}0"))
	wantFields, gotFields := fields(want), fields(got)
	if id := wantFields["msgId"]; id != "" {
		const host = 16
		require.Equal(t, id[:host], gotFields["msgId"][:host])
		require.Len(t, gotFields["msgId"], len(id))
		delete(wantFields, "msgId")
		delete(gotFields, "msgId")
	}
	require.Equal(t, wantFields, gotFields)
	require.Equal(t, string(want.Body), string(got.Body))
}

// TestGoldenAnswers sends requests that were captured from the Java client, by a
// loopback proxy between it and 5.5.0 servers, or that were sent to 5.5.0 and
// 4.9.7 servers by hand, and compares the answers with those that the real
// servers gave.
func TestGoldenAnswers(t *testing.T) {
	onNameServer := func(c *embedded.Cluster) string { return c.NameServers()[0] }
	for _, test := range []struct {
		name, request, answer string
		opts                  []embedded.Option
		before                func(c *client)
		to                    func(c *embedded.Cluster) string
		at                    string // where the real broker was, if not at 127.0.0.1:10911
	}{
		{name: "send", request: "01", answer: "02", before: func(c *client) {
			c.succeed(message("golden_topic", toQueue(1)), []byte("before"))
			c.succeed(message("golden_topic", toQueue(1)), []byte("before"))
		}},
		{name: "batch", request: "04", answer: "05", before: func(c *client) {
			for range 4 {
				c.succeed(message("golden_topic", toQueue(3)), []byte("before"))
			}
		}},
		{name: "delay level", request: "06", answer: "07", before: func(c *client) {
			c.succeed(message("golden_topic", with("DELAY", "1")), []byte("before"))
		}},
		{name: "recall where it is forbidden", request: "11", answer: "12"},
		{name: "heartbeat of a producer", request: "23", answer: "24"},
		{name: "consumer list", request: "27", answer: "28", before: func(c *client) {
			c.writeBytes(golden(t, "25"))
			c.receive() // the push
			c.receive()
		}},
		{name: "offset of a new group", request: "29", answer: "30"},
		{name: "lock", request: "37", answer: "38"},
		{name: "binary send to a binary broker", request: "45", answer: "46", opts: []embedded.Option{embedded.WithBinaryAnswers()}, at: "127.0.0.1:35911"},
		{name: "route to a binary server", request: "48", answer: "49", opts: []embedded.Option{embedded.WithBinaryAnswers()}, to: onNameServer},
		{name: "route", request: "53", answer: "54", to: onNameServer},
		{name: "route for an old client", request: "55", answer: "56", to: onNameServer},
		{name: "no route", request: "57", answer: "58", to: onNameServer},
		{name: "pop in a binary header", request: "65", answer: "66"},
		{name: "binary send", request: "67", answer: "68", before: func(c *client) {
			for range 5 {
				c.succeed(message("golden_topic"), []byte("before"))
			}
		}},
		{name: "binary send to 4.9", request: "80", answer: "81", opts: []embedded.Option{embedded.WithVersion(headers.Version4_9_7)}, at: "127.0.0.1:30911"},
	} {
		t.Run(test.name, func(t *testing.T) {
			opts := append([]embedded.Option{embedded.InMemory(), embedded.WithTopic("golden_topic", 4)}, test.opts...)
			cluster := start(t, opts...)
			if test.at != "" {
				cluster.Broker(0).Kill()
				require.NoError(t, cluster.Broker(0).StartAt(test.at))
			}
			addr := cluster.Broker(0).Addr()
			if test.to != nil {
				addr = test.to(cluster)
			}
			c := dial(t, cluster, addr)
			if test.before != nil {
				test.before(c)
			}
			c.writeBytes(golden(t, test.request))
			sameAnswer(t, goldenCommand(t, test.answer), c.receive())
		})
	}
}

// TestGoldenRefusals compares refusals whose requests were not kept.
func TestGoldenRefusals(t *testing.T) {
	cluster := start(t, embedded.InMemory(), embedded.WithTopic("golden_topic", 4))
	long := make([]byte, headers.MaxPropertiesSize)
	for i := range long {
		long[i] = 'x'
	}
	for _, test := range []struct {
		name, answer string
		request      headers.Request
	}{
		{"queue", "59", message("golden_topic", toQueue(99))},
		{"properties", "60", message("golden_topic", with("name", string(long)))},
		{"system topic", "61", message("SCHEDULE_TOPIC_XXXX")},
		{"topic", "62", message("no_such_topic", func(h *headers.SendMessage) { h.DefaultTopic = "none" })},
		{"code", "63", plain{code: 9999}},
		{"nothing to pull", "69", &headers.PullMessage{ConsumerGroup: "g", Topic: "golden_topic", QueueID: 1, QueueOffset: 6, MaxMessages: 32, SysFlag: headers.PullSubscription, Subscription: "*"}},
		{"pull past the end", "70", &headers.PullMessage{ConsumerGroup: "g", Topic: "golden_topic", QueueID: 1, QueueOffset: 999, MaxMessages: 32, SysFlag: headers.PullSubscription, Subscription: "*"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := dial(t, cluster, cluster.Broker(0).Addr())
			for range 6 - storedIn(cluster, "golden_topic") {
				c.succeed(message("golden_topic", toQueue(1)), []byte("before"))
			}
			want := goldenCommand(t, test.answer)
			c.opaque = want.Opaque - 1
			sameAnswer(t, want, c.call(test.request, []byte("body")))
		})
	}
}

// TestGoldenNotification compares the push that a first heartbeat of a consumer
// brings, before the heartbeat's own answer.
func TestGoldenNotification(t *testing.T) {
	cluster := start(t, embedded.InMemory(), embedded.WithTopic("golden_topic", 4))
	c := dial(t, cluster, cluster.Broker(0).Addr())
	c.writeBytes(golden(t, "25"))
	want, got := goldenCommand(t, "26"), c.receive()
	require.Equal(t, want.Code, got.Code)
	require.Equal(t, want.Flag, got.Flag)
	require.Equal(t, fields(want), fields(got))
	answer := c.receive()
	require.True(t, answer.IsResponse())
}

// TestGoldenRoute497 compares a route of 4.9.7, which has one member less.
func TestGoldenRoute497(t *testing.T) {
	cluster := start(t, embedded.InMemory(), embedded.WithVersion(headers.Version4_9_7))
	cluster.Broker(0).Kill()
	require.NoError(t, cluster.Broker(0).StartAt("127.0.0.1:30911"))
	c := dial(t, cluster, cluster.NameServers()[0])
	want := goldenCommand(t, "85")
	c.opaque = want.Opaque - 1
	sameAnswer(t, want, c.call(plain{headers.CodeTopicRoute, headers.FieldList{{Name: "topic", Value: "TBW102"}}}, nil))
}

// TestGoldenPop pops, acknowledges and gives back what the Java client did with a 5.5.0
// broker, and compares what the answers say. Times differ, and the revive queue, which
// turns.
func TestGoldenPop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cluster, err := embedded.Start(embedded.InMemory(), embedded.WithTopic("golden_pop", 1))
		require.NoError(t, err)
		defer func() { require.NoError(t, cluster.Close()) }()
		c := dial(t, cluster, cluster.Broker(0).Addr())
		for range 3 {
			c.succeed(message("golden_pop"), []byte("body"))
		}
		ask := func(request, answer string) {
			t.Helper()
			want, asked := goldenCommand(t, answer), goldenCommand(t, request)
			list := headers.FieldList{}
			for name, value := range fields(asked) {
				if name != "bornTime" {
					list = append(list, headers.Field{Name: name, Value: value})
				}
			}
			list = append(list, headers.Field{Name: "bornTime", Value: "0"})
			got := c.call(plain{headers.RequestCode(asked.Code), list}, asked.Body)
			require.Equal(t, want.Code, got.Code)
			require.Equal(t, string(want.Remark), string(got.Remark))
			wantFields, gotFields := fields(want), fields(got)
			for _, name := range []string{"popTime", "reviveQid"} {
				require.Equal(t, wantFields[name] == "", gotFields[name] == "", name)
				delete(wantFields, name)
				delete(gotFields, name)
			}
			require.Equal(t, wantFields, gotFields)
		}
		ask("71", "72")
		ask("73", "74")
		ask("75", "76") // the handle is not ours, so it makes a check point, and one comes back
		time.Sleep(2 * time.Second)
		ask("71", "77")
	})
}
