package routing_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
)

// goldenRoutes are recorded answers that have a route.
var goldenRoutes = []string{"54_route_105_resp.hex", "56_route_105_v400_resp.hex", "85_v497_route_resp.hex"}

func TestParseRouteGolden(t *testing.T) {
	for _, tc := range []struct {
		file   string
		queues int
		addr   string
	}{
		{"54_route_105_resp.hex", 4, "127.0.0.1:10911"},
		{"56_route_105_v400_resp.hex", 4, "127.0.0.1:10911"},
		{"85_v497_route_resp.hex", 8, "127.0.0.1:30911"},
	} {
		t.Run(tc.file, func(t *testing.T) {
			c := golden(t, tc.file)
			require.NoError(t, c.Err())
			r, err := routing.ParseRoute("golden_topic", c.Body)
			require.NoError(t, err)
			require.Equal(t, "golden_topic", r.Topic())
			require.False(t, r.FromDefaultTopic())
			require.Equal(t, []routing.Broker{{Name: "broker-a", Addr: tc.addr}}, r.Brokers())
			require.Len(t, r.WriteQueues(), tc.queues)
			for i, q := range r.WriteQueues() {
				require.Equal(t, routing.MessageQueue{Topic: "golden_topic", BrokerName: "broker-a", QueueID: int32(i)}, q)
			}
			addr, ok := r.BrokerAddr("broker-a")
			require.True(t, ok)
			require.Equal(t, tc.addr, addr)
			_, ok = r.BrokerAddr("broker-b")
			require.False(t, ok)
		})
	}
}

func TestParseRoutePublishableQueues(t *testing.T) {
	for _, tc := range []struct {
		name   string
		body   string
		queues string
		err    error
	}{
		{
			name: "sorted by broker, then id",
			body: routeBody(
				brokerSpec{"b", `"0":"b:1"`, 2, 6},
				brokerSpec{"a", `"0":"a:1","1":"a-slave:1"`, 1, 6},
				brokerSpec{"B", `"0":"[::1]:1"`, 1, 2}),
			queues: "B:0 a:0 b:0 b:1",
		},
		{
			name: "brokers without write permission or master are left out",
			body: routeBody(
				brokerSpec{"a", `"0":"a:1"`, 2, 4},
				brokerSpec{"b", `"1":"b-slave:1"`, 2, 6},
				brokerSpec{"c", `"0":"c:1"`, 1, 6},
				brokerSpec{"d", ``, 1, 6}),
			queues: "c:0",
		},
		{
			name:   "a broker named twice counts once, its first address too",
			body:   routeBody(brokerSpec{"a", `"0":"a:1"`, 2, 6}, brokerSpec{"a", `"0":"other:1"`, 3, 6}),
			queues: "a:0 a:1 a:2",
		},
		{
			name:   "order topic configuration, brokers without master too",
			body:   withMember(routeBody(brokerSpec{"a", `"0":"a:1"`, 8, 6}), `"orderTopicConf":"b:2; a:1;"`),
			queues: "b:0 b:1 a:0",
		},
		{
			name:   "what an order topic configuration names twice counts twice, as in the Java client",
			body:   withMember(simpleRoute("a"), `"orderTopicConf":"a:2;b:1;a:1"`),
			queues: "a:0 a:1 b:0 a:0",
		},
		{
			name: "a broker that cannot be dialed is left out, the others serve",
			body: routeBody(
				brokerSpec{"a", `"0":"a"`, 2, 6},
				brokerSpec{"b", `"0":"b:1"`, 1, 6}),
			queues: "b:0",
		},
		{
			name:   "empty members that some versions write",
			body:   withMember(simpleRoute("a"), `"orderTopicConf":"","topicQueueMappingByBroker":{}`),
			queues: "a:0 a:1",
		},
		{
			name:   "null members",
			body:   withMember(simpleRoute("a"), `"orderTopicConf":null,"topicQueueMappingByBroker":null`),
			queues: "a:0 a:1",
		},
		{
			name:   "unknown members of any kind",
			body:   withMember(simpleRoute("a"), `"x":[{"0":[1,-2,3.5e1]}],"y":"{0:1,"`),
			queues: "a:0 a:1",
		},
		{
			name: "no write permission",
			body: routeBody(brokerSpec{"a", `"0":"a:1"`, 2, 4}),
			err:  &routing.NoQueueError{Topic: "t", Reason: routing.NoWritePermission},
		},
		{
			name: "no master, which goes before the other reasons",
			body: routeBody(brokerSpec{"a", `"1":"a:1"`, 2, 6}, brokerSpec{"b", `"0":"b:1"`, 2, 4}, brokerSpec{"c", `"0":"c:1"`, 0, 6}),
			err:  &routing.NoQueueError{Topic: "t", Reason: routing.NoMaster},
		},
		{
			name: "no write queues",
			body: routeBody(brokerSpec{"a", `"0":"a:1"`, 0, 6}),
			err:  &routing.NoQueueError{Topic: "t", Reason: routing.NoWriteQueues},
		},
		{
			name: "no broker at all",
			body: routeBody(),
			err:  &routing.NoQueueError{Topic: "t", Reason: routing.NoQueuesListed},
		},
		{
			name: "order topic configuration without queues",
			body: withMember(simpleRoute("a"), `"orderTopicConf":";"`),
			err:  &routing.NoQueueError{Topic: "t", Reason: routing.NoWriteQueues},
		},
		{
			name: "static topic",
			body: withMember(simpleRoute("a"), `"topicQueueMappingByBroker":{"a":{"bname":"a","currIdMap":{0:0},"totalQueues":4}}`),
			err:  &routing.StaticTopicError{Topic: "t"},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r, err := parseToWrite([]byte(tc.body))
			if tc.err != nil {
				require.Equal(t, tc.err, err)
				return
			}
			require.NoError(t, err)
			require.Equal(t, tc.queues, strings.Join(queueNames(r), " "))
		})
	}
}

