package routing_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
)

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
			require.Len(t, r.Queues(), tc.queues)
			for i, q := range r.Queues() {
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
			err:  &routing.NoQueueError{Topic: "t", Reason: routing.NoWritePermission},
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
			r, err := routing.ParseRoute("t", []byte(tc.body))
			if tc.err != nil {
				require.Equal(t, tc.err, err)
				return
			}
			require.NoError(t, err)
			require.Equal(t, tc.queues, strings.Join(queueNames(r), " "))
		})
	}
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
		{"huge count", routeBody(brokerSpec{"a", `"0":"a:1"`, 1<<31 - 1, 6}), "2147483647 queues, want at most 65536"},
		{"huge sum", routeBody(brokerSpec{"a", ``, 1<<31 - 1, 6}, brokerSpec{"b", ``, 1<<31 - 1, 6}), "4294967294 queues"},
		{"count out of range", routeBody(brokerSpec{"a", `"0":"a:1"`, 1 << 40, 6}), "queueDatas.writeQueueNums"},
		{"order without count", withMember(simpleRoute("a"), `"orderTopicConf":"a"`), `orderTopicConf has "a", want broker:count`},
		{"order without broker", withMember(simpleRoute("a"), `"orderTopicConf":":4"`), "want broker:count"},
		{"order with negative count", withMember(simpleRoute("a"), `"orderTopicConf":"a:-4"`), "want broker:count"},
		{"order with huge sum", withMember(simpleRoute("a"), `"orderTopicConf":"a:65536;b:1"`), "more than 65536 queues"},
		{"huge body", `{"queueDatas":[` + strings.Repeat(`{},`, 1<<21) + `{}]}`, "want at most 4194304"},
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

			_, err = routing.ParseRoute("t", []byte(routeBody(bad, brokerSpec{"b", `"0":"b:1"`, 1, 4})))
			var none *routing.NoQueueError
			require.ErrorAs(t, err, &none)
			require.Equal(t, routing.BadMasterAddress, none.Reason)
			require.Len(t, none.Unusable, 1)
			require.ErrorContains(t, err, tc.text)

			_, err = routing.ParseRoute("t", []byte(routeBody(bad, brokerSpec{"b", `"1":"b:1"`, 1, 6})))
			require.ErrorAs(t, err, &none)
			require.Equal(t, routing.NoMaster, none.Reason, "it may pass by itself")
		})
	}
}

func TestParseRouteTakesTheMostQueues(t *testing.T) {
	r, err := routing.ParseRoute("t", []byte(routeBody(brokerSpec{"a", `"0":"a:1"`, 1 << 16, 6})))
	require.NoError(t, err)
	require.Len(t, r.Queues(), 1<<16)
}

// FuzzParseRoute: whatever the body, ParseRoute does not panic and gives either
// an error or a route that has 1 to 65,536 queues of its topic, distinct and in
// order unless it is an order topic, and brokers that can be dialed; and what it
// accepts is accepted again in the plainest writing, with the same result.
func FuzzParseRoute(f *testing.F) {
	for _, name := range []string{"54_route_105_resp.hex", "56_route_105_v400_resp.hex", "85_v497_route_resp.hex"} {
		c := golden(f, name)
		f.Add(c.Body)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		r, err := routing.ParseRoute("t", body)
		if err != nil {
			require.Nil(t, r)
			require.NotEmpty(t, err.Error())
			return
		}
		queues := r.Queues()
		require.NotEmpty(t, queues)
		require.LessOrEqual(t, len(queues), 1<<16)
		require.True(t, isSorted(queues) || mayBeOrderTopic(body))
		for _, q := range queues {
			require.Equal(t, "t", q.Topic)
			require.NotEmpty(t, q.BrokerName)
			require.GreaterOrEqual(t, q.QueueID, int32(0))
		}
		for i, b := range r.Brokers() {
			require.NotEmpty(t, b.Name)
			_, _, err := net.SplitHostPort(b.Addr)
			require.NoError(t, err)
			if i > 0 {
				require.Less(t, r.Brokers()[i-1].Name, b.Name)
			}
			addr, ok := r.BrokerAddr(b.Name)
			require.True(t, ok)
			require.Equal(t, b.Addr, addr)
		}
		for _, u := range r.Unusable() {
			_, ok := r.BrokerAddr(u.Broker)
			require.False(t, ok)
		}
		again, err := routing.ParseRoute("t", []byte(plain(r)))
		require.NoError(t, err)
		require.True(t, slices.Equal(queues, again.Queues()))
		require.True(t, slices.Equal(r.Brokers(), again.Brokers()))
	})
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

// plain writes r's queues and brokers as standard JSON. Only an order topic has
// queues that are not sorted, or on brokers without a master.
func plain(r *routing.Route) string {
	ordered := !isSorted(r.Queues())
	for _, q := range r.Queues() {
		_, ok := r.BrokerAddr(q.BrokerName)
		ordered = ordered || !ok
	}
	var queues, brokers []string
	var conf strings.Builder
	all := r.Queues()
	for i := 0; i < len(all); {
		// A run of one broker's queues, numbered from 0.
		n := 1
		for i+n < len(all) && all[i+n].BrokerName == all[i].BrokerName && all[i+n].QueueID > 0 {
			n++
		}
		queues = append(queues, fmt.Sprintf(`{"brokerName":%s,"perm":2,"writeQueueNums":%d}`, jsonString(all[i].BrokerName), n))
		if ordered {
			fmt.Fprintf(&conf, "%s:%d;", all[i].BrokerName, n)
		}
		i += n
	}
	for _, b := range r.Brokers() {
		brokers = append(brokers, fmt.Sprintf(`{"brokerName":%s,"brokerAddrs":{"0":%s}}`, jsonString(b.Name), jsonString(b.Addr)))
	}
	return fmt.Sprintf(`{"orderTopicConf":%s,"queueDatas":[%s],"brokerDatas":[%s]}`,
		jsonString(conf.String()), strings.Join(queues, ","), strings.Join(brokers, ","))
}

func jsonString(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	return string(b)
}
