package embedded_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

func TestConditionRefusesSends(t *testing.T) {
	for condition, want := range map[embedded.Condition]headers.ResponseCode{
		embedded.Busy: headers.SystemBusy, embedded.DiskFull: headers.ServiceNotAvailable, embedded.GoingAway: headers.GoAway,
	} {
		cluster := start(t, embedded.InMemory(), embedded.WithTopic("topic", 1))
		b := cluster.Broker(0)
		c := dial(t, cluster, b.Addr())
		b.SetCondition(condition)
		require.Equal(t, int32(want), int32(c.call(message("topic"), []byte("x")).Code))
		beat := headers.ResponseCode(c.call(headers.Heartbeat{}, []byte("{}")).Code)
		require.Equal(t, condition == embedded.GoingAway, beat == headers.GoAway, "only one that goes away refuses everything")
		require.Empty(t, messagesIn(cluster, "topic"))
		b.SetCondition(embedded.Well)
		c.succeed(message("topic"), []byte("x"))
	}
}

// Brokers before 5.5.0 are cut off without a word when they end.
func TestGoingAwayBefore550(t *testing.T) {
	cluster := start(t, embedded.InMemory(), embedded.WithTopic("topic", 1), embedded.WithVersion(headers.Version4_9_7))
	cluster.Broker(0).SetCondition(embedded.GoingAway)
	dial(t, cluster, cluster.Broker(0).Addr()).succeed(message("topic"), []byte("x"))
}

// One that hangs answers nothing, and does it all when it goes on.
func TestHanging(t *testing.T) {
	onBothNetworks(t, func(t *testing.T, network embedded.Option) {
		cluster := start(t, network, embedded.WithTopic("topic", 1))
		b := cluster.Broker(0)
		c, gone := dial(t, cluster, b.Addr()), dial(t, cluster, b.Addr())
		b.SetCondition(embedded.Hanging)
		opaque := c.send(message("topic"), []byte("late"))
		gone.send(message("topic"), []byte("lost"))
		beat := headers.HeartbeatData{ClientID: "gone", Producers: []headers.ProducerData{{Group: "group"}}}
		raw, err := beat.Encode()
		require.NoError(t, err)
		gone.send(headers.Heartbeat{}, raw)
		require.Eventually(t, func() bool {
			return cluster.Stats().Requests(headers.CodeSendMessage, headers.CodeSendMessageV2, headers.CodeHeartbeat) == 3
		}, patience, time.Millisecond)
		require.NoError(t, gone.conn.Close())
		require.Eventually(t, func() bool { return cluster.Stats()[b.Name()].Open == 1 }, patience, time.Millisecond)
		require.Empty(t, messagesIn(cluster, "topic"))
		b.SetCondition(embedded.Well) // and is back when it has done all of it
		answer := c.receive()
		require.NoError(t, answer.Err())
		require.Equal(t, opaque, answer.Opaque)
		var stored []string
		for _, m := range messagesIn(cluster, "topic") {
			stored = append(stored, string(m.Body))
		}
		require.ElementsMatch(t, []string{"late", "lost"}, stored, "also that of a client that has left")
		require.Empty(t, b.Producers("group"), "nobody would ever take it out")
	})
}

// A read-only broker stores what it is sent, but for order topics, whose route does
// not change.
func TestReadOnly(t *testing.T) {
	cluster := start(t, embedded.InMemory(), embedded.WithTopic("topic", 2), embedded.WithTopic("ordered", 2))
	require.NoError(t, cluster.SetOrderTopic("ordered"))
	require.Error(t, cluster.SetOrderTopic("none"))
	b := cluster.Broker(0)
	b.SetWritable(false)
	routes := dial(t, cluster, cluster.NameServers()[0])
	require.Equal(t, headers.PermRead, routes.route("topic").QueueDatas[0].Perm)
	require.Contains(t, string(routes.succeed(routeOf("ordered"), nil).Body), `"orderTopicConf":"broker-a:2"`)
	c := dial(t, cluster, b.Addr())
	c.succeed(message("topic"), []byte("x"))
	answer := c.call(message("ordered"), []byte("x"))
	require.Equal(t, headers.NoPermission, headers.ResponseCode(answer.Code))
	require.Contains(t, string(answer.Remark), "sending message is forbidden")
	b.SetWritable(true)
	c.succeed(message("ordered"), []byte("x"))
	require.Equal(t, headers.PermRead|headers.PermWrite, routes.route("topic").QueueDatas[0].Perm)
}