// parseToWrite parses a route of topic t to publish by.
func parseToWrite(body []byte) (*routing.Route, error) {
	r, err := routing.ParseRoute("t", body)
	if err != nil {
		return nil, err
	}
	return r, r.Err(routing.Writing)
}

// withMember puts one more member into an object.
func withMember(object, member string) string { return "{" + member + "," + object[1:] }

func TestParseRouteBareNames(t *testing.T) {
	for _, names := range []string{
		`{0:"a:1"}`,
		`{ 0 : "a:1" , 1:"b:1"}`,
		`{"1":"x:1",0:"a:1"}`,
		"{\n\t-1\r\n:\"x:1\",0:\"a:1\"}",
	} {
		body := `{"queueDatas":[{"brokerName":"q\"{0:\\","perm":6,"writeQueueNums":1}],` +
			`"brokerDatas":[{"brokerName":"q\"{0:\\","brokerAddrs":` + names + `}],"x":[1, 2 ,3]}`
		r, err := routing.ParseRoute("t", []byte(body))
		require.NoError(t, err, names)
		require.Equal(t, []routing.Broker{{Name: `q"{0:\`, Addr: "a:1"}}, r.Brokers(), "strings stay as they are")
	}
}

func TestParseRouteMalformed(t *testing.T) {
	for _, tc := range []struct{ name, body, text string }{
		{"empty", ``, "unexpected end"},
		{"no JSON", `<html>`, "invalid character"},
		{"no object", `[]`, "cannot unmarshal array"},
		{"null", `null`, "queueDatas or brokerDatas is missing"},
		{"another object", `{"code":404}`, "queueDatas or brokerDatas is missing"},
		{"no queueDatas", `{"brokerDatas":[]}`, "queueDatas or brokerDatas is missing"},
		{"cut off", simpleRoute("a")[:100], "unexpected end"},
		{"something behind", simpleRoute("a") + "}", "invalid character '}' after top-level value"},
		{"bare name that is no number", `{0:1,a:2}`, "invalid character 'a'"},
		{"bare names cut off", `{0:"a`, "unexpected end"},
		{"wrong type", `{"queueDatas":[{"perm":"6"}],"brokerDatas":[]}`, "queueDatas.perm"},
		{"perm out of range", `{"queueDatas":[{"perm":4294967298}],"brokerDatas":[]}`, "queueDatas.perm"},
		{"broker id that is no number", routeBody(brokerSpec{"a", `"x":"a:1"`, 1, 6}), "brokerDatas.brokerAddrs"},
		{"queue without broker", `{"queueDatas":[null],"brokerDatas":[]}`, "queueDatas[0] has no brokerName"},
		{"broker without name", `{"queueDatas":[],"brokerDatas":[{}]}`, "brokerDatas[0] has no brokerName"},
		{"negative count", routeBody(brokerSpec{"a", `"0":"a:1"`, -1, 6}), "writeQueueNums is -1"},
		{"a name without end", routeBody(brokerSpec{strings.Repeat("a", 2000), `"0":"a:1"`, 1, 6}), "brokerName of 2000 bytes, want at most 1024"},
		{"too many brokers", manyBrokers(1025, `"0":"a:1"`), "1025 brokers, want at most 1024"},
		{"too many brokers without a queue", `{"queueDatas":[],"brokerDatas":[` + strings.Repeat(`{},`, 1024) + `{}]}`, "1025 brokers, want at most 1024"},
		{"too many queues' brokers", `{"brokerDatas":[],"queueDatas":[` + strings.Repeat(`{},`, 1024) + `{}]}`, "1025 brokers, want at most 1024"},
		{"huge count", routeBody(brokerSpec{"a", `"0":"a:1"`, 1<<31 - 1, 6}), "2147483647 queues, want at most 65536"},
		{"huge sum", routeBody(brokerSpec{"a", ``, 1<<31 - 1, 6}, brokerSpec{"b", ``, 1<<31 - 1, 6}), "4294967294 queues"},
		{"count out of range", `{"queueDatas":[{"brokerName":"a","perm":6,"writeQueueNums":1099511627776}],"brokerDatas":[]}`, "queueDatas.writeQueueNums"},
		{"count to read out of range", `{"queueDatas":[{"brokerName":"a","perm":6,"readQueueNums":1099511627776}],"brokerDatas":[]}`, "queueDatas.readQueueNums"},
		{"negative count to read", `{"queueDatas":[{"brokerName":"a","perm":6,"readQueueNums":-1}],"brokerDatas":[]}`, "readQueueNums is -1"},
		{"huge sum to read", `{"queueDatas":[{"brokerName":"a","perm":4,"readQueueNums":65536},{"brokerName":"b","perm":6,"readQueueNums":1,"writeQueueNums":1}],"brokerDatas":[]}`, "65537 queues to read, want at most 65536"},
		{"too many addresses", manyBrokers(1024, `"0":"a:1","1":"a:2","2":"a:3","3":"a:4","4":"a:5"`), "5120 addresses of brokers, want at most 4096"},
		{"a cluster without end", `{"queueDatas":[],"brokerDatas":[{"brokerName":"a","cluster":"` + strings.Repeat("c", 1025) + `"}]}`, "brokerDatas[0] has a cluster of 1025 bytes, want at most 1024"},
		{"order without count", withMember(simpleRoute("a"), `"orderTopicConf":"a"`), `orderTopicConf has "a", want broker:count`},
		{"order without broker", withMember(simpleRoute("a"), `"orderTopicConf":":4"`), "want broker:count"},
		{"order with negative count", withMember(simpleRoute("a"), `"orderTopicConf":"a:-4"`), "want broker:count"},
		{"order of too many", withMember(simpleRoute("a"), `"orderTopicConf":"`+strings.Repeat("a:0;", 1025)+`"`), "orderTopicConf names more than 1024 brokers"},
		{"order with huge sum", withMember(simpleRoute("a"), `"orderTopicConf":"a:65536;b:1"`), "more than 65536 queues"},
		{"huge body", `{"queueDatas":[` + strings.Repeat(`{},`, 1<<21) + `{}]}`, "want at most 1048576"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r, err := routing.ParseRoute("some topic", []byte(tc.body))
			require.Nil(t, r)
			require.ErrorIs(t, err, headers.ErrMalformed)
			require.ErrorContains(t, err, `routing: route of topic "some topic": malformed: `)
			require.ErrorContains(t, err, tc.text)
		})
	}
}

// A broker that nobody can dial is named, with the reason, and the route goes by
// the other brokers. Without others the error says so.
func TestParseRouteBadMasterAddress(t *testing.T) {
	for _, tc := range []struct{ name, addr, text string }{
		{"no port", `"a"`, "address a: missing port"},
		{"no host", `":1"`, "bad host"},
		{"nothing", `null`, "missing port"},
		{"bare IPv6", `"::1:10911"`, "too many colons"},
		{"port by name", `"a:http"`, "bad port"},
		{"port out of range", `"a:65536"`, "bad port"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			bad := brokerSpec{"a", `"0":` + tc.addr, 2, 6}
			r, err := routing.ParseRoute("t", []byte(routeBody(bad, brokerSpec{"b", `"0":"b:1"`, 1, 6})))
			require.NoError(t, err)
			require.Equal(t, []string{"b:0"}, queueNames(r))
			require.Equal(t, []routing.Broker{{Name: "b", Addr: "b:1"}}, r.Brokers())
			require.Len(t, r.Unusable(), 1)
			require.Equal(t, "a", r.Unusable()[0].Broker)
			require.ErrorContains(t, r.Unusable()[0], tc.text)

			_, err = parseToWrite([]byte(routeBody(bad, brokerSpec{"b", `"0":"b:1"`, 1, 4})))
			var none *routing.NoQueueError
			require.ErrorAs(t, err, &none)
			require.Equal(t, routing.BadMasterAddress, none.Reason)
			require.Len(t, none.Unusable, 1)
			require.ErrorContains(t, err, tc.text)

			_, err = parseToWrite([]byte(routeBody(bad, brokerSpec{"b", `"1":"b:1"`, 1, 6})))
			require.ErrorAs(t, err, &none)
			require.Equal(t, routing.NoMaster, none.Reason, "it may pass by itself")
		})
	}
}

func TestParseRouteTakesTheMostQueues(t *testing.T) {
	r, err := routing.ParseRoute("t", []byte(routeBody(brokerSpec{"a", `"0":"a:1"`, 1 << 16, 6})))
	require.NoError(t, err)
	require.Len(t, r.WriteQueues(), 1<<16)
}

// manyBrokers is a route of n brokers with one queue each, all with the same addrs.
func manyBrokers(n int, addrs string) string {
	specs := make([]brokerSpec, n)
	for i := range specs {
		specs[i] = brokerSpec{fmt.Sprintf("broker-%04d", i), addrs, 1, 6}
	}
	return routeBody(specs...)
}

// Brokers that have no queue of the topic are none of its brokers, whatever their
// address is. One whose queues cannot be written to is: it may ask about transactions.
func TestParseRouteLeavesOutBrokersWithoutQueues(t *testing.T) {
	stray := `{"brokerAddrs":{"0":"stray:1"},"brokerName":"stray"},{"brokerAddrs":{"0":"nowhere"},"brokerName":"lost"},`
	body := strings.Replace(routeBody(brokerSpec{"a", `"0":"a:1"`, 2, 6}, brokerSpec{"b", `"0":"b:1"`, 2, 4}), `"brokerDatas":[`, `"brokerDatas":[`+stray, 1)
	r, err := routing.ParseRoute("t", []byte(body))
	require.NoError(t, err)
	require.Equal(t, []routing.Broker{{Name: "a", Addr: "a:1"}, {Name: "b", Addr: "b:1"}}, r.Brokers())
	require.Empty(t, r.Unusable())
	r, err = routing.ParseRoute("t", []byte(withMember(body, `"orderTopicConf":"stray:1"`)))
	require.NoError(t, err)
	require.Equal(t, []routing.Broker{{Name: "a", Addr: "a:1"}, {Name: "b", Addr: "b:1"}, {Name: "stray", Addr: "stray:1"}}, r.Brokers())
}

// However many brokers cannot be dialed, and whatever their addresses are, the errors
// stay fit for a log.
func TestParseRouteErrorsAreShort(t *testing.T) {
	long := strings.Repeat("x", 1<<19)
	for name, body := range map[string]string{
		"brokers":       manyBrokers(1024, `"0":"nowhere"`),
		"long address":  routeBody(brokerSpec{"a", `"0":"` + long + `:1"`, 1, 6}),
		"long name":     routeBody(brokerSpec{strings.Repeat("\x01", 170), `"0":"` + long + `"`, 1, 6}),
		"order":         withMember(simpleRoute("a"), `"orderTopicConf":"`+long+`"`),
		"wrong type":    `{"queueDatas":[{"perm":` + strings.Repeat("1", 1<<19) + `}],"brokerDatas":[]}`,
		"wrong address": routeBody(brokerSpec{"a", `"` + strings.Repeat("1", 1<<19) + `":"a:1"`, 1, 6}),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := parseToWrite([]byte(body))
			require.Error(t, err)
			require.Less(t, len(err.Error()), 4<<10)
		})
	}
	_, err := parseToWrite([]byte(manyBrokers(1024, `"0":"nowhere"`)))
	require.ErrorContains(t, err, "; and 1014 more")
	var none *routing.NoQueueError
	require.ErrorAs(t, err, &none)
	require.Len(t, none.Unusable, 1024)
}

