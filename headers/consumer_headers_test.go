package headers_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

// typed is a request type with its parser, for the tests that all have in common.
type typed struct {
	request headers.Request
	parse   func(c *headers.Command) (headers.Request, error)
	// required fields are malformed when they are missing, numbers when they are
	// no numbers.
	required, numbers []string
}

func typedRequests() map[string]typed {
	queue := func(c *headers.Command) (headers.Request, error) {
		h, err := headers.ParseQueueRequest(c)
		return &h, err
	}
	pull := func(c *headers.Command) (headers.Request, error) {
		h, err := headers.ParsePullMessage(c)
		return &h, err
	}
	group := func(c *headers.Command) (headers.Request, error) {
		h, err := headers.ParseGroupRequest(c)
		return &h, err
	}
	reset := func(c *headers.Command) (headers.Request, error) {
		h, err := headers.ParseResetOffset(c)
		return &h, err
	}
	pullMessage := headers.PullMessage{
		ConsumerGroup: "golden_cg", Topic: "golden_topic", QueueID: 2, MaxMessages: 32, SysFlag: headers.PullSuspend,
		SuspendMillis: 15000, SubVersion: 1795443164569, ExpressionType: "TAG", BrokerName: "broker-a",
	}
	lite := pullMessage
	lite.Lite, lite.Subscription, lite.QueueOffset, lite.CommitOffset = true, "a || b", 1<<40, 7
	pullRequired := []string{"consumerGroup", "topic", "queueId", "queueOffset", "maxMsgNums", "sysFlag"}
	pullNumbers := []string{"queueId", "queueOffset", "maxMsgNums", "sysFlag", "commitOffset", "suspendTimeoutMillis", "subVersion"}

	return map[string]typed{
		"pull":      {&pullMessage, pull, pullRequired, pullNumbers},
		"lite pull": {&lite, pull, pullRequired, pullNumbers},
		"query offset": {
			&headers.QueueRequest{Code: headers.CodeQueryConsumerOffset, ConsumerGroup: "golden_cg", Topic: "golden_topic", QueueID: 2, KeepUnset: true},
			queue,
			[]string{"consumerGroup", "topic", "queueId"},
			[]string{"queueId"},
		},
		"search offset": {
			&headers.QueueRequest{Code: headers.CodeSearchOffset, Topic: "golden_topic", Timestamp: 1795443164569, Boundary: "UPPER"},
			queue,
			[]string{"topic", "queueId", "timestamp"},
			[]string{"queueId", "timestamp"},
		},
		"max offset": {
			&headers.QueueRequest{Code: headers.CodeMaxOffset, Topic: "golden_topic", QueueID: 3},
			queue,
			[]string{"topic", "queueId"},
			[]string{"queueId"},
		},
		"update offset": {
			&headers.UpdateConsumerOffset{ConsumerGroup: "golden_cg", Topic: "golden_topic", QueueID: 2, CommitOffset: 4},
			func(c *headers.Command) (headers.Request, error) {
				h, err := headers.ParseUpdateConsumerOffset(c)
				return &h, err
			},
			[]string{"consumerGroup", "topic", "queueId", "commitOffset"},
			[]string{"queueId", "commitOffset"},
		},
		"query message": {
			&headers.QueryMessage{Topic: "golden_topic", Key: "k1", MaxMessages: 32, Begin: 1, End: 1 << 50, UniqueKey: true},
			func(c *headers.Command) (headers.Request, error) {
				h, err := headers.ParseQueryMessage(c)
				return &h, err
			},
			[]string{"topic", "key", "maxNum", "beginTimestamp", "endTimestamp"},
			[]string{"maxNum", "beginTimestamp", "endTimestamp"},
		},
		"view message": {
			&headers.ViewMessage{Offset: 8360708},
			func(c *headers.Command) (headers.Request, error) {
				h, err := headers.ParseViewMessage(c)
				return &h, err
			},
			[]string{"offset"},
			[]string{"offset"},
		},
		"create topic": {
			&headers.CreateTopic{Topic: "golden_topic", ReadQueues: 4, WriteQueues: 8, Perm: headers.PermRead | headers.PermWrite},
			func(c *headers.Command) (headers.Request, error) {
				h, err := headers.ParseCreateTopic(c)
				return &h, err
			},
			[]string{"topic", "readQueueNums", "writeQueueNums", "perm"},
			[]string{"readQueueNums", "writeQueueNums", "perm"},
		},
		"end transaction": {
			&headers.EndTransaction{
				ProducerGroup: "golden_tx_pg", StateTableOffset: 5, CommitLogOffset: 6, End: headers.TransactionCommit,
				FromCheck: true, MessageID: "7F01", TransactionID: "7F02", Topic: "golden_topic", BrokerName: "broker-a",
			},
			func(c *headers.Command) (headers.Request, error) {
				h, err := headers.ParseEndTransaction(c)
				return &h, err
			},
			[]string{"producerGroup", "tranStateTableOffset", "commitLogOffset", "commitOrRollback"},
			[]string{"tranStateTableOffset", "commitLogOffset", "commitOrRollback"},
		},
		"check transaction": {
			&headers.CheckTransaction{
				StateTableOffset: 5, CommitLogOffset: 6, MessageID: "7F01", TransactionID: "7F02", OffsetMessageID: "7F03",
				Topic: headers.HalfTopic, BrokerName: "broker-a",
			},
			func(c *headers.Command) (headers.Request, error) {
				h, err := headers.ParseCheckTransaction(c)
				return &h, err
			},
			[]string{"tranStateTableOffset", "commitLogOffset"},
			[]string{"tranStateTableOffset", "commitLogOffset"},
		},
		"push reply": {
			goldenPushReply(),
			func(c *headers.Command) (headers.Request, error) {
				h, err := headers.ParsePushReply(c)
				return &h, err
			},
			nil,
			[]string{"defaultTopicQueueNums", "queueId", "sysFlag", "bornTimestamp", "flag", "reconsumeTimes", "storeTimestamp"},
		},
		"recall message": {
			&headers.RecallMessage{ProducerGroup: "golden_pg", Topic: "golden_topic", Handle: "aGFuZGxl", BrokerName: "broker-a"},
			func(c *headers.Command) (headers.Request, error) {
				h, err := headers.ParseRecallMessage(c)
				return &h, err
			},
			[]string{"topic", "recallHandle"},
			nil,
		},
		"pop": {
			&headers.PopMessage{
				ConsumerGroup: "golden_popg", Topic: "golden_pop", QueueID: -1, MaxMessages: 8, InvisibleMillis: 3000, PollMillis: 15000,
				BornTimestamp: 1795444062394, InitMode: headers.PopFromMax, ExpressionType: "TAG", Expression: "a || b", Order: true,
				AttemptID: "attempt", BrokerName: "broker-a",
			},
			func(c *headers.Command) (headers.Request, error) {
				h, err := headers.ParsePopMessage(c)
				return &h, err
			},
			[]string{"consumerGroup", "topic", "queueId", "maxMsgNums", "invisibleTime", "pollTime", "initMode"},
			[]string{"queueId", "maxMsgNums", "invisibleTime", "pollTime", "bornTime", "initMode"},
		},
		"ack": {
			&headers.AckMessage{
				ConsumerGroup: "golden_popg", Topic: "golden_pop", QueueID: 1, Handle: "0 1 2 3 0 broker-a 1 4", Offset: 4, BrokerName: "broker-a",
			},
			func(c *headers.Command) (headers.Request, error) {
				h, err := headers.ParseAckMessage(c)
				return &h, err
			},
			[]string{"consumerGroup", "topic", "queueId", "extraInfo", "offset"},
			[]string{"queueId", "offset"},
		},
		"change invisible time": {
			&headers.ChangeInvisibleTime{
				ConsumerGroup: "golden_popg", Topic: "golden_pop", QueueID: 1, Handle: "0 1 2 3 0 broker-a 1 4", Offset: 4,
				InvisibleMillis: 1000, Suspend: true, BrokerName: "broker-a",
			},
			func(c *headers.Command) (headers.Request, error) {
				h, err := headers.ParseChangeInvisibleTime(c)
				return &h, err
			},
			[]string{"consumerGroup", "topic", "queueId", "extraInfo", "offset", "invisibleTime"},
			[]string{"queueId", "offset", "invisibleTime"},
		},
		"notification": {
			&headers.Notification{
				ConsumerGroup: "golden_popg", Topic: "golden_pop", QueueID: -1, PollMillis: 15000, BornTimestamp: 1795444062394,
				Order: true, AttemptID: "attempt", ExpressionType: "SQL92", Expression: "a > 1", BrokerName: "broker-a",
			},
			func(c *headers.Command) (headers.Request, error) {
				h, err := headers.ParseNotification(c)
				return &h, err
			},
			[]string{"consumerGroup", "topic", "queueId", "pollTime"},
			[]string{"queueId", "pollTime", "bornTime"},
		},
		"send back": {
			&headers.ConsumerSendBack{
				Offset: 8364338, ConsumerGroup: "golden_cg", DelayLevel: 1, OriginTopic: "golden_topic", MaxReconsumeTimes: 16, HasMaxReconsumeTimes: true,
				OriginMessageID: "FD00000000000000000000000000000241FA30946E097458770E0000", BrokerName: "broker-a",
			},
			func(c *headers.Command) (headers.Request, error) {
				h, err := headers.ParseConsumerSendBack(c)
				return &h, err
			},
			[]string{"offset", "group", "delayLevel"},
			[]string{"offset", "delayLevel", "maxReconsumeTimes"},
		},
		"consumer list":       {&headers.GroupRequest{Code: headers.CodeConsumerList, ConsumerGroup: "golden_cg"}, group, []string{"consumerGroup"}, nil},
		"consumer ids":        {&headers.GroupRequest{Code: headers.CodeConsumerIDsChanged, ConsumerGroup: "golden_cg"}, group, []string{"consumerGroup"}, nil},
		"consumer connection": {&headers.GroupRequest{Code: headers.CodeConsumerConnection, ConsumerGroup: "golden_cg"}, group, []string{"consumerGroup"}, nil},
		"subscription group":  {&headers.GroupRequest{Code: headers.CodeSubscriptionGroup, ConsumerGroup: "golden_cg"}, group, []string{"group"}, nil},
		"reset offset": {
			&headers.ResetOffset{ConsumerGroup: "golden_cg", Topic: "golden_topic", Timestamp: -1, Force: true, QueueID: 3, HasOffset: true},
			reset,
			[]string{"group", "topic", "timestamp", "isForce"},
			[]string{"timestamp", "queueId", "offset"},
		},
		"reset offset, pushed": {
			&headers.ResetOffset{Push: true, ConsumerGroup: "golden_cg", Topic: "golden_topic", Timestamp: 1795444062394, QueueID: -1},
			reset,
			[]string{"group", "topic", "timestamp", "isForce"},
			[]string{"timestamp"},
		},
		"running info": {
			&headers.ConsumerRunningInfo{ConsumerGroup: "golden_cg", ClientID: "192.0.2.2@cg", Stacks: true},
			func(c *headers.Command) (headers.Request, error) {
				h, err := headers.ParseConsumerRunningInfo(c)
				return &h, err
			},
			[]string{"consumerGroup", "clientId"},
			nil,
		},
		"unregister": {
			&headers.UnregisterClient{ClientID: "192.0.2.2@golden_pg", ProducerGroup: "golden_pg", ConsumerGroup: "golden_cg"},
			func(c *headers.Command) (headers.Request, error) {
				h := headers.ParseUnregisterClient(c)
				return &h, nil
			},
			nil, nil,
		},
	}
}

