package embedded_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/body"
)

// FuzzBroker has a client of a broker send sound frames of any code and content, in
// any order, while time passes, topics come and go, faults and conditions befall the
// broker, and it is stopped and started.
//
//   - Nothing panics, and nothing hangs: the bubble ends a test in which all wait.
//   - What comes back is whole frames: pushes, and at most one answer to each request
//     that wants one, by its number.
//   - At the end the broker serves, and what it has stored and remembers is in
//     proportion to what it was sent.
func FuzzBroker(f *testing.F) {
	for seed := range uint64(48) {
		r := rand.New(rand.NewPCG(seed, 0))
		raw := make([]byte, 500+100*seed)
		for i := range raw {
			raw[i] = byte(r.Uint32())
		}
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		synctest.Test(t, func(t *testing.T) {
			s := &script{raw: raw}
			w := newFuzzedBroker(t, s)
			for steps := 0; len(s.raw) > 0 && steps < 200; steps++ {
				w.step()
			}
			w.end()
		})
	})
}

// script takes a test's decisions from bytes; past their end all are 0.
type script struct{ raw []byte }

func (s *script) byte() byte {
	if len(s.raw) == 0 {
		return 0
	}
	b := s.raw[0]
	s.raw = s.raw[1:]
	return b
}

// below returns a number from 0 to n-1.
func (s *script) below(n int) int { return int(s.byte()) % n }

func (s *script) chance(oneIn int) bool { return s.below(oneIn) == oneIn-1 }

func (s *script) bytes() []byte {
	n := min(s.below(4)*s.below(8), len(s.raw))
	part := s.raw[:n]
	s.raw = s.raw[n:]
	return part
}

func (s *script) int64() int64 {
	edges := []int64{0, 1, 2, 3, -1, 32, math.MaxInt32, math.MinInt32, math.MaxInt64, math.MinInt64}
	if at := s.below(2 * len(edges)); at < len(edges) {
		return edges[at]
	}
	var room [8]byte
	copy(room[:], s.bytes())
	return int64(binary.LittleEndian.Uint64(room[:]))
}

// id is a queue id, mostly one that there is.
func (s *script) id() int32 {
	if s.chance(8) {
		return int32(s.int64())
	}
	return int32(s.below(3))
}

func pick[T any](s *script, list ...T) T { return list[s.below(len(list))] }

func (s *script) topic() string {
	if !s.chance(6) {
		return pick(s, "topic", "topic", "topic", "other", "new")
	}
	return pick(s, "TBW102", "%RETRY%group", halfTopic, "SCHEDULE_TOPIC_XXXX", "rmq_sys_wheel_timer", "", "a.b", string(s.bytes()))
}

func (s *script) group() string {
	if !s.chance(6) {
		return "group"
	}
	return pick(s, "g2", "", string(s.bytes()))
}

// text is the value of a field, or a JSON text.
func (s *script) text() string {
	return pick(s, "", "true", "false", "0", "-1", "99", "*", "a || b", "||", "SQL92", "KEYS = '1' OR NOT (a > 3)", "topic", "group", "null", "[]",
		fmt.Sprint(s.int64()), string(s.bytes()))
}

func (s *script) properties() []byte {
	var dst []byte
	for range s.below(3) {
		name := pick(s, "UNIQ_KEY", "KEYS", "TAGS", "DELAY", "TRAN_MSG", "PGROUP", "TIMER_DELIVER_MS", "TIMER_DELAY_SEC", "TIMER_DELAY_MS", "TIMER_OUT_MS",
			"REAL_TOPIC", "REAL_QID", "TRANSACTION_CHECK_TIMES", "CHECK_IMMUNITY_TIME_IN_SECONDS", "INNER_NUM", "WAIT", "POP_CK", string(s.bytes()))
		dst = headers.AppendProperty(dst, name, pick(s, "1", "true", "group", "x y", "3", s.text()))
	}
	if s.chance(20) {
		dst = append(dst, s.bytes()...)
	}
	return dst
}

// twisted is a request with further fields, which win over its own, and maybe another
// code.
type twisted struct {
	headers.Request
	code   headers.RequestCode
	fields headers.FieldList
}

func (r twisted) RequestCode() headers.RequestCode { return r.code }

func (r twisted) AppendFields(dst []byte, s headers.Serialization) []byte {
	return r.fields.AppendFields(r.Request.AppendFields(dst, s), s)
}