// FuzzParseRoute: whatever the body, ParseRoute does not panic and gives either
// an error or a route. Each view of it has 1 to 65,536 queues of its topic or says why
// there is none. They are distinct and in order, unless it is an order topic to write.
// Brokers and replicas can be dialed, and what it accepts is accepted again in the
// plainest writing, with the same result.
func FuzzParseRoute(f *testing.F) {
	files, err := filepath.Glob("testdata/*_route_*resp.hex")
	require.NoError(f, err)
	require.NotEmpty(f, files)
	for _, file := range files {
		f.Add(golden(f, filepath.Base(file)).Body)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		r, err := routing.ParseRoute("t", body)
		if err != nil {
			require.Nil(t, r)
			require.NotEmpty(t, err.Error())
			return
		}
		requireSoundView(t, r, routing.Writing, r.WriteQueues())
		requireSoundView(t, r, routing.Reading, r.ReadQueues())
		require.True(t, isSorted(r.WriteQueues()) || mayBeOrderTopic(body))
		require.True(t, isSorted(r.ReadQueues()))
		for i, b := range r.Brokers() {
			require.NotEmpty(t, b.Name)
			if i > 0 {
				require.Less(t, r.Brokers()[i-1].Name, b.Name)
			}
			addr, ok := r.BrokerAddr(b.Name)
			require.True(t, ok)
			require.Equal(t, b.Addr, addr)
			master, ok := r.Replica(b.Name, routing.MasterID, true)
			require.True(t, ok)
			require.Equal(t, routing.Replica{BrokerName: b.Name, Addr: b.Addr}, master)
		}
		masters := 0
		for i, s := range r.Replicas() {
			_, _, err := net.SplitHostPort(s.Addr)
			require.NoError(t, err)
			if i > 0 {
				before := r.Replicas()[i-1]
				require.True(t, before.BrokerName < s.BrokerName || before.BrokerName == s.BrokerName && before.ID < s.ID)
			}
			found, ok := r.Replica(s.BrokerName, s.ID, true)
			require.True(t, ok)
			require.Equal(t, s, found)
			if s.IsMaster() {
				masters++
			}
		}
		require.Len(t, r.Brokers(), masters)
		for _, u := range r.Unusable() {
			_, ok := r.BrokerAddr(u.Broker)
			require.False(t, ok)
		}
		again, err := routing.ParseRoute("t", []byte(plain(r.Info())))
		require.NoError(t, err)
		require.Equal(t, r.Info(), again.Info())
		require.True(t, slices.Equal(r.WriteQueues(), again.WriteQueues()))
		require.True(t, slices.Equal(r.ReadQueues(), again.ReadQueues()))
		require.True(t, slices.Equal(r.Brokers(), again.Brokers()))
		require.True(t, slices.Equal(r.Replicas(), again.Replicas()))
	})
}

