package embedded_test

import (
	"context"
	"fmt"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/body"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/realbroker"
	"github.com/watermill-rocketmq/watermill-rocketmq/transport"
)

// soon is the lease of messages that are to come again. A client that needs longer for what
// it does within the lease begins its case anew, see [popWorld.inTime].
const soon = 5 * time.Second

// longEnough is a poll in which messages whose lease was soon over have come again, if they
// do: brokers look for them every few seconds.
const longEnough = soon + 6*time.Second

// longPoll is how long brokers may hold a request that is to be answered before. It is less
// than the time for which a connection may be idle.
const longPoll = 90 * time.Second

// popWorld is a broker that the cases of POP run on, embedded or real, with a topic and a
// group that nobody else uses.
type popWorld struct {
	t       *testing.T
	addr    string
	broker  string
	client  *transport.Client
	version headers.Version
	real    bool
	group   string
	topic   string

	mu     sync.Mutex
	pushes []headers.Command // requests of the broker
}

// pushed returns a request of the broker, nil if none has come.
func (w *popWorld) pushed(code headers.RequestCode) *headers.Command {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := range w.pushes {
		if headers.RequestCode(w.pushes[i].Code) == code {
			return &w.pushes[i]
		}
	}
	return nil
}

// brokerCase is something that brokers do, in requests and answers.
type brokerCase struct {
	name   string
	queues int
	// since is the first version that does so.
	since headers.Version
	run   func(w *popWorld)
}

// caseVersion is a version that cases run on.
type caseVersion struct {
	name    string
	version headers.Version
}

// popVersions are those that POP is looked at on.
func popVersions() []caseVersion {
	return []caseVersion{{"5.5.0", headers.Version5_5_0}, {"5.1.4", headers.Version5_1_4}}
}

// runCases runs cases on embedded brokers and on real ones.
func runCases(t *testing.T, versions []caseVersion, cases []brokerCase) {
	for _, v := range versions {
		for _, c := range cases {
			if c.since > v.version {
				continue
			}
			t.Run("embedded "+v.name+"/"+c.name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					cluster, err := embedded.Start(embedded.InMemory(), embedded.WithVersion(v.version), embedded.WithReviveLag(2*time.Second))
					require.NoError(t, err)
					defer func() { require.NoError(t, cluster.Close()) }()
					w := &popWorld{t: t, addr: cluster.Broker(0).Addr(), broker: cluster.Broker(0).Name(), version: v.version}
					w.run(c, cluster.Dial)
				})
			})
			t.Run("real "+v.name+"/"+c.name, func(t *testing.T) {
				if v.version == headers.Version5_1_4 {
					realbroker.RequireFull(t)
				}
				t.Parallel()
				b := sharedBroker(t, v.name)
				w := &popWorld{t: t, addr: b.Addr, broker: b.Name, version: v.version}
				w.run(c, nil)
			})
		}
	}
}

func (w *popWorld) run(c brokerCase, dial transport.Dialer) {
	keep := func(push *transport.PeerRequest) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.pushes = append(w.pushes, push.Command)
	}
	client, err := transport.New(transport.Config{Dial: dial, DialTimeout: patience, WriteTimeout: patience, StallTimeout: time.Minute, Requests: map[headers.RequestCode]transport.RequestHandler{
		headers.CodeResetClientOffset: keep,
	}})
	require.NoError(w.t, err)
	defer func() { require.NoError(w.t, client.Close()) }()
	w.client, w.real = client, dial == nil
	const most = 20
	for try := 1; !w.try(c); try++ {
		w.t.Logf("the client was too late for its leases, for the %d. time", try)
		require.Less(w.t, try, most)
	}
}

// leaseOver ends a try of a case, see [popWorld.inTime].
type leaseOver struct{}

// try runs a case, with a topic and a group of its own, and reports whether it was in time.
func (w *popWorld) try(c brokerCase) (inTime bool) {
	w.t.Helper()
	defer func() {
		switch reason := recover(); reason {
		case nil, leaseOver{}:
		default:
			panic(reason)
		}
	}()
	w.mu.Lock()
	w.pushes = nil
	w.mu.Unlock()
	id := watermill.NewShortUUID()
	w.group, w.topic = "group-"+id, "topic-"+id
	queues := max(1, c.queues)
	w.succeed(&headers.CreateTopic{Topic: w.topic, ReadQueues: int32(queues), WriteQueues: int32(queues), Perm: headers.PermRead | headers.PermWrite}, nil)
	c.run(w)
	return true
}

