package embedded_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/body"
)

// pull is a pull of queue 0 with its subscription in the request.
func pull(topic string, offset int64, change ...func(h *headers.PullMessage)) *headers.PullMessage {
	h := &headers.PullMessage{
		ConsumerGroup: "group", Topic: topic, QueueOffset: offset, MaxMessages: 32,
		SysFlag: headers.PullSubscription, Subscription: "*", ExpressionType: "TAG",
	}
	for _, f := range change {
		f(h)
	}
	return h
}

// bodies decodes the messages of an answer.
func bodies(t testing.TB, c headers.Command) []string {
	t.Helper()
	var list []string
	for rest := c.Body; len(rest) > 0; {
		var m body.StoredMessage
		var err error
		m, rest, err = body.ParseStored(rest)
		require.NoError(t, err)
		list = append(list, string(m.Body))
	}
	return list
}

func tagged(tag string) func(h *headers.SendMessage) {
	return with("UNIQ_KEY", "ID", "TAGS", tag)
}

func TestPull(t *testing.T) {
	onBothNetworks(t, func(t *testing.T, network embedded.Option) {
		cluster := start(t, network, embedded.WithTopic("topic", 1))
		c := dial(t, cluster, cluster.Broker(0).Addr())
		for i := range 5 {
			c.succeed(message("topic"), fmt.Append(nil, i))
		}
		answer := c.succeed(pull("topic", 1, func(h *headers.PullMessage) { h.MaxMessages = 3 }), nil)
		require.Equal(t, "FOUND", string(answer.Remark))
		require.Equal(t, []string{"1", "2", "3"}, bodies(t, answer))
		result, err := headers.ParsePullResult(&answer)
		require.NoError(t, err)
		require.Equal(t, headers.PullResult{NextOffset: 4, MinOffset: 0, MaxOffset: 5, WithSysFlags: true}, result)
	})
}

func TestPullAnswers(t *testing.T) {
	lite := func(h *headers.PullMessage) { h.Lite = true }
	for _, test := range []struct {
		name       string
		request    headers.Request
		five, four headers.ResponseCode
		next       int64 // -1: the answer has no offsets
		found      int
	}{
		{"all", pull("topic", 2), 0, 0, 6, 4},
		{"at the end", pull("topic", 6), 19, 19, 6, 0},
		{"past the end", pull("topic", 7), 21, 21, 6, 0},
		{"before the start", pull("topic", 1), 21, 21, 2, 0},
		{"one tag", pull("topic", 2, subscribe("red")), 0, 0, 6, 2},
		{"two tags", pull("topic", 2, subscribe(" red || blue ")), 0, 0, 6, 4},
		{"no such tag", pull("topic", 2, subscribe("green")), 20, 20, 6, 0},
		{"no tag at all", pull("topic", 2, subscribe("||")), 23, 23, -1, 0},
		{"SQL", pull("topic", 2, func(h *headers.PullMessage) { h.ExpressionType = "SQL92" }), 1, 1, -1, 0},
		{"no topic", pull("none", 0), 17, 17, -1, 0},
		{"no queue", pull("topic", 0, func(h *headers.PullMessage) { h.QueueID = 2 }), 29, 1, -1, 0},
		{"empty queue", pull("topic", 0, func(h *headers.PullMessage) { h.QueueID = 1 }), 19, 19, 0, 0},
		{"offset in an empty queue", pull("topic", 9, func(h *headers.PullMessage) { h.QueueID = 1 }), 21, 21, 0, 0},
		{"lite", pull("topic", 2, lite), 0, 3, 6, 4},
		{"unknown group", pull("topic", 2, func(h *headers.PullMessage) { h.SysFlag = 0 }), 24, 24, -1, 0},
		{"field missing", plain{headers.CodePullMessage, headers.FieldList{{Name: "topic", Value: "topic"}}}, 1, 1, -1, 0},
		{"forbidden", pull("writeonly", 0), 16, 16, -1, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			for version, code := range map[headers.Version]headers.ResponseCode{headers.Version5_5_0: test.five, headers.Version4_9_7: test.four} {
				cluster := start(t, embedded.InMemory(), embedded.WithVersion(version), embedded.WithTopic("topic", 2), embedded.WithTopic("writeonly", 1), embedded.WithRetention(4))
				cluster.Broker(0).SetPermission("writeonly", headers.PermWrite)
				c := dial(t, cluster, cluster.Broker(0).Addr())
				for _, tag := range []string{"red", "blue", "red", "blue", "red", "blue"} {
					c.succeed(message("topic", tagged(tag)), []byte(tag))
				}
				answer := c.call(test.request, nil)
				require.Equal(t, code, headers.ResponseCode(answer.Code), "%d: %s", version, answer.Remark)
				result, err := headers.ParsePullResult(&answer)
				if test.next < 0 || code == headers.RequestNotSupported {
					require.ErrorIs(t, err, headers.ErrMalformed)
					return
				}
				require.NoError(t, err)
				require.Equal(t, test.next, result.NextOffset)
				require.Equal(t, version == headers.Version5_5_0, result.WithSysFlags)
				require.Len(t, bodies(t, answer), test.found)
			}
		})
	}
}

