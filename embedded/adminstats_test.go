package embedded_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

// ask is a request with fields by name, value, name, value...
func ask(code headers.RequestCode, pairs ...string) plain {
	r := plain{code: code}
	for i := 0; i < len(pairs); i += 2 {
		r.FieldList = append(r.FieldList, headers.FieldList{{Name: pairs[i], Value: pairs[i+1]}}...)
	}
	return r
}

// committed commits an offset of a group that is known.
func committed(c *client, group, topic string, offset int64) {
	c.call(pull(topic, 0, func(h *headers.PullMessage) { h.ConsumerGroup = group }), nil)
	c.succeed(&headers.UpdateConsumerOffset{ConsumerGroup: group, Topic: topic, CommitOffset: offset}, nil)
}

func TestConsumeStats(t *testing.T) {
	for _, version := range []headers.Version{headers.Version5_5_0, headers.Version4_9_7} {
		cluster := start(t, embedded.InMemory(), embedded.WithVersion(version), embedded.WithTopic("orders", 1), embedded.WithTopic("bills", 1))
		c := dial(t, cluster, cluster.Broker(0).Addr())
		c.succeed(message("orders"), []byte("a"))
		c.succeed(message("orders"), []byte("b"))
		committed(c, "shop", "orders", 1)
		committed(c, "shop", "bills", 0)
		stats := func(pairs ...string) string {
			return string(c.succeed(ask(headers.CodeConsumeStats, append(pairs, "consumerGroup", "shop")...), nil).Body)
		}
		at := messagesIn(cluster, "orders")[0].StoreTimestamp.UnixMilli()
		pulled := map[bool]string{true: `,"pullOffset":2`}[version == headers.Version5_5_0]
		orders := `{"brokerName":"broker-a","queueId":0,"topic":"orders"}:{"brokerOffset":2,"consumerOffset":1,"lastTimestamp":` + jsonOf(t, at) + pulled + `}`
		require.Equal(t, `{"consumeTps":0,"offsetTable":{`+orders+`}}`, stats("topic", "orders"))
		require.Contains(t, stats(), `"topic":"bills"`)
		require.Contains(t, stats(), orders)
		require.Equal(t, `{"consumeTps":0,"offsetTable":{}}`, stats("topic", "none"))

		beat := headers.HeartbeatData{ClientID: "c", Consumers: []headers.ConsumerData{{Group: "shop", Subscriptions: []headers.SubscriptionData{{Topic: "bills", Expression: "*"}}}}}
		raw, err := beat.Encode()
		require.NoError(t, err)
		member := dial(t, cluster, cluster.Broker(0).Addr())
		member.send(headers.Heartbeat{}, raw)
		require.EqualValues(t, headers.CodeConsumerIDsChanged, member.receive().Code)
		require.EqualValues(t, headers.Success, member.receive().Code)
		require.NotContains(t, stats(), `"topic":"orders"`, "the group has not subscribed to it")
		require.Contains(t, stats("topicList", "orders;bills;none;"), orders)

		groups := func(topic string) string {
			return string(c.succeed(ask(headers.CodeTopicGroups, "topic", topic), nil).Body)
		}
		require.Equal(t, `{"groupList":["shop"]}`, groups("orders"), "by its offset")
		require.Equal(t, `{"groupList":["shop"]}`, groups("bills"), "by both")
		require.Equal(t, `{"groupList":[]}`, groups("none"))
		require.EqualValues(t, headers.SystemError, c.call(ask(headers.CodeConsumeStats), nil).Code)
	}
}

func jsonOf(t *testing.T, v any) string {
	t.Helper()
	raw, err := json.Marshal(v)
	require.NoError(t, err)
	return string(raw)
}

