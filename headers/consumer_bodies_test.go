package headers_test

import (
	"encoding/json"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

// body is a body with its parser. java is what the Java classes of 5.5.0 write for it,
// members in any order.
type body[T any] struct {
	value  T
	encode func(*T) ([]byte, error)
	parse  func([]byte) (T, error)
	java   string
}

func (b body[T]) test(t *testing.T) {
	encoded, err := b.encode(&b.value)
	require.NoError(t, err)
	require.JSONEq(t, b.java, string(encoded))
	for _, text := range []string{b.java, string(encoded)} {
		raw := []byte(text)
		got, err := b.parse(raw)
		require.NoError(t, err)
		clear(raw)
		require.Equal(t, b.value, got)
	}
	for _, bad := range []string{"", "{", "[1]", b.java[:len(b.java)-1]} {
		got, err := b.parse([]byte(bad))
		require.ErrorIs(t, err, headers.ErrMalformed)
		require.Zero(t, got)
	}
}

func TestBodies(t *testing.T) {
	queues := []headers.MessageQueue{{Topic: "golden_topic", BrokerName: "broker-a", QueueID: 2}}
	t.Run("consumer list", body[headers.ConsumerListData]{
		headers.ConsumerListData{ClientIDs: []string{"192.0.2.2@cg"}},
		(*headers.ConsumerListData).Encode, headers.ParseConsumerListData,
		string(mustParse(t, golden(t, "28_consumer_list_38_resp")).Body),
	}.test)
	t.Run("lock", body[headers.LockQueuesData]{
		headers.LockQueuesData{ClientID: "192.0.2.2@ocg", ConsumerGroup: "golden_ocg", Queues: queues},
		(*headers.LockQueuesData).Encode, headers.ParseLockQueuesData,
		string(mustParse(t, golden(t, "37_lock_41_req")).Body),
	}.test)
	t.Run("locked", body[headers.LockedQueuesData]{
		headers.LockedQueuesData{Queues: queues},
		(*headers.LockedQueuesData).Encode, headers.ParseLockedQueuesData,
		string(mustParse(t, golden(t, "38_lock_41_resp")).Body),
	}.test)
	t.Run("client to check", body[headers.CheckClientData]{
		headers.CheckClientData{ClientID: "c", ConsumerGroup: "g", Subscription: headers.SubscriptionData{
			Topic: "t", Expression: "a > 1", ExpressionType: "SQL92", Version: 7, Tags: []string{}, Codes: []int32{},
		}},
		(*headers.CheckClientData).Encode, headers.ParseCheckClientData,
		`{"clientId":"c","group":"g","subscriptionData":{"classFilterMode":false,"codeSet":[],` +
			`"expressionType":"SQL92","subString":"a > 1","subVersion":7,"tagsSet":[],"topic":"t"}}`,
	}.test)
	t.Run("consumer connections", body[headers.ConsumerConnectionData]{
		headers.ConsumerConnectionData{
			Connections: []headers.Connection{{ClientID: "id", Address: "192.0.2.2:5", Language: "GO", Version: headers.Version5_5_0}},
			Subscriptions: map[string]headers.SubscriptionData{"t": {
				Topic: "t", Expression: "a || b", ExpressionType: "TAG", Version: 7, Tags: []string{"a", "b"}, Codes: []int32{97, 98},
			}},
			ConsumeType: headers.ConsumePop, MessageModel: headers.Clustering, ConsumeFromWhere: headers.ConsumeFromFirstOffset,
		},
		(*headers.ConsumerConnectionData).Encode, headers.ParseConsumerConnectionData,
		`{"connectionSet":[{"clientAddr":"192.0.2.2:5","clientId":"id","language":"GO","version":513}],"consumeFromWhere":"CONSUME_FROM_FIRST_OFFSET",` +
			`"consumeType":"CONSUME_POP","messageModel":"CLUSTERING","subscriptionTable":{"t":{"classFilterMode":false,"codeSet":[97,98],` +
			`"expressionType":"TAG","subString":"a || b","subVersion":7,"tagsSet":["a","b"],"topic":"t"}}}`,
	}.test)
	group := headers.NewSubscriptionGroupConfig("g")
	group.GroupRetryPolicy, group.Attributes = json.RawMessage(`{"type":"CUSTOMIZED"}`), json.RawMessage(`{}`)
	t.Run("subscription group", body[headers.SubscriptionGroupConfig]{
		group, (*headers.SubscriptionGroupConfig).Encode, headers.ParseSubscriptionGroupConfig,
		`{"attributes":{},"brokerId":0,"consumeBroadcastEnable":true,"consumeEnable":true,"consumeFromMinEnable":true,"consumeMessageOrderly":false,` +
			`"consumeTimeoutMinute":15,"groupName":"g","groupRetryPolicy":{"type":"CUSTOMIZED"},"groupSysFlag":0,"notifyConsumerIdsChangedEnable":true,` +
			`"retryMaxTimes":16,"retryQueueNums":1,"whichBrokerWhenConsumeSlowly":1}`,
	}.test)
	t.Run("query of an assignment", body[headers.QueryAssignmentData]{
		headers.QueryAssignmentData{ClientID: "c", ConsumerGroup: "g", MessageModel: headers.Clustering, Strategy: "AVG", Topic: "t"},
		(*headers.QueryAssignmentData).Encode, headers.ParseQueryAssignmentData,
		`{"clientId":"c","consumerGroup":"g","messageModel":"CLUSTERING","strategyName":"AVG","topic":"t"}`,
	}.test)
	t.Run("assignment", body[headers.AssignmentData]{
		headers.AssignmentData{Assignments: []headers.Assignment{{Queue: queues[0], Mode: headers.RequestModePop}}},
		(*headers.AssignmentData).Encode, headers.ParseAssignmentData,
		`{"messageQueueAssignments":[{"messageQueue":{"brokerName":"broker-a","queueId":2,"topic":"golden_topic"},"mode":"POP"}]}`,
	}.test)
	t.Run("request mode", body[headers.SetMessageRequestModeData]{
		headers.SetMessageRequestModeData{ConsumerGroup: "g", Mode: headers.RequestModePop, PopShareQueues: -1, Topic: "t"},
		(*headers.SetMessageRequestModeData).Encode, headers.ParseSetMessageRequestModeData,
		`{"consumerGroup":"g","mode":"POP","popShareQueueNum":-1,"topic":"t"}`,
	}.test)
}

// Java breaks where it wants a list or a map and gets null.
func TestEmptyBodies(t *testing.T) {
	locks, err := (&headers.LockQueuesData{}).Encode()
	require.NoError(t, err)
	require.JSONEq(t, `{"clientId":"","consumerGroup":"","mqSet":[],"onlyThisBroker":false}`, string(locks))
	locked, err := (&headers.LockedQueuesData{}).Encode()
	require.NoError(t, err)
	require.JSONEq(t, `{"lockOKMQSet":[]}`, string(locked))
	connections, err := (&headers.ConsumerConnectionData{}).Encode()
	require.NoError(t, err)
	require.JSONEq(t, `{"connectionSet":[],"subscriptionTable":{}}`, string(connections))
	info, err := (&headers.ConsumerRunningInfoData{}).Encode()
	require.NoError(t, err)
	require.JSONEq(t, `{"mqPopTable":{},"mqTable":{},"properties":{},"statusTable":{},"subscriptionSet":[],"userConsumerInfo":{}}`, string(info))
}

// No assignments and empty ones are not the same.
func TestAssignmentThatIsNone(t *testing.T) {
	for text, want := range map[string][]headers.Assignment{
		`{}`: nil, `{"messageQueueAssignments":null}`: nil, `{"messageQueueAssignments":[]}`: {},
	} {
		got, err := headers.ParseAssignmentData([]byte(text))
		require.NoError(t, err)
		require.Equal(t, want, got.Assignments)
	}
}

// What is not there is as a broker takes it.
func TestParseSubscriptionGroupConfigDefaults(t *testing.T) {
	got, err := headers.ParseSubscriptionGroupConfig([]byte(`{"groupName":"g","retryMaxTimes":3,"consumeEnable":false}`))
	require.NoError(t, err)
	want := headers.NewSubscriptionGroupConfig("g")
	want.RetryMaxTimes, want.ConsumeEnable = 3, false
	require.Equal(t, want, got)
}

// A broker of 4.9 pushes without the fields that 5.1.0 brought.
func TestParseOldResetOffset(t *testing.T) {
	c := commandOf(t, headers.JSON, headers.CodeResetClientOffset, headers.FieldList{
		{"group", "g"}, {"topic", "t"}, {"timestamp", "5"}, {"isForce", "false"},
	})
	got, err := headers.ParseResetOffset(&c)
	require.NoError(t, err)
	require.Equal(t, headers.ResetOffset{Push: true, ConsumerGroup: "g", Topic: "t", Timestamp: 5, QueueID: -1}, got)
}

// The tables as ResetOffsetBody of 5.5.0 writes them, and the other forms.
func TestResetOffsetData(t *testing.T) {
	const java = `{"offsetTable":{{"brokerName":"broker-a","queueId":2,"topic":"t"}:8,{"brokerName":"broker-a","queueId":1,"topic":"t"}:-1}}`
	queue := func(id int32) headers.MessageQueue {
		return headers.MessageQueue{BrokerName: "broker-a", QueueID: id, Topic: "t"}
	}
	want := headers.ResetOffsetData{Offsets: []headers.QueueOffset{{MessageQueue: queue(2), Offset: 8}, {MessageQueue: queue(1), Offset: -1}}}
	require.Equal(t, java, string(want.Encode()))
	for _, body := range []string{
		java,
		` { "x" : [1] , "offsetTable" : { { "topic":"t","queueId":2,"brokerName":"broker-a" } : 8 , {"brokerName":"broker-a","queueId":1,"topic":"t"}:-1 } } `,
		`{"offsetTable":{"{\"brokerName\":\"broker-a\",\"queueId\":2,\"topic\":\"t\"}":8,"{\"brokerName\":\"broker-a\",\"queueId\":1,\"topic\":\"t\"}":-1}}`,
		`{"offsetTable":[{"brokerName":"broker-a","offset":8,"queueId":2,"topic":"t"},{"brokerName":"broker-a","offset":-1,"queueId":1,"topic":"t"}]}`,
	} {
		raw := []byte(body)
		got, err := headers.ParseResetOffsetData(raw)
		require.NoError(t, err, body)
		clear(raw)
		require.Equal(t, want, got)
	}
	for _, body := range []string{`{}`, `{"offsetTable":{}}`, `{"offsetTable":null}`, `{"offsetTable":[]}`} {
		got, err := headers.ParseResetOffsetData([]byte(body))
		require.NoError(t, err)
		require.Empty(t, got.Offsets)
	}
	for end := range len(java) {
		_, err := headers.ParseResetOffsetData([]byte(java[:end]))
		require.ErrorIs(t, err, headers.ErrMalformed, java[:end])
	}
	for _, body := range []string{
		java + "x", `{"offsetTable":7}`, `{"offsetTable":{{"queueId":"x"}:8}}`, `{"offsetTable":{{"queueId":1}:"8"}}`, `{"offsetTable":{{"queueId":1}:1.5}}`,
		`{"offsetTable":{"x":8}}`, `{"offsetTable":{{"queueId":1} 8}}`, `{"offsetTable":{{"queueId":1}:8;}}`, `{"offsetTable":{[1]:8}}`,
		`{"offsetTable":[{"queueId":2147483648}]}`, `{"offsetTable":{{"queueId":1}:8,}}`,
	} {
		got, err := headers.ParseResetOffsetData([]byte(body))
		require.ErrorIs(t, err, headers.ErrMalformed, body)
		require.Zero(t, got)
	}
}

// The bytes are what ConsumerRunningInfo of 5.5.0 writes for the same values, but for
// whole rates, which are 0.0 there.
func TestConsumerRunningInfoData(t *testing.T) {
	subscription, err := headers.NewSubscription("t", "a || b", 7)
	require.NoError(t, err)
	info := headers.ConsumerRunningInfoData{
		Properties:    map[string]string{headers.RunningStartTimestamp: "5", headers.RunningConsumeType: string(headers.ConsumePassively)},
		Subscriptions: []headers.SubscriptionData{subscription},
		Queues: []headers.RunningQueue{
			{Queue: headers.MessageQueue{Topic: "t", BrokerName: "broker-a", QueueID: 1}, CommitOffset: 4, Locked: true},
			{Queue: headers.MessageQueue{Topic: "t", BrokerName: "broker-a", QueueID: 2}},
		},
		PopQueues: []headers.RunningPopQueue{{Queue: headers.MessageQueue{Topic: "t", BrokerName: "broker-a", QueueID: -1}, WaitAckCount: 3}},
		Statuses:  map[string]headers.ConsumeStatus{"t": {ConsumeRate: 1.5}},
		UserInfo:  map[string]string{"k": "v"},
		Stacks:    "goroutine 1",
	}
	const zeros = `"lastConsumeTimestamp":0,"lastLockTimestamp":0,"lastPullTimestamp":0,`
	const more = `"transactionMsgCount":0,"transactionMsgMaxOffset":0,"transactionMsgMinOffset":0,"tryUnlockTimes":0}`
	const cached = `"cachedMsgCount":0,"cachedMsgMaxOffset":0,"cachedMsgMinOffset":0,"cachedMsgSizeInMiB":0,`
	got, err := info.Encode()
	require.NoError(t, err)
	require.Equal(t, `{"jstack":"goroutine 1","mqPopTable":{{"brokerName":"broker-a","queueId":-1,"topic":"t"}:{"droped":false,"lastPopTimestamp":0,"waitAckCount":3}},`+
		`"mqTable":{{"brokerName":"broker-a","queueId":1,"topic":"t"}:{`+cached+`"commitOffset":4,"droped":false,`+zeros+`"locked":true,`+more+
		`,{"brokerName":"broker-a","queueId":2,"topic":"t"}:{`+cached+`"commitOffset":0,"droped":false,`+zeros+`"locked":false,`+more+`},`+
		`"properties":{"PROP_CONSUMER_START_TIMESTAMP":"5","PROP_CONSUME_TYPE":"CONSUME_PASSIVELY"},`+
		`"statusTable":{"t":{"consumeFailedMsgs":0,"consumeFailedTPS":0,"consumeOKTPS":1.5,"consumeRT":0,"pullRT":0,"pullTPS":0}},`+
		`"subscriptionSet":[{"classFilterMode":false,"codeSet":[97,98],"expressionType":"TAG","subString":"a || b","subVersion":7,"tagsSet":["a","b"],"topic":"t"}],`+
		`"userConsumerInfo":{"k":"v"}}`, string(got))

	info.Statuses["t"] = headers.ConsumeStatus{PullRate: math.NaN()}
	_, err = info.Encode()
	require.Error(t, err)
}

// Requests whose code does not fit a binary header have a JSON one, whoever asks for what.
func TestPopRequestsAreJSON(t *testing.T) {
	for name, test := range typedRequests() {
		code := test.request.RequestCode()
		for _, r := range []headers.Request{test.request, headers.Sign(test.request, nil, "key", "secret", "")} {
			frame, err := headers.AppendRequest(nil, headers.Binary, 1, false, r, nil)
			require.NoError(t, err)
			c := mustParse(t, frame)
			require.EqualValues(t, code, c.Code)
			want := headers.Binary
			if code > 32767 {
				want = headers.JSON
			}
			require.Equal(t, want, c.Serialization, name)
			if signed, ok := c.Fields.Get(headers.FieldSignature); ok {
				require.Equal(t, headers.Signature(c.Fields, nil, "secret"), string(signed), "the signature is of what was sent")
			}
		}
	}
}

// FuzzResetOffsetData holds for any body: what is refused is malformed, and what is taken
// is the same when it is written and read again.
func FuzzResetOffsetData(f *testing.F) {
	f.Add([]byte(`{"offsetTable":{{"brokerName":"broker-a","queueId":2,"topic":"t"}:8,{"brokerName":"broker-a","queueId":1,"topic":"t"}:-1}}`))
	f.Add([]byte(`{"offsetTable":{"{\"brokerName\":\"broker-a\",\"queueId\":2,\"topic\":\"t\"}":8}}`))
	f.Add([]byte(`{"offsetTable":[{"brokerName":"broker-a","offset":8,"queueId":2,"topic":"t"}]}`))
	f.Add([]byte(`{"offsetTable":{}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		got, err := headers.ParseResetOffsetData(body)
		if err != nil {
			require.ErrorIs(t, err, headers.ErrMalformed)
			return
		}
		again, err := headers.ParseResetOffsetData(got.Encode())
		require.NoError(t, err)
		require.Len(t, again.Offsets, len(got.Offsets))
		for i := range got.Offsets {
			require.Equal(t, got.Offsets[i], again.Offsets[i])
		}
	})
}