func subscribe(expression string) func(h *headers.PullMessage) {
	return func(h *headers.PullMessage) { h.Subscription = expression }
}

// TestPullLimits: a pull gives at most 32 messages and 256 KiB, but at least one
// message.
func TestPullLimits(t *testing.T) {
	cluster := start(t, embedded.InMemory(), embedded.WithTopic("topic", 1))
	c := dial(t, cluster, cluster.Broker(0).Addr())
	for range 40 {
		c.succeed(message("topic"), []byte("small"))
	}
	for range 3 {
		c.succeed(message("topic"), make([]byte, 100<<10))
	}
	c.succeed(message("topic"), make([]byte, 300<<10))
	most := func(h *headers.PullMessage) { h.MaxMessages = 1000 }
	require.Len(t, bodies(t, c.succeed(pull("topic", 0, most), nil)), 32)
	require.Len(t, bodies(t, c.succeed(pull("topic", 40, most), nil)), 2)
	require.Len(t, bodies(t, c.succeed(pull("topic", 43, most), nil)), 1)
	none := func(h *headers.PullMessage) { h.MaxMessages = 0 }
	require.Len(t, bodies(t, c.succeed(pull("topic", 0, none), nil)), 1)
}

// TestPullLooksAtABoundedRange: the search for a tag goes on with the next pull.
func TestPullLooksAtABoundedRange(t *testing.T) {
	cluster := start(t, embedded.InMemory(), embedded.WithTopic("topic", 1))
	c := dial(t, cluster, cluster.Broker(0).Addr())
	for range 900 {
		c.oneway(message("topic", tagged("red")), []byte("red"))
	}
	c.succeed(message("topic", tagged("blue")), []byte("blue"))
	answer := c.call(pull("topic", 0, subscribe("blue")), nil)
	require.EqualValues(t, headers.PullRetryImmediately, answer.Code)
	require.Equal(t, "800", fields(answer)["nextBeginOffset"])
	require.Equal(t, []string{"blue"}, bodies(t, c.succeed(pull("topic", 800, subscribe("blue")), nil)))
}

func TestPullCommitsOffset(t *testing.T) {
	cluster := start(t, embedded.InMemory(), embedded.WithTopic("topic", 1))
	c := dial(t, cluster, cluster.Broker(0).Addr())
	c.call(pull("topic", 0, func(h *headers.PullMessage) {
		h.SysFlag |= headers.PullCommitOffset
		h.CommitOffset = 5
	}), nil)
	offset, ok := cluster.Broker(0).ConsumerOffset("group", "topic", 0)
	require.True(t, ok)
	require.EqualValues(t, 5, offset)
}

// TestTagHash: the hash is Java's, of UTF-16, with wrap-around.
func TestTagHash(t *testing.T) {
	cluster := start(t, embedded.InMemory(), embedded.WithTopic("topic", 1))
	c := dial(t, cluster, cluster.Broker(0).Addr())
	for _, tag := range []string{"Aa", "étiquette", "\U0001F600", strings.Repeat("z", 100)} {
		c.succeed(message("topic", tagged(tag)), []byte(tag))
	}
	// "Aa" and "BB" have the same hash: brokers confuse them, clients look again.
	require.Equal(t, []string{"Aa"}, bodies(t, c.succeed(pull("topic", 0, subscribe("BB")), nil)))
	require.Equal(t, []string{"\U0001F600"}, bodies(t, c.succeed(pull("topic", 0, subscribe("\U0001F600")), nil)))
	beat := fmt.Sprintf(`{"clientID":"c","consumerDataSet":[{"groupName":"group","messageModel":"CLUSTERING","subscriptionDataSet":[`+
		`{"topic":"topic","subString":"x","codeSet":[%d,%d],"subVersion":1}]}]}`, 1772899, int32(-1594925028))
	c.send(plain{code: headers.CodeHeartbeat}, []byte(beat))
	c.receive()
	c.receive()
	// 1772899 is "\U0001F600".hashCode() of Java.
	require.Equal(t, []string{"\U0001F600"}, bodies(t, c.succeed(pull("topic", 0, func(h *headers.PullMessage) { h.SysFlag = 0 }), nil)))
}