// Messages are counted in the time of the cluster, which a test moves on.
func TestBrokerStats(t *testing.T) {
	cluster := start(t, embedded.InMemory(), embedded.WithTopic("orders", 1))
	c := dial(t, cluster, cluster.Broker(0).Addr())
	c.succeed(message("orders"), []byte("a"))
	c.succeed(message("orders", batched), batchBody(t, "b", "c"))
	c.succeed(pull("orders", 1, func(h *headers.PullMessage) { h.ConsumerGroup = "shop" }), nil)
	cluster.Advance(15 * time.Second)
	of := func(name, key string) int64 {
		var stats struct{ StatsMinute struct{ Sum int64 } }
		require.NoError(t, json.Unmarshal(c.succeed(ask(headers.CodeBrokerStats, "statsName", name, "statsKey", key), nil).Body, &stats))
		return stats.StatsMinute.Sum
	}
	require.EqualValues(t, 3, of("TOPIC_PUT_NUMS", "orders"))
	require.EqualValues(t, 2, of("GROUP_GET_NUMS", "orders@shop"))
	cluster.Advance(2 * time.Minute)
	require.Zero(t, of("TOPIC_PUT_NUMS", "orders"))
	answer := c.call(ask(headers.CodeBrokerStats, "statsName", "TOPIC_PUT_NUMS", "statsKey", "none"), nil)
	require.EqualValues(t, headers.SystemError, answer.Code)
	require.Equal(t, "The stats <TOPIC_PUT_NUMS> <none> not exist", string(answer.Remark))

	answer = c.succeed(headers.RuntimeInfo{}, nil)
	info, err := headers.ParseRuntimeInfo(answer.Body)
	require.NoError(t, err)
	require.Equal(t, "3", info["msgPutTotalTodayNow"])
	require.Equal(t, "2", info["msgGetTotalTodayNow"])
	require.Equal(t, "0", info["commitLogMinOffset"])
	require.Equal(t, jsonOf(t, messagesIn(cluster, "orders")[0].StoreTimestamp.UnixMilli()), info["earliestMessageTimeStamp"])
}

func TestTopicConfig(t *testing.T) {
	cluster := start(t, embedded.InMemory())
	c := dial(t, cluster, cluster.Broker(0).Addr())
	c.succeed(ask(headers.CodeCreateTopic, "topic", "fifo", "readQueueNums", "2", "writeQueueNums", "3", "perm", "4", "order", "true", "attributes", "+message.type=FIFO"), nil)
	require.JSONEq(t, `{"topicName":"fifo","readQueueNums":2,"writeQueueNums":3,"perm":4,"order":true,"topicFilterType":"SINGLE_TAG","topicSysFlag":0,
		"attributes":{"message.type":"FIFO"}}`, string(c.succeed(ask(headers.CodeTopicConfig, "topic", "fifo"), nil).Body))
	require.Contains(t, string(c.succeed(ask(headers.CodeTopicConfig, "topic", "TBW102"), nil).Body), `"attributes":{}`)
	require.EqualValues(t, headers.TopicNotExist, c.call(ask(headers.CodeTopicConfig, "topic", "none"), nil).Code)
	old := start(t, embedded.InMemory(), embedded.WithVersion(headers.Version4_9_7))
	require.EqualValues(t, headers.RequestNotSupported, dial(t, old, old.Broker(0).Addr()).call(ask(headers.CodeTopicConfig, "topic", "TBW102"), nil).Code)
}

func TestRemoveTopic(t *testing.T) {
	for _, version := range []headers.Version{headers.Version5_5_0, headers.Version4_9_7} {
		cluster := start(t, embedded.InMemory(), embedded.WithVersion(version), embedded.WithTopic("orders", 1), embedded.WithTopic("%RETRY%shop_orders", 1), embedded.WithTopic("%RETRY%shop", 1))
		b := cluster.Broker(0)
		c := dial(t, cluster, b.Addr())
		c.succeed(message("orders"), []byte("a"))
		committed(c, "shop", "orders", 1)
		for name, remark := range map[string]string{"": "blank", "TBW102": "conflict with system topic", "SCHEDULE_TOPIC_XXXX": "conflict"} {
			answer := c.call(ask(headers.CodeDeleteTopic, "topic", name), nil)
			require.NotEqual(t, headers.Success, headers.ResponseCode(answer.Code))
			require.Contains(t, string(answer.Remark), remark)
		}
		c.succeed(ask(headers.CodeDeleteTopic, "topic", "none"), nil)
		c.succeed(ask(headers.CodeDeleteTopic, "topic", "orders"), nil)
		var names []string
		for _, topic := range b.Topics() {
			names = append(names, topic.Name)
		}
		_, kept := b.ConsumerOffset("shop", "orders", 0)
		if version == headers.Version4_9_7 {
			require.Equal(t, []string{"%RETRY%shop", "%RETRY%shop_orders", "TBW102"}, names)
			require.True(t, kept)
		} else {
			require.Equal(t, []string{"%RETRY%shop", "TBW102"}, names)
			require.False(t, kept)
		}
		require.EqualValues(t, headers.TopicNotExist, c.call(pull("orders", 0), nil).Code)
		c.succeed(message("orders"), []byte("again"))
		require.Equal(t, []string{"again"}, bodies(t, c.succeed(pull("orders", 0), nil)))
	}
}