// fuzzedBroker is a broker, a client of it, and what is known of the two.
type fuzzedBroker struct {
	*script
	t       *testing.T
	cluster *embedded.Cluster
	client  *client
	acl     bool
	// asked has the numbers of the requests on this connection that may be answered.
	asked map[int32]bool
	// sent counts messages and decisions, and named what may have made a topic.
	sent, named int
	handle      string // of the last timer message
	popped      headers.ReceiptHandle
	faults      []embedded.Fault
	bad         int // steps until the broker is well again
}

func newFuzzedBroker(t *testing.T, s *script) *fuzzedBroker {
	t.Helper()
	w := &fuzzedBroker{script: s, t: t}
	opts := []embedded.Option{
		embedded.InMemory(), embedded.WithTopic("topic", 3), embedded.WithTopic("other", 1), embedded.WithRecall(),
		embedded.WithTransactionCheck(time.Second, 2*time.Second, 3),
		embedded.WithVersion(pick(s, headers.Version5_5_0, headers.Version5_5_0, headers.Version4_9_7, headers.Version5_0_0, headers.Version5_1_4)),
	}
	if s.chance(4) {
		opts = append(opts, embedded.WithRetention(1+s.below(3)))
	}
	if w.acl = s.chance(4); w.acl {
		opts = append(opts, embedded.WithACL(embedded.User{AccessKey: "key", SecretKey: "secret", Superuser: true}, embedded.User{AccessKey: "other", SecretKey: "secret", Publish: []string{"topic"}}))
	}
	if s.chance(4) {
		opts = append(opts, embedded.WithPollScan(5*time.Second))
	}
	if s.chance(4) {
		opts = append(opts, embedded.WithVIPPort())
	}
	if s.chance(4) {
		opts = append(opts, embedded.WithoutTimers())
	}
	if s.chance(4) {
		opts = append(opts, embedded.WithoutAutoCreateTopic())
	}
	if s.chance(4) {
		opts = append(opts, embedded.WithBinaryAnswers())
	}
	if s.chance(4) {
		opts = append(opts, embedded.WithPopKV())
	}
	if s.chance(4) {
		opts = append(opts, embedded.WithRetryTopicV2())
	}
	if s.chance(8) {
		opts = append(opts, embedded.WithoutAutoCreateGroup())
	}
	cluster, err := embedded.Start(opts...)
	require.NoError(t, err)
	w.cluster = cluster
	cluster.Intercept(func(embedded.Request) (f embedded.Fault) {
		if len(w.faults) > 0 { // the test waits until nothing goes on before it adds one
			f, w.faults = w.faults[0], w.faults[1:]
		}
		return f
	})
	w.connect()
	return w
}

func (w *fuzzedBroker) broker() *embedded.Broker { return w.cluster.Broker(0) }

func (w *fuzzedBroker) connect() {
	if w.client != nil {
		_ = w.client.conn.Close()
		synctest.Wait()
	}
	if !w.broker().Running() {
		require.NoError(w.t, w.broker().Start())
	}
	nc, err := w.cluster.Dial(w.t.Context(), "tcp", w.broker().Addr())
	require.NoError(w.t, err)
	w.client = newClient(w.t, nc)
	w.asked = make(map[int32]bool)
}

// step does one thing and looks at what comes of it.
func (w *fuzzedBroker) step() {
	b := w.broker()
	if w.bad--; w.bad == 0 {
		b.SetCondition(embedded.Well)
	}
	switch w.below(24) {
	default:
		w.request()
	case 14:
		time.Sleep(time.Duration(w.byte()) * 100 * time.Millisecond)
	case 15:
		w.cluster.Advance(time.Duration(w.int64() % int64(10*time.Hour)))
	case 16:
		pick(w.script, b.Stop, b.Kill)()
		if w.chance(2) {
			w.connect()
		}
	case 17:
		if b.Running() {
			require.NoError(w.t, b.Move())
		}
		w.connect()
	case 18:
		w.bad = 1 + w.below(4)
		b.SetCondition(pick(w.script, embedded.Busy, embedded.DiskFull, embedded.GoingAway, embedded.Hanging))
	case 19:
		w.faults = append(w.faults, pick(w.script, embedded.Answer(headers.SystemBusy, "no"), embedded.Delay(time.Second), embedded.DelayAnswer(time.Second),
			embedded.StoreThenAnswer(headers.FlushDiskTimeout, "late"), embedded.StoreThenDrop(), embedded.DropConnection(), embedded.Ignore(),
			embedded.CutAnswer(w.below(30)), embedded.Contended(), embedded.Contended(), embedded.Answer(headers.GoAway, "away").After(time.Minute)))
	case 20:
		b.CheckTransactions()
	case 21:
		pick(w.script, w.cluster.DeleteTopic, b.DeleteTopic)(pick(w.script, "topic", "other", halfTopic, "%RETRY%group"))
	case 22:
		b.SetQueues("topic", int(w.int64()), int(w.int64()))
		b.SetPermission("topic", w.below(8))
		b.SetWritable(w.chance(2))
		_ = w.cluster.SetOrderTopic("other")
	case 23:
		w.named++
		_ = w.cluster.CreateTopic(pick(w.script, "topic", "made"), w.below(5))
	}
	synctest.Wait()
	w.read()
}

