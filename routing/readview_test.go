package routing_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
)

// both is a queueData with its own numbers of queues to read and to write.
type both struct {
	broker      string
	read, write int
	perm        int
}

// routeOf is a route of queues, whose brokers have the addrs of their names.
func routeOf(addrs map[string]string, queues ...both) string {
	var datas, brokers []string
	for _, q := range queues {
		datas = append(datas, fmt.Sprintf(`{"brokerName":%q,"perm":%d,"readQueueNums":%d,"topicSysFlag":0,"writeQueueNums":%d}`, q.broker, q.perm, q.read, q.write))
		if a, ok := addrs[q.broker]; ok {
			brokers = append(brokers, fmt.Sprintf(`{"brokerAddrs":{%s},"brokerName":%q,"cluster":"c"}`, a, q.broker))
		}
	}
	return fmt.Sprintf(`{"brokerDatas":[%s],"filterServerTable":{},"queueDatas":[%s]}`, strings.Join(brokers, ","), strings.Join(datas, ","))
}

// names writes queues as "broker:id".
func names(queues []routing.MessageQueue) string {
	var all []string
	for _, q := range queues {
		all = append(all, fmt.Sprintf("%s:%d", q.BrokerName, q.QueueID))
	}
	return strings.Join(all, " ")
}

// One answer has two views. Neither fails for what the other lacks.
func TestBothViews(t *testing.T) {
	masters := map[string]string{"a": `"0":"a:1"`, "b": `"0":"b:1","1":"b:2"`}
	none := func(v routing.View, reason routing.NoQueueReason) error {
		return &routing.NoQueueError{Topic: "t", View: v, Reason: reason}
	}
	for _, tc := range []struct {
		name            string
		body            string
		write, read     string
		writeErr, rdErr error
	}{
		{
			name: "the usual topic", body: routeOf(masters, both{"b", 1, 1, 6}, both{"a", 2, 2, 6}),
			write: "a:0 a:1 b:0", read: "a:0 a:1 b:0",
		},
		{
			name: "a topic that is made smaller", body: routeOf(masters, both{"a", 4, 2, 6}, both{"b", 2, 0, 6}),
			write: "a:0 a:1", read: "a:0 a:1 a:2 a:3 b:0 b:1",
		},
		{
			name: "a topic that is made larger", body: routeOf(masters, both{"a", 1, 3, 6}),
			write: "a:0 a:1 a:2", read: "a:0",
		},
		{
			name: "one broker is drained", body: routeOf(masters, both{"a", 2, 2, 4}, both{"b", 1, 1, 6}),
			write: "b:0", read: "a:0 a:1 b:0",
		},
		{
			name: "read-only", body: routeOf(masters, both{"a", 2, 2, 4}),
			read: "a:0 a:1", writeErr: none(routing.Writing, routing.NoWritePermission),
		},
		{
			name: "no queues to write", body: routeOf(masters, both{"a", 2, 0, 6}),
			read: "a:0 a:1", writeErr: none(routing.Writing, routing.NoWriteQueues),
		},
		{
			name: "write-only", body: routeOf(masters, both{"a", 2, 2, 2}),
			write: "a:0 a:1", rdErr: none(routing.Reading, routing.NoReadPermission),
		},
		{
			name: "no queues to read", body: routeOf(masters, both{"a", 0, 2, 6}),
			write: "a:0 a:1", rdErr: none(routing.Reading, routing.NoReadQueues),
		},
		{
			name: "a slave is left", body: routeOf(map[string]string{"a": `"1":"a:2"`}, both{"a", 2, 2, 6}),
			read: "a:0 a:1", writeErr: none(routing.Writing, routing.NoMaster),
		},
		{
			name: "a broker of which nothing is left", body: routeOf(map[string]string{"b": `"0":"b:1"`}, both{"a", 1, 1, 6}, both{"b", 1, 1, 6}),
			write: "b:0", read: "a:0 b:0",
		},
		{
			name: "order topic", body: withMember(routeOf(masters, both{"a", 2, 2, 6}, both{"b", 1, 1, 4}), `"orderTopicConf":"b:2;a:1"`),
			write: "b:0 b:1 a:0", read: "a:0 a:1 b:0",
		},
		{
			name: "order topic whose brokers are gone", body: withMember(routeOf(nil, both{"a", 2, 2, 4}), `"orderTopicConf":"b:1"`),
			write: "b:0", read: "a:0 a:1",
		},
		{
			name: "a broker that is named twice", body: routeOf(masters, both{"a", 2, 1, 6}, both{"a", 1, 2, 4}),
			write: "a:0", read: "a:0 a:1",
		},
		{
			name: "no broker at all", body: routeOf(nil),
			writeErr: none(routing.Writing, routing.NoQueuesListed), rdErr: none(routing.Reading, routing.NoQueuesListed),
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := parsed(t, "t", tc.body)
			require.Equal(t, tc.write, names(r.WriteQueues()))
			require.Equal(t, tc.read, names(r.ReadQueues()))
			require.Equal(t, tc.writeErr, r.Err(routing.Writing))
			require.Equal(t, tc.rdErr, r.Err(routing.Reading))
		})
	}
}