func TestRemoveGroup(t *testing.T) {
	cluster := start(t, embedded.InMemory(), embedded.WithoutAutoCreateGroup(), embedded.WithTopic("orders", 1))
	cluster.CreateConsumerGroup(headers.NewSubscriptionGroupConfig("shop"))
	b := cluster.Broker(0)
	c := dial(t, cluster, b.Addr())
	committed(c, "shop", "orders", 1)
	c.succeed(ask(headers.CodeDeleteSubscriptionGroup, "groupName", "shop"), nil)
	require.EqualValues(t, headers.SubscriptionGroupNotExist, c.call(pull("orders", 0, func(h *headers.PullMessage) { h.ConsumerGroup = "shop" }), nil).Code)
	_, kept := b.ConsumerOffset("shop", "orders", 0)
	require.True(t, kept)
	c.succeed(ask(headers.CodeDeleteSubscriptionGroup, "groupName", "shop", "cleanOffset", "true"), nil)
	_, kept = b.ConsumerOffset("shop", "orders", 0)
	require.False(t, kept)
	require.EqualValues(t, headers.SystemError, c.call(ask(headers.CodeDeleteSubscriptionGroup), nil).Code)
}

// What is deleted stays deleted when the broker opens its folder again.
func TestRemovedStayRemoved(t *testing.T) {
	dir := t.TempDir()
	first, err := embedded.Start(embedded.Dir(dir), embedded.WithTopic("orders", 1))
	require.NoError(t, err)
	c := dial(t, first, first.Broker(0).Addr())
	c.succeed(message("orders"), []byte("a"))
	committed(c, "shop", "orders", 1)
	c.succeed(ask(headers.CodeDeleteTopic, "topic", "orders"), nil)
	c.succeed(ask(headers.CodeDeleteSubscriptionGroup, "groupName", "shop", "cleanOffset", "true"), nil)
	require.NoError(t, first.Close())
	second := start(t, embedded.Dir(dir))
	c = dial(t, second, second.Broker(0).Addr())
	require.EqualValues(t, headers.TopicNotExist, c.call(ask(headers.CodeTopicConfig, "topic", "orders"), nil).Code)
	require.EqualValues(t, headers.SubscriptionGroupNotExist, c.call(ask(headers.CodeSubscriptionGroup, "group", "shop"), nil).Code)
}

// A topic that is deleted and made again has what came after that, also after the next start
// with the folder, and so it is in the queues that a real broker reads.
func TestRemovedAndMadeAgain(t *testing.T) {
	dir := t.TempDir()
	first, err := embedded.Start(embedded.Dir(dir), embedded.WithTopic("orders", 1))
	require.NoError(t, err)
	c := dial(t, first, first.Broker(0).Addr())
	var old string
	for _, content := range []string{"a", "b", "c"} {
		old = fields(c.succeed(message("orders", with("KEYS", "k")), []byte(content)))["msgId"]
	}
	c.succeed(ask(headers.CodeDeleteTopic, "topic", "orders"), nil)
	require.NoError(t, first.CreateTopic("orders", 1))
	c.succeed(message("orders", with("KEYS", "k")), []byte("d"))
	c.succeed(message("orders"), []byte("e"))
	for range 2 {
		requireBodies(t, first, "orders", "d", "e")
		found := first.Broker(0).FindMessages("orders", "k", 10)
		require.Len(t, found, 1)
		require.NotEqual(t, old, found[0].OffsetMessageID)
		require.NoError(t, first.Close())
		first = start(t, embedded.Dir(dir))
	}
	dial(t, first, first.Broker(0).Addr()).succeed(message("orders"), []byte("f"))
	requireBodies(t, first, "orders", "d", "e", "f")
}