func TestTypedRequests(t *testing.T) {
	for name, test := range typedRequests() {
		for _, s := range bothSerializations {
			t.Run(name+" "+s.String(), func(t *testing.T) {
				frame, err := headers.AppendRequest(nil, s, 1, false, test.request, nil)
				require.NoError(t, err)
				_, err = decodeOracle(frame)
				require.NoError(t, err)
				c := mustParse(t, frame)
				require.Equal(t, test.request.RequestCode(), headers.RequestCode(c.Code))
				got, err := test.parse(&c)
				require.NoError(t, err)
				require.Equal(t, test.request, got)

				var list headers.FieldList
				for field, value := range c.Fields.All() {
					list = append(list, headers.Field{Name: string(field), Value: string(value)})
				}
				clear(frame)
				require.Equal(t, test.request, got, "the result owns its memory")
				for _, name := range test.required {
					requireRefused(t, test, without(list, name), " without "+name)
				}
				for _, name := range test.numbers {
					requireRefused(t, test, append(without(list, name), headers.Field{Name: name, Value: "x"}), "field "+name+" is ")
				}
			})
		}
	}
}

func without(list headers.FieldList, name string) headers.FieldList {
	return slices.DeleteFunc(slices.Clone(list), func(f headers.Field) bool { return f.Name == name })
}