// inTime is called when the broker has answered what counts only within the leases of
// messages. If one is over it may have come too late, on a machine that is busy, and the case
// is tried anew. Time does not go by in bubbles unless a case wants it to.
func (w *popWorld) inTime(leases ...popped) {
	for i := range leases {
		h := &leases[i].handle
		if w.real && time.Now().UnixMilli() >= h.PopTime+h.InvisibleMillis {
			panic(leaseOver{})
		}
	}
}

// shared has the real clusters of this package's tests, stopped by TestMain.
var shared = struct {
	sync.Mutex
	clusters map[string]*realbroker.Cluster
}{clusters: make(map[string]*realbroker.Cluster)}

func sharedBroker(t testing.TB, version string) *realbroker.Broker {
	t.Helper()
	realbroker.Require(t)
	shared.Lock()
	defer shared.Unlock()
	c := shared.clusters[version]
	if c == nil {
		var err error
		c, err = realbroker.Launch(context.Background(), realbroker.Config{Version: version}, nil)
		require.NoError(t, err)
		shared.clusters[version] = c
	}
	return c.Broker(0)
}

func TestMain(m *testing.M) {
	code := m.Run()
	for version, c := range shared.clusters {
		if err := c.Close(); err != nil {
			fmt.Fprintf(os.Stderr, "stopping RocketMQ %s: %v\n", version, err)
			code = 1
		}
	}
	os.Exit(code)
}

// call sends a request. Its answer has time for any poll.
func (w *popWorld) call(r headers.Request, body []byte) headers.Command {
	w.t.Helper()
	for {
		ctx, cancel := context.WithTimeout(w.t.Context(), 3*time.Minute)
		answer, err := w.client.Invoke(ctx, w.addr, headers.InJSON(r), body)
		cancel()
		require.NoError(w.t, err)
		if headers.ResponseCode(answer.Code) != headers.SystemBusy { // a loaded machine: nothing was done
			return answer
		}
	}
}

func (w *popWorld) succeed(r headers.Request, body []byte) headers.Command {
	w.t.Helper()
	answer := w.call(r, body)
	require.NoError(w.t, answer.Err())
	return answer
}

func (w *popWorld) refused(code headers.ResponseCode, r headers.Request, body []byte) {
	w.t.Helper()
	answer := w.call(r, body)
	require.Equal(w.t, code, headers.ResponseCode(answer.Code), "%s", answer.Remark)
}

// badParameter is the code of the version for parameters that are out of range.
func (w *popWorld) badParameter() headers.ResponseCode {
	if w.version < headers.Version5_3_0 {
		return headers.SystemError
	}
	return headers.InvalidParameter
}

// send stores messages in a queue, and waits until they can be read.
func (w *popWorld) send(queue int32, bodies ...string) {
	w.t.Helper()
	for _, b := range bodies {
		w.sendTagged(queue, "", b)
	}
}

func (w *popWorld) sendTagged(queue int32, tag, content string) {
	w.t.Helper()
	var properties []byte
	if tag != "" {
		properties = headers.AppendProperty(properties, headers.PropertyTags, tag)
	}
	answer := w.succeed(&headers.SendMessage{
		ProducerGroup: "producers", Topic: w.topic, DefaultTopic: headers.DefaultTopic, DefaultTopicQueues: 4, QueueID: queue,
		BornTimestamp: time.Now().UnixMilli(), Flag: 7, Properties: properties,
	}, []byte(content))
	result, err := headers.ParseSendResult(&answer)
	require.NoError(w.t, err)
	w.eventually(func() bool { return w.number(headers.CodeMaxOffset, w.topic, queue) > result.QueueOffset })
}

// eventually waits for a condition on the broker.
func (w *popWorld) eventually(condition func() bool) {
	w.t.Helper()
	deadline := time.Now().Add(patience)
	for !condition() {
		require.True(w.t, time.Now().Before(deadline), "the condition did not come about")
		time.Sleep(10 * time.Millisecond) // between two questions to the broker
	}
}

func (w *popWorld) number(code headers.RequestCode, topic string, queue int32) int64 {
	w.t.Helper()
	answer := w.succeed(&headers.QueueRequest{Code: code, Topic: topic, QueueID: queue, ConsumerGroup: w.group}, nil)
	return integer(w.t, answer.Fields.String("offset"))
}

// requireOffset waits until the group's offset is at a place: brokers commit it a moment
// after a pop.
func (w *popWorld) requireOffset(queue int32, want int64) {
	w.t.Helper()
	w.eventually(func() bool { return w.number(headers.CodeQueryConsumerOffset, w.topic, queue) == want })
}

// popped is a message that was popped.
type popped struct {
	body.StoredMessage
	handle headers.ReceiptHandle
	count  int32 // of an ordered pop
}

func (p *popped) property(name string) string {
	for n, v := range headers.Properties(p.Properties) {
		if string(n) == name {
			return string(v)
		}
	}
	return ""
}