func requireBodies(t *testing.T, c *embedded.Cluster, topic string, want ...string) {
	t.Helper()
	stored, err := c.Messages(topic)
	require.NoError(t, err)
	var got []string
	for _, m := range stored {
		got = append(got, string(m.Body))
	}
	require.Equal(t, want, got)
}

func TestNameServerAdmin(t *testing.T) {
	cluster := start(t, embedded.InMemory(), embedded.WithBrokers(2), embedded.WithTopic("orders", 1))
	require.NoError(t, cluster.Broker(1).CreateTopic("second", 1))
	c := dial(t, cluster, cluster.NameServers()[0])
	topics := func() string { return string(c.succeed(ask(headers.CodeTopicList), nil).Body) }
	require.Equal(t, `{"topicList":["DefaultCluster_REPLY_TOPIC","TBW102","orders","second"]}`, topics())

	routed := func() bool {
		return c.call(ask(headers.CodeTopicRoute, "topic", "orders"), nil).Code == int32(headers.Success)
	}
	c.succeed(ask(headers.CodeDeleteTopicRoute, "topic", "orders", "clusterName", "OtherCluster"), nil)
	require.True(t, routed())
	c.succeed(ask(headers.CodeDeleteTopicRoute, "topic", "orders", "clusterName", "DefaultCluster"), nil)
	require.False(t, routed())
	require.NotContains(t, topics(), "orders")
	cluster.Advance(30 * time.Second)
	require.Eventually(t, routed, patience, time.Millisecond, "its brokers have registered again")
	c.succeed(ask(headers.CodeDeleteTopicRoute, "topic", "orders"), nil)
	require.False(t, routed())
	require.NoError(t, cluster.CreateTopic("orders", 2))
	require.True(t, routed())
	require.EqualValues(t, headers.SystemError, c.call(ask(headers.CodeDeleteTopicRoute), nil).Code)

	key := []string{"namespace", "ORDER_TOPIC_CONFIG", "key", "orders"}
	answer := c.call(ask(headers.CodeConfig, key...), nil)
	require.EqualValues(t, headers.QueryNotFound, answer.Code)
	require.Equal(t, "No config item, Namespace: ORDER_TOPIC_CONFIG Key: orders", string(answer.Remark))
	c.succeed(ask(headers.CodePutConfig, append(key, "value", "broker-a:4")...), nil)
	require.Equal(t, "broker-a:4", fields(c.succeed(ask(headers.CodeConfig, key...), nil))["value"])
	require.NotContains(t, string(c.succeed(ask(headers.CodeTopicRoute, "topic", "orders"), nil).Body), "orderTopicConf")
	c.succeed(ask(headers.CodeDeleteConfig, key...), nil)
	require.EqualValues(t, headers.QueryNotFound, c.call(ask(headers.CodeConfig, key...), nil).Code)
	require.EqualValues(t, headers.SystemError, c.call(ask(headers.CodePutConfig, "key", "orders", "value", "x"), nil).Code)
}

// Only superusers delete.
func TestAdminAccess(t *testing.T) {
	for version, words := range map[headers.Version][2]string{
		headers.Version4_9_7: {"Need admin permission", "Need admin permission"}, headers.Version5_5_0: {"Topic:orders", "Group:shop"},
	} {
		cluster := start(t, embedded.InMemory(), embedded.WithVersion(version), embedded.WithTopic("orders", 1),
			embedded.WithACL(embedded.User{AccessKey: "maker-key", SecretKey: "maker-secret", Publish: []string{"orders"}}))
		c := dial(t, cluster, cluster.Broker(0).Addr())
		for i, r := range []headers.Request{ask(headers.CodeDeleteTopic, "topic", "orders"), ask(headers.CodeDeleteSubscriptionGroup, "groupName", "shop")} {
			answer := c.call(headers.Sign(r, nil, "maker-key", "maker-secret", ""), nil)
			require.NotEqual(t, headers.Success, headers.ResponseCode(answer.Code))
			require.Contains(t, string(answer.Remark), strings.TrimSpace(words[i]))
		}
	}
}