// requireRefused wants an error that ends with the name of the field, or goes on about
// its value.
func requireRefused(t *testing.T, test typed, list headers.FieldList, text string) {
	t.Helper()
	c := commandOf(t, headers.JSON, test.request.RequestCode(), list)
	_, err := test.parse(&c)
	require.ErrorIs(t, err, headers.ErrMalformed, "%v", list)
	require.Regexp(t, text+`("x", want .*)?$`, err.Error())
}

// The captured requests of the Java client say what ours say. Ours leaves bname
// out of the offset requests, where only static topics need it.
func TestGoldenConsumerRequests(t *testing.T) {
	requests := typedRequests()
	queryOffset := headers.QueueRequest{Code: headers.CodeQueryConsumerOffset, ConsumerGroup: "golden_cg", Topic: "golden_topic", QueueID: 2}
	tests := map[string]headers.Request{
		"31_pull_11_req":          nil,
		"29_query_offset_14_req":  &queryOffset,
		"36_update_offset_15_req": requests["update offset"].request,
		"78_view_33_req":          requests["view message"].request,
	}
	pull := *requests["pull"].request.(*headers.PullMessage)
	tests["31_pull_11_req"] = &withExtra{&pull, headers.FieldList{{"maxMsgBytes", "262144"}}}
	tests["29_query_offset_14_req"] = &withExtra{&queryOffset, headers.FieldList{{"bname", "broker-a"}}}
	tests["36_update_offset_15_req"] = &withExtra{tests["36_update_offset_15_req"], headers.FieldList{{"bname", "broker-a"}}}
	tests["71_pop_200050_req"] = &headers.PopMessage{
		ConsumerGroup: "golden_popg", Topic: "golden_pop", QueueID: -1, MaxMessages: 8, InvisibleMillis: 3000,
		BornTimestamp: 1795444062394, ExpressionType: "TAG", Expression: "*",
	}
	handle := headers.ReceiptHandle{PopTime: 1795444062397, InvisibleMillis: 3000, ReviveQueueID: 7, BrokerName: "broker-a"}
	tests["73_ack_200051_req"] = &headers.AckMessage{ConsumerGroup: "golden_popg", Topic: "golden_pop", Handle: handle.String()}
	handle.Offset = 1
	tests["75_change_invisible_200053_req"] = &headers.ChangeInvisibleTime{
		ConsumerGroup: "golden_popg", Topic: "golden_pop", Handle: handle.String(), Offset: 1, InvisibleMillis: 1000,
	}
	tests["27_consumer_list_38_req"] = requests["consumer list"].request
	tests["26_notify_consumer_ids_changed_40"] = requests["consumer ids"].request
	tests["35_send_back_36_req"] = requests["send back"].request
	tests["37_lock_41_req"] = headers.LockQueues{}
	tests["39_unlock_42_req"] = headers.UnlockQueues{}
	for name, request := range tests {
		t.Run(name, func(t *testing.T) {
			want := golden(t, name)
			c := mustParse(t, want)
			got, err := headers.AppendRequest(nil, headers.JSON, c.Opaque, c.IsOneway(), request, c.Body)
			require.NoError(t, err)
			require.Equal(t, canonicalHeader(t, want), canonicalHeader(t, got))
		})
	}
}