// request sends one frame. A connection that has ended is replaced.
func (w *fuzzedBroker) request() {
	r, content := w.compose()
	twist := twisted{Request: r, code: r.RequestCode()}
	if w.chance(30) {
		twist.code = headers.RequestCode(w.int64())
	}
	for w.chance(6) && len(twist.fields) < 3 {
		name := pick(w.script, "topic", "b", "queueId", "e", "sysFlag", "f", "g", "i", "m", "queueOffset", "consumerGroup", "commitOffset", "maxMsgNums", string(w.bytes()))
		twist.fields = append(twist.fields, headers.Field{Name: name, Value: w.text()})
	}
	serialization := pick(w.script, headers.Binary, headers.JSON)
	oneway := w.chance(12)
	if w.acl {
		fields := append(headers.FieldList{{Name: headers.FieldAccessKey, Value: pick(w.script, "key", "key", "other", "")}}, twist.fields...)
		twist.fields = fields
		// Signed as the broker will see it.
		if raw, err := headers.AppendRequest(nil, serialization, 1, oneway, twist, content); err == nil {
			if c, err := headers.ParseFrame(raw[headers.FrameLengthSize:]); err == nil {
				twist.fields = append(twist.fields, headers.Field{Name: headers.FieldSignature, Value: headers.Signature(c.Fields, content, "secret")})
			}
		}
	}
	opaque := w.client.opaque + 1
	frame, err := headers.AppendRequest(nil, serialization, opaque, oneway, twist, content)
	if err != nil {
		return // it does not fit a frame
	}
	w.client.opaque = opaque
	w.asked[opaque] = !oneway
	w.named++
	w.sent++
	if _, err := w.client.conn.Write(frame); err != nil {
		w.connect()
	}
}