// requireSoundView checks what holds for each view of each route.
func requireSoundView(t *testing.T, r *routing.Route, v routing.View, queues []routing.MessageQueue) {
	err := r.Err(v)
	require.Equal(t, len(queues) == 0, err != nil)
	if err != nil {
		var none *routing.NoQueueError
		require.ErrorAs(t, err, &none)
		require.Equal(t, v, none.View)
		require.NotEmpty(t, none.Reason)
	}
	require.LessOrEqual(t, len(queues), 1<<16)
	for _, q := range queues {
		require.Equal(t, "t", q.Topic)
		require.NotEmpty(t, q.BrokerName)
		require.GreaterOrEqual(t, q.QueueID, int32(0))
	}
}

// mayBeOrderTopic reports whether body, a route that can be read, may have the
// configuration of an order topic, by its name or one with escaped letters.
func mayBeOrderTopic(body []byte) bool {
	return bytes.Contains(bytes.ToLower(body), []byte("ordertopicconf")) || bytes.Contains(body, []byte(`\u`))
}

func isSorted(queues []routing.MessageQueue) bool {
	for i := 1; i < len(queues); i++ {
		p, q := queues[i-1], queues[i]
		if p.BrokerName > q.BrokerName || p.BrokerName == q.BrokerName && p.QueueID >= q.QueueID {
			return false
		}
	}
	return true
}

// plain writes what a route says as standard JSON.
func plain(info *routing.TopicInfo) string {
	var queues, brokers []string
	for _, q := range info.Queues {
		queues = append(queues, fmt.Sprintf(`{"brokerName":%s,"perm":%d,"readQueueNums":%d,"writeQueueNums":%d}`, jsonString(q.BrokerName), q.Perm, q.Read, q.Write))
	}
	for _, b := range info.Brokers {
		addrs := "null"
		if b.Addrs != nil {
			addrs = jsonString(b.Addrs)
		}
		brokers = append(brokers, fmt.Sprintf(`{"cluster":%s,"brokerName":%s,"enableActingMaster":%t,"brokerAddrs":%s}`, jsonString(b.Cluster), jsonString(b.Name), b.ActingMaster, addrs))
	}
	return fmt.Sprintf(`{"orderTopicConf":%s,"queueDatas":[%s],"brokerDatas":[%s]}`,
		jsonString(info.OrderConf), strings.Join(queues, ","), strings.Join(brokers, ","))
}

func jsonString(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(b)
}