// withExtra adds fields that the Java client sends and ours does not.
type withExtra struct {
	headers.Request
	extra headers.FieldList
}

func (w *withExtra) AppendFields(dst []byte, s headers.Serialization) []byte {
	return w.extra.AppendFields(w.Request.AppendFields(dst, s), s)
}

func TestGoldenPullAnswers(t *testing.T) {
	tests := map[string]headers.PullResult{
		"32_pull_11_resp_batch_zlib":   {NextOffset: 8, MaxOffset: 8, WithSysFlags: true},
		"69_pull_not_found_19_resp":    {NextOffset: 6, MaxOffset: 6, WithSysFlags: true},
		"70_pull_offset_moved_21_resp": {NextOffset: 6, MaxOffset: 6, WithSysFlags: true},
		"84_v497_pull_resp":            {NextOffset: 2, MaxOffset: 2},
		"33_pull_11_resp_lz4_tx_delay": {NextOffset: 5, MaxOffset: 5, WithSysFlags: true},
		"34_pull_11_resp_zstd_timer":   {NextOffset: 6, MaxOffset: 6, WithSysFlags: true},
		"86_v497_pop_3_resp":           {NextOffset: -1},
		"02_send_v2_json_resp":         {NextOffset: -1},
	}
	for name, want := range tests {
		t.Run(name, func(t *testing.T) {
			c := mustParse(t, golden(t, name))
			got, err := headers.ParsePullResult(&c)
			if want.NextOffset < 0 {
				require.ErrorIs(t, err, headers.ErrMalformed, "no offsets are not offset 0")
				return
			}
			require.NoError(t, err)
			require.Equal(t, want, got)

			frame, err := headers.AppendResponse(nil, headers.Binary, 1, headers.Success, "", &want, nil)
			require.NoError(t, err)
			require.Equal(t, fieldMap(c.Fields), fieldMap(mustParse(t, frame).Fields))
		})
	}
}