func contents(list []popped) []string {
	all := []string{}
	for _, p := range list {
		all = append(all, string(p.Body))
	}
	return all
}

// pull reads what there is of a queue of some topic from an offset on.
func (w *popWorld) pull(topic string, queue int32, offset int64) (headers.PullResult, []popped) {
	w.t.Helper()
	answer := w.call(&headers.PullMessage{
		ConsumerGroup: w.group, Topic: topic, QueueID: queue, QueueOffset: offset, MaxMessages: 32, SysFlag: headers.PullSubscription, Subscription: "*",
	}, nil)
	result, err := headers.ParsePullResult(&answer)
	require.NoError(w.t, err, "%d %s", answer.Code, answer.Remark)
	var list []popped
	for rest := answer.Body; len(rest) > 0; {
		var p popped
		p.StoredMessage, rest, err = body.ParseStored(rest)
		require.NoError(w.t, err)
		list = append(list, p)
	}
	return result, list
}

// awaitPull pulls from the first queue of a topic until there is a message, which may
// take its topic to come about.
func (w *popWorld) awaitPull(topic string, offset int64) popped {
	w.t.Helper()
	w.eventually(func() bool { return w.number(headers.CodeMaxOffset, topic, 0) > offset })
	_, list := w.pull(topic, 0, offset)
	require.NotEmpty(w.t, list)
	require.Equal(w.t, offset, list[0].QueueOffset)
	return list[0]
}

// request is a pop from all queues that does not wait. It does not say when it was made:
// brokers refuse what has taken half a second to come to them.
func (w *popWorld) request(change ...func(h *headers.PopMessage)) *headers.PopMessage {
	h := &headers.PopMessage{
		ConsumerGroup: w.group, Topic: w.topic, QueueID: -1, MaxMessages: 32, InvisibleMillis: 60_000,
		ExpressionType: "TAG", Expression: "*",
	}
	for _, f := range change {
		f(h)
	}
	return h
}

// pop pops, and checks that the answer is one piece. Nothing to pop is no failure.
func (w *popWorld) pop(change ...func(h *headers.PopMessage)) ([]popped, headers.PopResult) {
	w.t.Helper()
	answer := w.call(w.request(change...), nil)
	if answer.Code != int32(headers.Success) {
		require.Equal(w.t, headers.PollingTimeout, headers.ResponseCode(answer.Code), "%s", answer.Remark)
		require.Empty(w.t, answer.Body)
		result, err := headers.ParsePopResult(&answer)
		require.NoError(w.t, err)
		require.Empty(w.t, result.Queues)
		return nil, result
	}
	return w.parse(&answer)
}

func (w *popWorld) parse(answer *headers.Command) ([]popped, headers.PopResult) {
	w.t.Helper()
	result, err := headers.ParsePopResult(answer)
	require.NoError(w.t, err)
	var list []popped
	rest := answer.Body
	for i := range result.Queues {
		q := &result.Queues[i]
		for n, offset := range q.Offsets {
			var p popped
			p.StoredMessage, rest, err = body.ParseStored(rest)
			require.NoError(w.t, err)
			require.Equal(w.t, offset, p.QueueOffset)
			require.Equal(w.t, w.topic, p.Topic, "retry topics do not show")
			p.handle = result.Handle(w.broker, q, n)
			if q.OrderCounts != nil {
				p.count = q.OrderCounts[n]
			}
			list = append(list, p)
		}
	}
	require.Empty(w.t, rest)
	return list, result
}

// await pops until there are so many messages.
func (w *popWorld) await(n int, change ...func(h *headers.PopMessage)) []popped {
	w.t.Helper()
	var all []popped
	w.eventually(func() bool {
		list, _ := w.pop(append(change, polling(2*time.Second))...)
		all = append(all, list...)
		return len(all) >= n
	})
	require.Len(w.t, all, n)
	return all
}

// Changes of a pop.
func polling(d time.Duration) func(h *headers.PopMessage) {
	return func(h *headers.PopMessage) { h.PollMillis = d.Milliseconds() }
}

func invisible(d time.Duration) func(h *headers.PopMessage) {
	return func(h *headers.PopMessage) { h.InvisibleMillis = d.Milliseconds() }
}

func most(n int32) func(h *headers.PopMessage) {
	return func(h *headers.PopMessage) { h.MaxMessages = n }
}

func inOrder(attempt string) func(h *headers.PopMessage) {
	return func(h *headers.PopMessage) { h.QueueID, h.Order, h.AttemptID = 0, true, attempt }
}