// compose makes a request that some client might send, and its body.
func (w *fuzzedBroker) compose() (headers.Request, []byte) {
	switch w.below(28) {
	case 0, 1, 2:
		return w.message(), w.bytes()
	case 3: // a half message
		h := w.message()
		h.SysFlag = headers.SysFlagPrepared
		h.Properties = append(headers.AppendProperty(headers.AppendProperty(nil, "TRAN_MSG", "true"), "PGROUP", "group"), h.Properties...)
		return h, []byte("half")
	case 4: // a timer message, or a delayed one
		h := w.message()
		h.Properties = headers.AppendProperty(nil, pick(w.script, "DELAY", "TIMER_DELAY_SEC", "TIMER_DELAY_MS"), pick(w.script, "1", "3", "18", "40", w.text()))
		return h, []byte("later")
	case 5: // a batch
		h := w.message()
		h.Batch = true
		var batch []byte
		for range w.below(4) {
			batch, _ = body.AppendBatchMessage(batch, int32(w.int64()), w.bytes(), w.properties())
			w.sent++
		}
		return h, batch
	case 6, 7:
		return &headers.PullMessage{
			ConsumerGroup: w.group(), Topic: w.topic(), QueueID: w.id(), QueueOffset: pick(w.script, 0, 1, w.int64()), MaxMessages: int32(w.int64()),
			SysFlag: int32(w.below(32)), CommitOffset: w.int64(), SuspendMillis: pick(w.script, 0, 1000, 15000, w.int64()), Subscription: w.text(),
			ExpressionType: pick(w.script, "", "TAG", "SQL92"), Lite: w.chance(4),
		}, nil
	case 8:
		return &headers.QueueRequest{
			Code:  pick(w.script, headers.CodeQueryConsumerOffset, headers.CodeMaxOffset, headers.CodeMinOffset, headers.CodeSearchOffset, headers.CodeEarliestStoreTime),
			Topic: w.topic(), QueueID: w.id(), ConsumerGroup: w.group(), KeepUnset: w.chance(2), Timestamp: w.int64(), Boundary: pick(w.script, "", "UPPER", "LOWER"),
		}, nil
	case 9:
		return &headers.UpdateConsumerOffset{ConsumerGroup: w.group(), Topic: w.topic(), QueueID: w.id(), CommitOffset: w.int64()}, nil
	case 10:
		return &headers.QueryMessage{Topic: w.topic(), Key: pick(w.script, "1", "x", w.text()), MaxMessages: int32(w.int64()), Begin: w.int64(), End: pick(w.script, math.MaxInt64, w.int64()), UniqueKey: w.chance(2)}, nil
	case 11:
		return &headers.ViewMessage{Offset: pick(w.script, 0, w.int64())}, nil
	case 12:
		return &headers.CreateTopic{
			Topic: w.topic(), ReadQueues: pick(w.script, 1, 4, int32(w.int64())), WriteQueues: pick(w.script, 1, 4, int32(w.int64())), Perm: int32(w.below(8)),
			Attributes: pick(w.script, "", "+message.type=FIFO", "-reserve.time", w.text()),
		}, nil
	case 13:
		return w.endTransaction(), nil
	case 14:
		handle := headers.RecallHandle{Topic: "topic", BrokerName: "broker-a", UniqueKey: "1", Timestamp: w.cluster.Now().UnixMilli() + w.int64()}
		return &headers.RecallMessage{ProducerGroup: "group", Topic: "topic", Handle: pick(w.script, w.handle, handle.String(), w.text()), BrokerName: "broker-a"}, nil
	case 15:
		w.named += 3
		return headers.Heartbeat{}, []byte(pick(w.script,
			fmt.Sprintf(`{"clientID":%q,"producerDataSet":[{"groupName":"group"}]}`, w.group()),
			fmt.Sprintf(`{"clientID":"c","heartbeatFingerprint":%d,"consumerDataSet":[{"groupName":%q,"messageModel":"CLUSTERING","subscriptionDataSet":[{"topic":"topic","subString":"a","codeSet":[97],"subVersion":%d}]},{"groupName":"g2","messageModel":"BROADCASTING"}]}`, int32(w.int64()), w.group(), w.int64()),
			w.text()))
	case 16:
		return &headers.UnregisterClient{ClientID: pick(w.script, "c", w.group()), ProducerGroup: w.group(), ConsumerGroup: w.group()}, nil
	case 17:
		return plain{code: pick(w.script, headers.CodeLockQueues, headers.CodeUnlockQueues)}, []byte(pick(w.script,
			fmt.Sprintf(`{"clientId":%q,"consumerGroup":%q,"mqSet":[{"topic":"topic","brokerName":"broker-a","queueId":%d}]}`, w.group(), w.group(), w.id()), w.text()))
	case 18:
		return pick[headers.Request](w.script, &headers.TopicStats{Topic: w.topic()}, headers.BrokerConfig{}, headers.RuntimeInfo{},
			plain{headers.CodeConsumerList, headers.FieldList{{Name: "consumerGroup", Value: w.group()}}},
			plain{204, headers.FieldList{{Name: "producerGroup", Value: w.group()}}}), nil
	case 19, 20, 21, 22, 23, 24, 25, 26:
		return w.composePop()
	default:
		return plain{code: headers.RequestCode(w.int64())}, w.bytes()
	}
}