func TestHeartbeatData(t *testing.T) {
	c := mustParse(t, golden(t, "23_heartbeat_producer_req"))
	got, err := headers.ParseHeartbeatData(c.Body)
	require.NoError(t, err)
	require.Equal(t, "192.0.2.2@golden_pg", got.ClientID)
	require.Equal(t, []headers.ProducerData{{Group: "CLIENT_INNER_PRODUCER"}, {Group: "golden_pg"}}, got.Producers)
	require.Empty(t, got.Consumers)

	c = mustParse(t, golden(t, "25_heartbeat_consumer_req"))
	got, err = headers.ParseHeartbeatData(c.Body)
	require.NoError(t, err)
	subscribed := func(topic string, version int64) headers.SubscriptionData {
		return headers.SubscriptionData{
			Topic: topic, Expression: headers.ExpressionAll, ExpressionType: headers.ExpressionTag, Version: version,
			Tags: []string{}, Codes: []int32{},
		}
	}
	require.Equal(t, []headers.ConsumerData{{
		Group: "golden_cg", ConsumeType: headers.ConsumePassively, MessageModel: headers.Clustering, ConsumeFromWhere: headers.ConsumeFromFirstOffset,
		Subscriptions: []headers.SubscriptionData{subscribed("golden_topic", 1795443163455), subscribed("%RETRY%golden_cg", 1795443163463)},
	}}, got.Consumers)

	body, err := got.Encode()
	require.NoError(t, err)
	require.JSONEq(t, string(c.Body), strings.Replace(string(body), "{", `{"heartbeatFingerprint":0,"withoutSub":false,`, 1))
	again, err := headers.ParseHeartbeatData(body)
	require.NoError(t, err)
	require.Equal(t, got, again)

	body, err = (&headers.HeartbeatData{ClientID: "c"}).Encode()
	require.NoError(t, err)
	require.Equal(t, `{"clientID":"c","producerDataSet":[],"consumerDataSet":[]}`, string(body))

	beat := headers.HeartbeatData{ClientID: "c", Consumers: []headers.ConsumerData{{Group: "g"}}}
	body, err = beat.Encode()
	require.NoError(t, err)
	require.JSONEq(t, `{"clientID":"c","producerDataSet":[],"consumerDataSet":[{"groupName":"g","subscriptionDataSet":[],"unitMode":false}]}`, string(body))
	require.Nil(t, beat.Consumers[0].Subscriptions, "Encode only reads")

	_, err = headers.ParseHeartbeatData([]byte(`{"clientID":`))
	require.ErrorIs(t, err, headers.ErrMalformed)
}

func TestAppendAnswerSaysItsVersion(t *testing.T) {
	result := headers.SendResult{OffsetMessageID: "7F00", QueueID: 1, QueueOffset: 2}
	for _, s := range bothSerializations {
		for _, version := range []headers.Version{headers.Version4_9_7, headers.Version5_0_0, headers.Version5_5_0} {
			frame, err := headers.AppendAnswer([]byte("before"), s, version, 7, headers.Success, "fine", &result, []byte("body"))
			require.NoError(t, err)
			require.Equal(t, "before", string(frame[:6]))
			got, err := decodeOracle(frame[6:])
			require.NoError(t, err)
			require.Equal(t, int32(version), got.Version)
			require.Equal(t, "fine", got.Remark)
			require.Equal(t, "body", string(got.Body))
			require.Equal(t, map[string]string{"msgId": "7F00", "queueId": "1", "queueOffset": "2"}, got.Ext)
		}
	}
}