func (w *popWorld) ackRequest(p *popped) *headers.AckMessage {
	return &headers.AckMessage{
		ConsumerGroup: w.group, Topic: p.handle.Retry.Topic(w.group, w.topic), QueueID: p.handle.QueueID, Handle: p.handle.String(), Offset: p.handle.Offset,
	}
}

func (w *popWorld) ack(list ...popped) {
	w.t.Helper()
	for i := range list {
		answer := w.call(w.ackRequest(&list[i]), nil)
		w.inTime(list[i])
		require.NoError(w.t, answer.Err())
	}
}

func (w *popWorld) batchAck(brokerName string, list ...popped) {
	w.t.Helper()
	data := headers.BatchAckData{BrokerName: brokerName}
	for _, p := range list {
		entry := headers.BatchAckEntry{
			ConsumerGroup: w.group, Topic: w.topic, Retry: p.handle.Retry, StartOffset: p.handle.StartOffset, QueueID: p.handle.QueueID,
			ReviveQueueID: p.handle.ReviveQueueID, PopTime: p.handle.PopTime, InvisibleMillis: p.handle.InvisibleMillis,
		}
		require.True(w.t, entry.Offsets.Add(p.handle.Offset-p.handle.StartOffset))
		data.Entries = append(data.Entries, entry)
	}
	answer := w.call(headers.BatchAck{}, data.Encode())
	w.inTime(list...)
	require.NoError(w.t, answer.Err())
}

// change sets how long a message is hidden, and gives it its new handle.
func (w *popWorld) change(p *popped, d time.Duration) headers.ChangeInvisibleTimeResult {
	w.t.Helper()
	answer := w.call(&headers.ChangeInvisibleTime{
		ConsumerGroup: w.group, Topic: p.handle.Retry.Topic(w.group, w.topic), QueueID: p.handle.QueueID, Handle: p.handle.String(), Offset: p.handle.Offset,
		InvisibleMillis: d.Milliseconds(),
	}, nil)
	w.inTime(*p)
	require.NoError(w.t, answer.Err())
	result, err := headers.ParseChangeInvisibleTimeResult(&answer)
	require.NoError(w.t, err)
	p.handle = p.handle.Changed(result)
	return result
}

func (w *popWorld) notice(poll time.Duration, change ...func(h *headers.Notification)) *headers.Notification {
	h := &headers.Notification{ConsumerGroup: w.group, Topic: w.topic, QueueID: -1, PollMillis: poll.Milliseconds()}
	for _, f := range change {
		f(h)
	}
	return h
}

func (w *popWorld) notified(answer headers.Command) bool {
	w.t.Helper()
	require.NoError(w.t, answer.Err())
	result, err := headers.ParseNotificationResult(&answer)
	require.NoError(w.t, err)
	return result.HasMessage
}

// parkedCall is a request under way that the broker holds.
type parkedCall struct {
	w      *popWorld
	answer chan headers.Command
}

// park sends a request that the broker is to hold while leases last, and gives it the time to
// get there.
func (w *popWorld) park(r headers.Request, leases ...popped) *parkedCall {
	w.t.Helper()
	pop, tells := r.(*headers.PopMessage)
	tells = tells && w.real
	before := int64(0)
	if tells {
		before = w.parked(pop.QueueID)
	}
	p := &parkedCall{w: w, answer: make(chan headers.Command, 1)}
	go func() {
		if answer, err := w.client.Invoke(w.t.Context(), w.addr, headers.InJSON(r), nil); err == nil {
			p.answer <- answer
		}
		close(p.answer)
	}()
	if tells {
		w.eventually(func() bool { return len(p.answer) > 0 || w.parked(pop.QueueID) > before })
	} else {
		time.Sleep(300 * time.Millisecond) // nothing tells that a notification is held
	}
	if len(p.answer) > 0 {
		w.inTime(leases...)
	}
	require.Empty(w.t, p.answer, "answered at once")
	return p
}

// parked is how many pops from a queue a real broker holds (PollingInfoProcessor).
func (w *popWorld) parked(queue int32) int64 {
	w.t.Helper()
	const pollingInfo = 200055
	answer := w.call(plain{pollingInfo, headers.FieldList{
		{Name: "consumerGroup", Value: w.group}, {Name: "topic", Value: w.topic}, {Name: "queueId", Value: fmt.Sprint(queue)},
	}}, nil)
	if headers.ResponseCode(answer.Code) == headers.SubscriptionGroupNotExist { // the first pop makes it
		return 0
	}
	require.NoError(w.t, answer.Err())
	return integer(w.t, answer.Fields.String("pollingNum"))
}

func (p *parkedCall) await() headers.Command {
	p.w.t.Helper()
	answer, ok := <-p.answer
	require.True(p.w.t, ok, "the request failed")
	return answer
}
