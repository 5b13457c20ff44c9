package embedded_test

import (
	"encoding/json"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

func routeOf(topic string) headers.Request {
	return plain{headers.CodeTopicRoute, headers.FieldList{{Name: "topic", Value: topic}}}
}

// route is what a test wants to know of a TopicRouteData.
type route struct {
	BrokerDatas []struct {
		BrokerName  string
		BrokerAddrs map[string]string
	}
	QueueDatas []struct {
		BrokerName     string
		Perm           int
		ReadQueueNums  int
		WriteQueueNums int
	}
}

func (c *client) route(topic string) route {
	c.t.Helper()
	var r route
	require.NoError(c.t, json.Unmarshal(c.succeed(routeOf(topic), nil).Body, &r))
	return r
}

func TestRouteOfSeveralBrokers(t *testing.T) {
	cluster := start(t, embedded.InMemory(), embedded.WithBrokers(3), embedded.WithTopic("topic", 2), embedded.WithNameServers(2))
	require.NoError(t, cluster.Broker(2).CreateTopic("single", 5))
	for _, addr := range cluster.NameServers() {
		c := dial(t, cluster, addr)
		r := c.route("topic")
		require.Len(t, r.BrokerDatas, 3)
		require.Len(t, r.QueueDatas, 3)
		for i, b := range cluster.Brokers() {
			require.Equal(t, b.Name(), r.BrokerDatas[i].BrokerName)
			require.Equal(t, map[string]string{"0": b.Addr()}, r.BrokerDatas[i].BrokerAddrs)
		}
		single := c.route("single")
		require.Len(t, single.QueueDatas, 1)
		require.Equal(t, "broker-c", single.QueueDatas[0].BrokerName)
		require.Equal(t, 5, single.QueueDatas[0].ReadQueueNums)
	}
}

func TestRouteChanges(t *testing.T) {
	cluster := start(t, embedded.InMemory(), embedded.WithBrokers(2), embedded.WithTopic("topic", 2))
	c := dial(t, cluster, cluster.NameServers()[0])
	a := cluster.Broker(0)

	a.SetPermission("topic", headers.PermRead)
	a.SetQueues("topic", 3, 1)
	r := c.route("topic")
	require.Equal(t, headers.PermRead, r.QueueDatas[0].Perm)
	require.Equal(t, 3, r.QueueDatas[0].ReadQueueNums)
	require.Equal(t, 1, r.QueueDatas[0].WriteQueueNums)

	a.Unregister()
	require.Len(t, c.route("topic").BrokerDatas, 1)
	a.Register()
	require.Len(t, c.route("topic").BrokerDatas, 2)
	a.Kill()
	require.Len(t, c.route("topic").BrokerDatas, 2, "a crash leaves the route as it was")
	require.NoError(t, a.Start())
	a.Stop()
	require.Len(t, c.route("topic").BrokerDatas, 1)
	require.NoError(t, a.Start())

	old := a.Addr()
	require.NoError(t, a.Move())
	require.NotEqual(t, old, a.Addr())
	require.Equal(t, a.Addr(), c.route("topic").BrokerDatas[0].BrokerAddrs["0"])

	cluster.DeleteTopic("topic")
	require.EqualValues(t, headers.TopicNotExist, c.call(routeOf("topic"), nil).Code)
}

func TestRouteWithoutTopic(t *testing.T) {
	cluster := start(t, embedded.InMemory())
	c := dial(t, cluster, cluster.NameServers()[0])
	require.EqualValues(t, headers.SystemError, c.call(routeOf(""), nil).Code)
}

// TestAcceptStandardJSON: the flag asks for quoted keys, whatever the version.
func TestAcceptStandardJSON(t *testing.T) {
	cluster := start(t, embedded.InMemory(), embedded.WithTopic("golden_topic", 4))
	c := dial(t, cluster, cluster.NameServers()[0])
	c.writeBytes(golden(t, "55")) // says version 400
	require.Contains(t, string(c.receive().Body), `{0:"`)
	require.Contains(t, string(c.succeed(plain{headers.CodeTopicRoute, headers.FieldList{
		{Name: "topic", Value: "golden_topic"}, {Name: "acceptStandardJsonOnly", Value: "true"},
	}}, nil).Body), `{"0":"`)
}

func TestClusterInfo(t *testing.T) {
	cluster := start(t, embedded.InMemory(), embedded.WithBrokers(2))
	c := dial(t, cluster, cluster.NameServers()[0])
	body := func() string { return string(c.succeed(plain{code: headers.CodeClusterInfo}, nil).Body) }
	require.Equal(t, `{"brokerAddrTable":{`+
		`"broker-a":{"brokerAddrs":{0:"127.0.0.1:10911"},"brokerName":"broker-a","cluster":"DefaultCluster","enableActingMaster":false},`+
		`"broker-b":{"brokerAddrs":{0:"127.0.0.1:10931"},"brokerName":"broker-b","cluster":"DefaultCluster","enableActingMaster":false}},`+
		`"clusterAddrTable":{"DefaultCluster":["broker-a","broker-b"]}}`, body())
	for _, b := range cluster.Brokers() {
		b.Unregister()
	}
	require.Equal(t, `{"brokerAddrTable":{},"clusterAddrTable":{}}`, body())
}

// TestUnknownCodeAtNameServer: 5.x says so, 4.9.7 says nothing.
func TestUnknownCodeAtNameServer(t *testing.T) {
	cluster := start(t, embedded.InMemory())
	c := dial(t, cluster, cluster.NameServers()[0])
	require.EqualValues(t, headers.RequestNotSupported, c.call(plain{code: 9999}, nil).Code)

	cluster = start(t, embedded.InMemory(), embedded.WithVersion(headers.Version4_9_7))
	c = dial(t, cluster, cluster.NameServers()[0])
	c.send(plain{code: 9999}, nil)
	require.EqualValues(t, headers.TopicNotExist, c.call(routeOf("none"), nil).Code)
	require.NoError(t, c.conn.SetReadDeadline(time.Now().Add(time.Millisecond)))
	_, err := c.in.ReadByte()
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
}

func TestCreateTopicRequest(t *testing.T) {
	for version, bad := range map[headers.Version]headers.ResponseCode{headers.Version5_5_0: headers.InvalidParameter, headers.Version4_9_7: headers.SystemError} {
		cluster := start(t, embedded.InMemory(), embedded.WithVersion(version))
		c := dial(t, cluster, cluster.Broker(0).Addr())
		c.succeed(&headers.CreateTopic{Topic: "topic", ReadQueues: 3, WriteQueues: 2, Perm: 6}, nil)
		r := dial(t, cluster, cluster.NameServers()[0]).route("topic")
		require.Equal(t, 3, r.QueueDatas[0].ReadQueueNums)
		require.Equal(t, 2, r.QueueDatas[0].WriteQueueNums)
		for _, name := range []string{"to.pic", "TBW102", "rmq_sys_x"} {
			answer := c.call(&headers.CreateTopic{Topic: name, ReadQueues: 1, WriteQueues: 1, Perm: 6}, nil)
			require.Equal(t, bad, headers.ResponseCode(answer.Code))
		}
	}
}