// composePop makes a request that belongs to POP or to consumer groups.
func (w *fuzzedBroker) composePop() (headers.Request, []byte) {
	ordered := w.chance(3)
	switch w.below(10) {
	case 0, 1, 2:
		w.sent += 4 // as many copies may come of it as of four sends
		return &headers.PopMessage{
			ConsumerGroup: w.group(), Topic: w.topic(), QueueID: pick(w.script, -1, -1, w.id()), MaxMessages: pick(w.script, 32, 1, 2, int32(w.int64())),
			InvisibleMillis: pick(w.script, 0, 100, 5000, w.int64()), PollMillis: pick(w.script, 0, 1000, 20000, w.int64()),
			BornTimestamp: pick(w.script, time.Now().UnixMilli(), 0, w.int64()), InitMode: int32(w.below(3)), Expression: pick(w.script, "", "*", "x y", w.text()),
			ExpressionType: pick(w.script, "", "TAG", "SQL92"), Order: ordered, AttemptID: pick(w.script, "", "1", "2"),
		}, nil
	case 3:
		return &headers.Notification{
			ConsumerGroup: w.group(), Topic: w.topic(), QueueID: pick(w.script, -1, w.id()), PollMillis: pick(w.script, 0, 1000, 20000, w.int64()),
			BornTimestamp: pick(w.script, time.Now().UnixMilli(), w.int64()), Expression: w.text(), Order: ordered, AttemptID: pick(w.script, "", "1"),
		}, nil
	case 4:
		h := w.popHandle()
		return &headers.AckMessage{ConsumerGroup: w.group(), Topic: w.poppedTopic(), QueueID: w.id(), Handle: pick(w.script, h.String(), w.text()), Offset: h.Offset}, nil
	case 5:
		h := w.popHandle()
		return &headers.ChangeInvisibleTime{
			ConsumerGroup: w.group(), Topic: w.poppedTopic(), QueueID: w.id(), Handle: pick(w.script, h.String(), w.text()), Offset: h.Offset,
			InvisibleMillis: pick(w.script, 1, 1000, w.int64()), Suspend: w.chance(2),
		}, nil
	case 6:
		h := w.popHandle()
		data := headers.BatchAckData{BrokerName: pick(w.script, "", "broker-a", "other"), Entries: []headers.BatchAckEntry{{
			ConsumerGroup: w.group(), Topic: w.topic(), Retry: h.Retry, StartOffset: h.StartOffset, QueueID: h.QueueID, ReviveQueueID: h.ReviveQueueID,
			PopTime: h.PopTime, InvisibleMillis: h.InvisibleMillis, Offsets: pick(w.script, headers.OffsetSet{1}, headers.OffsetSet{255, 255}, w.bytes()),
		}}}
		return headers.BatchAck{}, pick(w.script, data.Encode(), data.Encode(), w.bytes(), []byte(w.text()))
	case 7:
		w.named += 2
		return &headers.ConsumerSendBack{
			ConsumerGroup: w.group(), Offset: pick(w.script, 0, w.int64()), DelayLevel: pick(w.script, -1, 0, 1, int32(w.int64())), OriginTopic: w.topic(),
			MaxReconsumeTimes: int32(w.below(3)), HasMaxReconsumeTimes: w.chance(2),
		}, nil
	case 8:
		return &headers.ResetOffset{
			ConsumerGroup: w.group(), Topic: w.topic(), QueueID: pick(w.script, -1, w.id()), Timestamp: pick(w.script, -1, 0, w.int64()), Force: w.chance(2),
			Offset: w.int64(), HasOffset: w.chance(2),
		}, nil
	default:
		if w.chance(2) {
			return w.composeAdmin(), nil
		}
		code := pick(w.script, headers.CodeCreateSubscriptionGroup, headers.CodeQueryAssignment, headers.CodeSetMessageRequestMode, headers.CodeConsumerConnection, headers.CodeSubscriptionGroup)
		return plain{code, headers.FieldList{{Name: "consumerGroup", Value: w.group()}, {Name: "group", Value: w.group()}}}, []byte(pick(w.script,
			fmt.Sprintf(`{"groupName":%q,"consumeEnable":%t,"retryQueueNums":%d,"retryMaxTimes":%d}`, w.group(), !w.chance(8), w.id(), w.below(3)),
			fmt.Sprintf(`{"topic":"topic","consumerGroup":"group","clientId":"c","strategyName":%q,"messageModel":"CLUSTERING","mode":"POP","popShareQueueNum":%d}`,
				pick(w.script, "AVG", "AVG_BY_CIRCLE", "X"), int32(w.int64())), w.text()))
	}
}

// composeAdmin makes a request that an admin tool might send.
func (w *fuzzedBroker) composeAdmin() headers.Request {
	code := pick(w.script, headers.CodeConsumeStats, headers.CodeTopicGroups, headers.CodeBrokerStats, headers.CodeTopicConfig, headers.CodeTopicStats,
		headers.CodeRuntimeInfo, headers.CodeDeleteTopic, headers.CodeDeleteSubscriptionGroup, headers.CodeCheckClientConfig)
	return plain{code, headers.FieldList{
		{Name: "topic", Value: w.topic()},
		{Name: "topicList", Value: pick(w.script, "", "topic;other;", w.text())},
		{Name: "consumerGroup", Value: w.group()},
		{Name: "groupName", Value: w.group()},
		{Name: "cleanOffset", Value: w.text()},
		{Name: "statsName", Value: pick(w.script, "TOPIC_PUT_NUMS", "GROUP_GET_NUMS", w.text())},
		{Name: "statsKey", Value: pick(w.script, "topic", "topic@group", w.text())},
	}}
}

