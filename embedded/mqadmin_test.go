package embedded_test

import (
	"encoding/json"
	"fmt"
	"net"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/messageid"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/realbroker"
)

// adminScene is a fresh cluster that mqadmin is pointed at, with the same messages, groups and
// clients on each.
type adminScene struct {
	t           *testing.T
	witness     *realbroker.Witness
	nameServers []string
	broker      string // its address
	client      *client
	names       *strings.Replacer // of ids that differ from run to run
	unique      []string          // ids of the messages
	offsetIDs   []string
	nowhere     string // the id of no message
	beat        []byte // a heartbeat of its client
	log         []adminStep
	sent        time.Time // before the first message
	anew        string    // why the scene has to begin anew, on another cluster; no command runs then
}

// adminStep is a command, and what it has printed: without what differs from run to run.
type adminStep struct{ command, out string }

// adminNoise is what differs from run to run, and what mqadmin says of it.
var adminNoise = []struct {
	pattern *regexp.Regexp
	instead string
}{
	{regexp.MustCompile(`(?m)^\d\d:\d\d:\d\d,\d{3} \|-.*\n`), ""}, // of the library that logs
	{regexp.MustCompile(`\d{4}-\d\d-\d\d \d\d:\d\d:\d\d([,:]\d{3})?`), "TIME"},
	{regexp.MustCompile(`\b1[78]\d{11}\b`), "MILLIS"},
	{regexp.MustCompile(`127\.0\.0\.1:\d+`), "ADDRESS"},
	{regexp.MustCompile(`/[^ \n]*/msgbodys/`), "FOLDER/"},
	{regexp.MustCompile(`\b\d+\.\d{2,4}\b`), "RATE"}, // also hours and the room on a disk
	{regexp.MustCompile(`TPS: [\d.]+`), "TPS: RATE"},
	{regexp.MustCompile(`\d+,\d+ms`), "WAITS"},
	{regexp.MustCompile(`\d+-\d+\([\d.]+w, [\d.]+, [\d.]+\) +\d+`), "BEHIND"},
	{regexp.MustCompile(`MQClientAPIImpl\.java:\d+`), "LINE"},
	{regexp.MustCompile(`[ \t]+`), " "},
	{regexp.MustCompile(`(?m) $`), ""},
}

// mqadmin runs a command and notes what it has printed.
func (s *adminScene) mqadmin(args ...string) string {
	s.t.Helper()
	if s.anew != "" {
		return ""
	}
	if s.beat != nil { // brokers forget who does not say for two minutes that he lives
		s.succeed(headers.Heartbeat{}, s.beat)
	}
	out := s.printRegistered(args)
	for attempt := 1; attempt < 5 && adminLate.MatchString(out); attempt++ {
		if adminWrites[args[0]] {
			s.anew = "what has perhaps been done says something else the second time: " + strings.Join(args, " ")
		}
		out = s.printRegistered(args)
	}
	text := s.names.Replace(out)
	for _, noise := range adminNoise {
		text = noise.pattern.ReplaceAllString(text, noise.instead)
	}
	s.log = append(s.log, adminStep{s.names.Replace(strings.Join(args, " ")), text})
	return out
}

// adminLate is what a command says that waited in vain, on a machine with much to do.
// The last is what it says when the name server has no broker.
var adminLate = regexp.MustCompile(`Remoting(Timeout|Connect|SendRequest)Exception|Make sure the specified clusterName exists`)

// adminWrites are commands after which another run of them may find something else.
var adminWrites = map[string]bool{"updateTopic": true, "updateSubGroup": true, "deleteTopic": true, "deleteSubGroup": true, "resetOffsetByTime": true}

// steady is mqadmin for a command that only reads and says nothing of what it waited for in
// vain, but prints zeros or nothing in its place: it runs until it prints the same twice, in
// whatever order.
func (s *adminScene) steady(args ...string) {
	s.t.Helper()
	s.mqadmin(args...)
	for attempt := 1; attempt < 10 && s.anew == ""; attempt++ {
		before := s.log[len(s.log)-1]
		s.log = s.log[:len(s.log)-1]
		s.mqadmin(args...)
		if s.log[len(s.log)-1].sortedOut() == before.sortedOut() {
			return
		}
	}
}