func TestNoQueueErrorNamesTheView(t *testing.T) {
	require.EqualError(t, parsed(t, "t", routeOf(nil, both{"a", 0, 0, 2})).Err(routing.Reading), `routing: topic "t" has no queue to read: no broker grants the read permission`)
	require.EqualError(t, parsed(t, "t", routeOf(nil, both{"a", 0, 0, 4})).Err(routing.Writing), `routing: topic "t" has no queue to publish to: no broker grants the write permission`)
}

// Most topics have the same queues in both views, and keep one list of them.
func TestEqualViewsShareMemory(t *testing.T) {
	r := parsed(t, "t", simpleRoute("a", "b"))
	require.Same(t, &r.WriteQueues()[0], &r.ReadQueues()[0])
}

// All of an answer is kept, also what no view has a use for.
func TestRouteInfo(t *testing.T) {
	r := parsed(t, "orders", inspected)
	require.Equal(t, []routing.TopicQueues{{BrokerName: "a", Read: 4, Write: 3, Perm: 6}, {BrokerName: "b", Read: 2, Write: 1, Perm: 4}}, r.Info().Queues)
	require.Equal(t, []routing.BrokerInfo{
		{Cluster: "one", Name: "a", Addrs: map[int64]string{0: "not an address", 1: "a-slave:1"}},
		{Cluster: "two", Name: "b", Addrs: map[int64]string{1: "b-slave:1"}},
	}, r.Info().Brokers)
	require.Equal(t, []routing.Replica{{BrokerName: "a", ID: 1, Addr: "a-slave:1"}, {BrokerName: "b", ID: 1, Addr: "b-slave:1"}}, r.Replicas())
	require.Equal(t, "a:0 a:1 a:2 a:3 b:0 b:1", names(r.ReadQueues()))

	r = parsed(t, "orders", withMember(`{"queueDatas":[{"brokerName":"a","perm":6,"writeQueueNums":1}],"brokerDatas":[
		{"brokerName":"a","brokerAddrs":{"2":"a:3"},"enableActingMaster":true,"zoneName":"z"}]}`, `"orderTopicConf":"a:1"`))
	require.Equal(t, "a:1", r.Info().OrderConf)
	require.True(t, r.Info().Brokers[0].ActingMaster)
}

// What stock name servers say of a broker with a slave.
func TestGoldenViewsDiffer(t *testing.T) {
	for _, version := range []string{"v550", "v497"} {
		t.Run(version, func(t *testing.T) {
			r := parsed(t, "t", string(golden(t, version+"_route_shrinking_resp.hex").Body))
			require.Equal(t, "broker-a:0 broker-a:1", names(r.WriteQueues()))
			require.Equal(t, "broker-a:0 broker-a:1 broker-a:2 broker-a:3 broker-a:4 broker-a:5", names(r.ReadQueues()))
			require.Len(t, r.Replicas(), 2)
			master, ok := r.Replica("broker-a", routing.MasterID, true)
			require.True(t, ok)
			require.Equal(t, []routing.Broker{{Name: "broker-a", Addr: master.Addr}}, r.Brokers())
			slave, ok := r.Replica("broker-a", 1, true)
			require.True(t, ok)
			require.Equal(t, routing.Replica{BrokerName: "broker-a", ID: 1, Addr: "127.0.0.1:20911"}, slave)

			r = parsed(t, "t", string(golden(t, version+"_route_readonly_resp.hex").Body))
			require.Equal(t, &routing.NoQueueError{Topic: "t", Reason: routing.NoWritePermission}, r.Err(routing.Writing))
			require.Equal(t, "broker-a:0 broker-a:1 broker-a:2 broker-a:3", names(r.ReadQueues()))
			require.Len(t, r.Replicas(), 2)
		})
	}
}

func TestGoldenReadView(t *testing.T) {
	for _, file := range goldenRoutes {
		t.Run(file, func(t *testing.T) {
			r := parsed(t, "golden_topic", string(golden(t, file).Body))
			require.NoError(t, r.Err(routing.Reading))
			require.Equal(t, r.WriteQueues(), r.ReadQueues())
			require.Equal(t, []routing.Replica{{BrokerName: "broker-a", ID: routing.MasterID, Addr: r.Brokers()[0].Addr}}, r.Replicas())
			info := r.Info()
			require.Equal(t, "DefaultCluster", info.Brokers[0].Cluster)
			require.EqualValues(t, len(r.WriteQueues()), info.Queues[0].Write)
			require.EqualValues(t, len(r.WriteQueues()), info.Queues[0].Read)
			require.Equal(t, int32(headers.PermRead|headers.PermWrite), info.Queues[0].Perm&^headers.PermInherit)
		})
	}
}