// popHandle is that of the last pop, or one that is near it.
func (w *fuzzedBroker) popHandle() headers.ReceiptHandle {
	h := w.popped
	switch w.below(6) {
	case 0:
		h.Offset = w.int64()
	case 1:
		h.PopTime = w.int64()
	case 2:
		h.ReviveQueueID = pick(w.script, 0, headers.OrderedReviveQueue, int32(w.int64()))
	case 3:
		h.StartOffset = w.int64()
	}
	return h
}

func (w *fuzzedBroker) poppedTopic() string {
	return pick(w.script, "topic", "topic", headers.RetryV1.Topic("group", "topic"), w.topic())
}

func (w *fuzzedBroker) message() *headers.SendMessage {
	return &headers.SendMessage{
		ProducerGroup: w.group(), Topic: w.topic(), DefaultTopic: pick(w.script, "TBW102", "topic", ""), DefaultTopicQueues: pick(w.script, 4, int32(w.int64())),
		QueueID: w.id(), SysFlag: pick(w.script, 0, 0, 0, 0, 0, 0, 0, headers.SysFlagCompressed, headers.SysFlagPrepared, headers.SysFlagRollback, int32(w.int64())),
		BornTimestamp: pick(w.script, time.Now().UnixMilli(), w.int64()), Flag: int32(w.int64()), Properties: w.properties(),
		ReconsumeTimes: int32(w.below(3)), Batch: w.chance(16),
	}
}

// endTransaction ends a half message that there is, or one of any name.
func (w *fuzzedBroker) endTransaction() *headers.EndTransaction {
	h := &headers.EndTransaction{
		ProducerGroup: "group", StateTableOffset: w.int64(), CommitLogOffset: w.int64(),
		End: pick(w.script, headers.TransactionCommit, headers.TransactionRollback, headers.TransactionUndecided, headers.TransactionEnd(w.int64())), FromCheck: w.chance(2),
	}
	if halves := messagesIn(w.cluster, halfTopic); len(halves) > 0 {
		last := pick(w.script, halves...)
		h.StateTableOffset, h.CommitLogOffset = last.QueueOffset, last.CommitLogOffset
	}
	return h
}

// read takes in what has come and checks it.
func (w *fuzzedBroker) read() {
	for {
		// Nothing goes on, so what does not come now comes after another step.
		require.NoError(w.t, w.client.conn.SetReadDeadline(time.Now()))
		if w.client.in.Buffered() == 0 {
			if _, err := w.client.in.Peek(1); err != nil {
				if !isTimeout(err) {
					w.connect()
				}
				return
			}
		}
		require.NoError(w.t, w.client.conn.SetReadDeadline(time.Time{}))
		c, err := w.client.tryReceive()
		if err != nil {
			w.connect() // an answer that was cut
			return
		}
		if !c.IsResponse() {
			require.True(w.t, c.IsOneway())
			continue
		}
		require.True(w.t, w.asked[c.Opaque], "an answer to request %d", c.Opaque)
		delete(w.asked, c.Opaque)
		if handle := c.Fields.String("recallHandle"); handle != "" {
			w.handle = handle
		}
		if r, err := headers.ParsePopResult(&c); err == nil && len(r.Queues) > 0 {
			w.popped = r.Handle("broker-a", &r.Queues[0], 0)
		}
	}
}

// isTimeout reports that nothing has come, and not that nothing will.
func isTimeout(err error) bool { return errors.Is(err, os.ErrDeadlineExceeded) }

// end requires that the broker still serves, and counts what it keeps.
func (w *fuzzedBroker) end() {
	w.faults = nil
	w.broker().SetCondition(embedded.Well)
	synctest.Wait()
	w.connect()
	answer := w.client.call(plain{code: headers.CodeRuntimeInfo}, nil)
	require.True(w.t, w.acl || answer.Code == int32(headers.Success), string(answer.Remark))

	stored := 0
	topics := w.broker().Topics()
	for _, topic := range topics {
		stored += storedIn(w.cluster, topic.Name)
		for _, m := range messagesIn(w.cluster, topic.Name) {
			_, _ = m.Watermill() // any bytes: it does not panic
		}
	}
	const atStart = 3 // TBW102 and two
	require.LessOrEqual(w.t, len(topics), atStart+4+w.named)
	// A half message is written anew at each of its checks, and a message that is
	// delayed once more.
	require.LessOrEqual(w.t, stored, 8*w.sent)
	require.NoError(w.t, w.client.conn.Close())
	require.NoError(w.t, w.cluster.Close())
}