// find is mqadmin for a query that finds something: one that waited in vain says that it has
// found nothing.
func (s *adminScene) find(args ...string) {
	s.t.Helper()
	for attempt := 1; strings.Contains(s.mqadmin(args...), "CODE: 208") && attempt < 5; attempt++ {
		s.log = s.log[:len(s.log)-1]
	}
}

// printRegistered is print while the name server has the broker, which it loses for some
// seconds when a busy machine has their connection end.
func (s *adminScene) printRegistered(args []string) (out string) {
	s.t.Helper()
	for try, registered := 1, false; try < 5 && !registered; try++ {
		require.Eventually(s.t, s.registered, patience, 10*time.Millisecond)
		out = s.print(args)
		registered = s.registered()
	}
	return out
}

func (s *adminScene) print(args []string) string {
	s.t.Helper()
	printed := s.witness.MQAdmin(s.t, s.nameServers, args...)
	return printed.Out + failureOf(printed.Err)
}

// failureOf is what an exception says, with its causes and without its places.
func failureOf(trace string) string {
	var lines []string
	for line := range strings.Lines(trace) {
		if !strings.HasPrefix(line, "\tat ") && !strings.HasPrefix(line, "\t... ") {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "")
}

// sorted has the lines of the last command in order: Java prints them in that of a hash
// table.
func (s *adminScene) sorted() {
	last := &s.log[len(s.log)-1]
	last.out = last.sortedOut()
}

func (s adminStep) sortedOut() string {
	lines := strings.SplitAfter(s.out, "\n")
	slices.Sort(lines)
	return strings.Join(lines, "")
}

// adminMessages are what is in the topic orders: the queue, the tag and the keys.
var adminMessages = []struct {
	queue     int32
	tag, keys string
}{{0, "blue", "k1"}, {0, "red", "k1 k2"}, {0, "green", ""}, {1, "blue", "k2"}, {1, "", "k3"}}

func (s *adminScene) prepare() {
	s.mqadmin("updateTopic", "-c", "DefaultCluster", "-t", "orders", "-r", "2", "-w", "2")
	s.mqadmin("updateSubGroup", "-c", "DefaultCluster", "-g", "shop", "-r", "3")
	ids, err := messageid.NewSource(time.Now())
	require.NoError(s.t, err)
	pairs := []string{s.broker, "ADDRESS"}
	const behind = "00000000000FFFFF" // an offset of the log
	s.sent = time.Now()
	for i, m := range adminMessages {
		id, err := ids.Next(time.Now())
		require.NoError(s.t, err)
		s.unique = append(s.unique, id.String())
		properties := []string{"UNIQ_KEY", id.String(), "KEYS", m.keys, "TAGS", m.tag}
		if m.tag == "" {
			properties = properties[:4]
		}
		answer := s.succeed(message("orders", toQueue(m.queue), with(properties...)), fmt.Appendf(nil, "body %d", i))
		result, err := headers.ParseSendResult(&answer)
		require.NoError(s.t, err)
		s.offsetIDs = append(s.offsetIDs, result.OffsetMessageID)
		pairs = append(pairs, id.String(), fmt.Sprint("UNIQUE", i), result.OffsetMessageID, fmt.Sprint("OFFSET", i))
	}
	s.nowhere = s.offsetIDs[0][:len(s.offsetIDs[0])-len(behind)] + behind
	s.names = strings.NewReplacer(append(pairs, s.nowhere, "NOWHERE")...)
	beat := headers.HeartbeatData{
		ClientID: "127.0.0.1@shop",
		Consumers: []headers.ConsumerData{{
			Group: "shop", ConsumeType: headers.ConsumePassively, MessageModel: headers.Clustering, ConsumeFromWhere: headers.ConsumeFromFirstOffset,
			Subscriptions: []headers.SubscriptionData{
				{Topic: "orders", Expression: "blue || red", Tags: []string{"blue", "red"}, Codes: []int32{headers.HashCode("blue"), headers.HashCode("red")}, ExpressionType: "TAG", Version: 1},
				{Topic: "%RETRY%shop", Expression: "*", ExpressionType: "TAG", Version: 1},
			},
		}},
		Producers: []headers.ProducerData{{Group: "makers"}},
	}
	raw, err := beat.Encode()
	require.NoError(s.t, err)
	s.beat = raw
	s.succeed(headers.Heartbeat{}, s.beat)
	s.commit("shop", 0, 2)
	s.commit("offline", 1, 1)
	s.succeed(pull("orders", 0, func(h *headers.PullMessage) { h.ConsumerGroup = "shop" }), nil)
	require.Eventually(s.t, func() bool {
		answer := s.call(&headers.QueryMessage{Topic: "orders", Key: "k3", MaxMessages: 32, End: time.Now().UnixMilli() + 60_000}, nil)
		return answer.Code == int32(headers.Success) && s.routed("%RETRY%shop") && s.routed("orders")
	}, patience, 50*time.Millisecond, "indexed, and known to the name server")
	// All is counted soon, or some of it is more than a minute old by now.
	require.Eventually(s.t, func() bool { return s.allCounted() || time.Since(s.sent) > 50*time.Second }, patience, 100*time.Millisecond,
		"brokers look at what they have counted every ten seconds")
	s.mustBeCounted()
}

func (s *adminScene) allCounted() bool {
	return s.counted("TOPIC_PUT_NUMS", "orders") == 5 && s.counted("GROUP_GET_NUMS", "orders@shop") == 6 && s.counted("GROUP_GET_NUMS", "orders@offline") == 2
}

// mustBeCounted has the scene begin anew if what it did is not, or no longer, what brokers
// count of the last minute.
func (s *adminScene) mustBeCounted() {
	if s.anew == "" && !s.allCounted() {
		s.anew = "too slow for what brokers count of the last minute"
	}
}

// call is that of the client, which is also pushed to.
func (s *adminScene) call(r headers.Request, body []byte) headers.Command {
	s.t.Helper()
	opaque := s.client.send(r, body)
	for {
		if answer := s.client.receive(); answer.IsResponse() && answer.Opaque == opaque {
			return answer
		}
	}
}

func (s *adminScene) succeed(r headers.Request, body []byte) headers.Command {
	s.t.Helper()
	answer := s.call(r, body)
	require.NoError(s.t, answer.Err())
	return answer
}

// commit commits an offset of a group that real brokers know.
func (s *adminScene) commit(group string, queue int32, offset int64) {
	s.call(pull("orders", 0, func(h *headers.PullMessage) { h.ConsumerGroup, h.QueueID = group, queue }), nil)
	s.succeed(&headers.UpdateConsumerOffset{ConsumerGroup: group, Topic: "orders", QueueID: queue, CommitOffset: offset}, nil)
}

// counted is how many messages a broker counts of the last minute.
func (s *adminScene) counted(name, key string) int64 {
	answer := s.call(ask(headers.CodeBrokerStats, "statsName", name, "statsKey", key), nil)
	if answer.Code != int32(headers.Success) {
		return 0
	}
	var stats struct{ StatsMinute struct{ Sum int64 } }
	require.NoError(s.t, json.Unmarshal(answer.Body, &stats))
	return stats.StatsMinute.Sum
}

func (s *adminScene) routed(topic string) bool {
	answer := s.askNameServer(plain{headers.CodeTopicRoute, headers.FieldList{{Name: "topic", Value: topic}}})
	return answer.Code == int32(headers.Success)
}

func (s *adminScene) registered() bool {
	answer := s.askNameServer(plain{code: headers.CodeClusterInfo})
	return strings.Contains(string(answer.Body), s.broker)
}

func (s *adminScene) askNameServer(r headers.Request) headers.Command {
	nc, err := net.Dial("tcp", s.nameServers[0])
	require.NoError(s.t, err)
	defer nc.Close()
	return newClient(s.t, nc).call(r, nil)
}

// run runs the commands that admins have.
func (s *adminScene) run() {
	s.prepare()
	s.steady("statsAll", "-t", "orders")
	s.sorted()
	s.mustBeCounted()
	for _, topic := range []string{"orders", "%RETRY%shop", "none"} {
		s.mqadmin("topicStatus", "-t", topic)
		s.mqadmin("topicRoute", "-t", topic)
	}
	for _, group := range []string{"shop", "offline", "none"} {
		s.mqadmin("consumerProgress", "-g", group)
		s.mqadmin("consumerConnection", "-g", group)
	}
	s.mqadmin("consumerProgress", "-g", "offline", "-t", "orders")
	s.steady("consumerProgress")
	s.sorted()
	s.mqadmin("producerConnection", "-g", "makers", "-t", "orders")
	s.mqadmin("producerConnection", "-g", "none", "-t", "orders")
	s.mqadmin("topicList")
	s.sorted()
	s.steady("topicList", "-c")
	s.sorted()
	s.steady("clusterList")
	s.steady("clusterList", "-m")
	s.mqadmin("brokerStatus", "-b", s.broker)
	s.mqadmin("brokerStatus", "-c", "DefaultCluster")
	s.find("queryMsgById", "-i", s.offsetIDs[1], "-t", "orders")
	s.mqadmin("queryMsgById", "-i", s.nowhere, "-t", "orders")
	s.find("queryMsgByKey", "-t", "orders", "-k", "k1")
	s.sorted()
	s.mqadmin("queryMsgByKey", "-t", "orders", "-k", "none")
	s.mqadmin("queryMsgByKey", "-t", "none", "-k", "none")
	s.find("queryMsgByUniqueKey", "-t", "orders", "-i", s.unique[3])
	s.mqadmin("queryMsgByUniqueKey", "-t", "orders", "-i", strings.Repeat("0", 32))
	s.mqadmin("queryMsgByOffset", "-t", "orders", "-b", "broker-a", "-i", "1", "-o", "1")
	s.mqadmin("queryMsgByOffset", "-t", "orders", "-b", "broker-a", "-i", "1", "-o", "9")
	s.mqadmin("printMsg", "-t", "orders", "-d", "true")
	s.mqadmin("printMsg", "-t", "orders", "-d", "true", "-s", "blue")
	s.mqadmin("resetOffsetByTime", "-g", "shop", "-t", "orders", "-s", "0", "-f", "true")
	s.mqadmin("consumerProgress", "-g", "shop")
	s.mqadmin("resetOffsetByTime", "-g", "shop", "-t", "orders", "-s", "now")
	s.mqadmin("resetOffsetByTime", "-g", "none", "-t", "orders", "-s", "0")
	s.mqadmin("resetOffsetByTime", "-g", "shop", "-t", "none", "-s", "0")
	s.mqadmin("updateTopic", "-c", "DefaultCluster", "-t", "fifo", "-r", "1", "-w", "1", "-o", "true", "-a", "+message.type=FIFO")
	s.mqadmin("topicRoute", "-t", "fifo")
	s.mqadmin("updateTopic", "-c", "DefaultCluster", "-t", "bad topic")
	s.mqadmin("updateTopic", "-c", "DefaultCluster", "-t", "TBW102")
	s.mqadmin("deleteTopic", "-c", "DefaultCluster", "-t", "fifo")
	s.mqadmin("topicRoute", "-t", "fifo")
	s.mqadmin("deleteTopic", "-c", "DefaultCluster", "-t", "none")
	s.mqadmin("deleteTopic", "-c", "DefaultCluster", "-t", "TBW102")
	s.mqadmin("deleteSubGroup", "-c", "DefaultCluster", "-g", "offline", "-r", "true")
	s.mqadmin("consumerProgress", "-g", "offline", "-t", "orders")
	s.mqadmin("deleteSubGroup", "-c", "DefaultCluster", "-g", "none")
	s.mqadmin("deleteTopic", "-c", "DefaultCluster", "-t", "orders")
	s.mqadmin("topicStatus", "-t", "orders")
}

// adminSystemTopics are topics of a real broker that ours has when there is something in
// them, or not at all.
var adminSystemTopics = []string{
	"BenchmarkTest", "DefaultCluster", "OFFSET_MOVED_EVENT", "RMQ_SYS_ROCKSDB_TRANS_HALF_TOPIC", "RMQ_SYS_ROCKSDB_TRANS_OP_HALF_TOPIC",
	"RMQ_SYS_TRANS_HALF_TOPIC", "RMQ_SYS_TRANS_OP_HALF_TOPIC", "SCHEDULE_TOPIC_XXXX", "SELF_TEST_TOPIC", "broker-a",
	"rmq_sys_REVIVE_LOG_DefaultCluster", "rmq_sys_SYNC_BROKER_MEMBER_broker-a", "rmq_sys_wheel_timer",
}

// adminNotModelled is what brokerStatus prints of a real broker and not of ours: of disks,
// caches, sizes of queues of requests, and of how long operations take and how many there are
// in a second.
var adminNotModelled = []string{
	"EndTransactionThreadPoolQueueCapacity", "ackThreadPoolQueueCapacity", "commitLogDirCapacity", "commitLogDiskRatio", "consumeQueueDiskRatio",
	"dispatchMaxBuffer", "getFoundTps", "getMessageEntireTimeMax", "getMissTps", "getTotalTps", "getTransferredTps", "litePullThreadPoolQueueCapacity",
	"pullThreadPoolQueueCapacity", "putLatency99", "putLatency999", "putMessageAverageSize", "putMessageDistributeTime", "putMessageEntireTimeMax",
	"putMessageFailedTimes", "putMessageSizeTotal", "putMessageTimesTotal", "putTps", "queryThreadPoolQueueCapacity", "remainHowManyDataToFlush",
	"remainTransientStoreBufferNumbs", "sendThreadPoolQueueCapacity", "startAcceptSendRequestTimeStamp", "timerCongestNum", "timerDequeueTps", "timerEnqueueTps",
}

// adminWaits are lines of brokerStatus, in which a real broker that has much to do has other
// numbers than one that has not, and for how long it runs. Ours has 0.
var adminWaits = regexp.MustCompile(`^runtime$|QueueSize$|HeadWaitTimeMills$|Behind|LockTimeMills$`)

// comparable is what a command has printed, without what is not modelled.
func (s adminStep) comparable() string {
	var left []string
	for line := range strings.Lines(s.out) {
		words := strings.Fields(line)
		known := len(words) == 0
		switch command, _, _ := strings.Cut(s.command, " "); {
		case known:
		case command == "topicList":
			known = slices.Contains(adminSystemTopics, words[0]) || len(words) == 2 && slices.Contains(adminSystemTopics, words[1])
		case command == "brokerStatus":
			name, _, _ := strings.Cut(words[0], ":")
			if name == "ADDRESS" {
				name, _, _ = strings.Cut(words[1], ":")
			}
			known = slices.Contains(adminNotModelled, name) || strings.HasPrefix(name, "commitLogDiskRatio_")
			if adminWaits.MatchString(name) {
				line = name
			}
		}
		if !known {
			left = append(left, line)
		}
	}
	return strings.Join(left, "")
}

// Commands of RocketMQ's mqadmin print the same of a real 5.5.0 broker and of ours, but for
// addresses, times, ids, and what is not modelled.
func TestMQAdmin(t *testing.T) {
	realbroker.Require(t)
	witness := realbroker.WitnessFor(t, "5.5.0", nil) // each command is told its name servers
	scene := func(fresh func() (nameServers []string, broker string)) []adminStep {
		for attempt := 1; ; attempt++ {
			nameServers, broker := fresh()
			nc, err := net.Dial("tcp", broker)
			require.NoError(t, err)
			t.Cleanup(func() { nc.Close() })
			s := &adminScene{t: t, witness: witness, nameServers: nameServers, broker: broker, client: newClient(t, nc), names: strings.NewReplacer(broker, "ADDRESS")}
			s.run()
			if s.anew == "" {
				return s.log
			}
			require.Less(t, attempt, 3, s.anew)
			t.Log("begins anew:", s.anew)
		}
	}
	ours := scene(func() ([]string, string) {
		cluster := start(t)
		return cluster.NameServers(), cluster.Broker(0).Addr()
	})
	// The longest period there is: a broker that tells the name server of its topics while one
	// is deleted brings it back.
	cfg := realbroker.Config{Version: "5.5.0", BrokerProps: map[string]string{"registerNameServerPeriod": "60000"}}
	theirs := scene(func() ([]string, string) {
		real := realbroker.Start(t, cfg)
		return real.NameServers(), real.Broker(0).Addr
	})
	require.Len(t, ours, len(theirs))
	for i, want := range theirs {
		t.Run(want.command, func(t *testing.T) {
			require.Equal(t, want.command, ours[i].command)
			require.Equal(t, strings.HasSuffix(want.command, "-o 9"), want.out == "", "only a message that is not there has nothing said of it")
			require.Equal(t, want.comparable(), ours[i].comparable())
		})
	}
}
