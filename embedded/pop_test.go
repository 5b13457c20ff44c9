package embedded_test

import (
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

func TestPop(t *testing.T) {
	runCases(t, popVersions(), []brokerCase{
		{name: "a pop hides messages and moves the offset", run: func(w *popWorld) {
			w.send(0, "a", "b", "c")
			list, result := w.pop()
			require.Equal(w.t, []string{"a", "b", "c"}, contents(list))
			require.Equal(w.t, []headers.PopQueue{{StartOffset: 0, Offsets: []int64{0, 1, 2}}}, result.Queues)
			require.EqualValues(w.t, 60_000, result.InvisibleMillis)
			require.Zero(w.t, result.RestNum)
			require.NotEqualValues(w.t, headers.OrderedReviveQueue, result.ReviveQueueID)
			require.Empty(w.t, list[0].property("POP_CK"))
			require.Zero(w.t, list[0].ReconsumeTimes)
			w.requireOffset(0, 3)
			list, _ = w.pop()
			require.Empty(w.t, list)
		}},
		{name: "at most so many, the rest is counted", run: func(w *popWorld) {
			w.send(0, "a", "b", "c")
			list, result := w.pop(most(2))
			require.Equal(w.t, []string{"a", "b"}, contents(list))
			require.EqualValues(w.t, 1, result.RestNum)
			list, _ = w.pop(most(2))
			require.Equal(w.t, []string{"c"}, contents(list))
		}},
		{name: "one answer has several queues", queues: 3, run: func(w *popWorld) {
			w.send(0, "a", "b")
			w.send(1, "c")
			w.send(2, "d")
			list, result := w.pop()
			require.ElementsMatch(w.t, []string{"a", "b", "c", "d"}, contents(list))
			require.Len(w.t, result.Queues, 3)
			w.ack(list...)
		}},
		{name: "one queue", queues: 2, run: func(w *popWorld) {
			w.send(0, "a")
			w.send(1, "b")
			list, _ := w.pop(func(h *headers.PopMessage) { h.QueueID = 1 })
			require.Equal(w.t, []string{"b"}, contents(list))
		}},
		{name: "what is not acknowledged comes again", run: func(w *popWorld) {
			w.send(0, "a", "b", "c")
			list, result := w.pop(invisible(soon))
			require.Len(w.t, list, 3)
			w.ack(list[0], list[2])
			again := w.await(1)
			require.Equal(w.t, "b", string(again[0].Body))
			require.EqualValues(w.t, 1, again[0].ReconsumeTimes)
			require.EqualValues(w.t, 7, again[0].Flag)
			require.Equal(w.t, headers.RetryV1, again[0].handle.Retry)
			require.Equal(w.t, again[0].handle.String(), again[0].property("POP_CK"))
			require.Equal(w.t, time.UnixMilli(result.PopTime), time.UnixMilli(integer(w.t, again[0].property("1ST_POP_TIME"))))
			origin := ""
			if w.version >= headers.Version5_5_0 {
				origin = w.group
			}
			require.Equal(w.t, origin, again[0].property("ORIGIN_GROUP"))
			require.Equal(w.t, list[1].property("UNIQ_KEY"), again[0].property("UNIQ_KEY"))
			w.ack(again...)
			w.ack(again...) // a second time is no failure
			require.EqualValues(w.t, 1, w.number(headers.CodeMaxOffset, headers.RetryV1.Topic(w.group, w.topic), 0))
		}},
		{name: "again and again", run: func(w *popWorld) {
			w.send(0, "a")
			for n := range int32(3) {
				list := w.await(1, invisible(soon))
				require.EqualValues(w.t, n, list[0].ReconsumeTimes)
			}
		}},
		{name: "acknowledged is done", run: func(w *popWorld) {
			w.send(0, "a")
			w.ack(w.await(1, invisible(soon))...)
			list, _ := w.pop(polling(longEnough))
			require.Empty(w.t, list)
		}},
		{name: "a batch of acknowledgements", since: headers.Version5_1_3, run: func(w *popWorld) {
			w.send(0, "a", "b", "c")
			list, _ := w.pop(invisible(soon))
			w.batchAck(w.broker, list[0], list[1])
			require.Equal(w.t, []string{"c"}, contents(w.await(1)))
		}},
		{name: "a batch for another broker", since: headers.Version5_5_0, run: func(w *popWorld) {
			w.send(0, "a")
			list, _ := w.pop(invisible(soon))
			w.batchAck("other", list...)
			require.Len(w.t, w.await(1), 1)
		}},
		{name: "batches that are wrong", since: headers.Version5_5_0, run: func(w *popWorld) {
			w.refused(headers.NoMessage, headers.BatchAck{}, nil)
			w.refused(headers.NoMessage, headers.BatchAck{}, []byte(`{}`))
			w.refused(headers.NoMessage, headers.BatchAck{}, []byte(`{"acks":[]}`))
			w.refused(headers.SystemError, headers.BatchAck{}, []byte(`{"acks":[{"c":"g","t":"t","r":"9","so":0,"q":0,"rq":0,"pt":1,"it":1,"b":"AQ=="}]}`))
			none := `{"acks":[{"c":"g","t":"none","r":"0","so":0,"q":0,"rq":0,"pt":1,"it":1,"b":"AQ=="}]}`
			w.succeed(headers.BatchAck{}, []byte(none))
		}},
		{name: "a shorter time", run: func(w *popWorld) {
			w.send(0, "a", "b")
			list, result := w.pop()
			old := list[0].handle
			changed := w.change(&list[0], soon)
			require.EqualValues(w.t, soon.Milliseconds(), changed.InvisibleMillis)
			require.GreaterOrEqual(w.t, changed.PopTime, result.PopTime)
			require.Equal(w.t, old.Offset, list[0].handle.StartOffset)
			list[0].handle = old
			w.ack(list[0]) // with the old handle it does nothing
			require.Equal(w.t, []string{"a"}, contents(w.await(1)))
		}},
		{name: "a longer time", run: func(w *popWorld) {
			w.send(0, "a")
			list, _ := w.pop(invisible(soon))
			w.change(&list[0], 10*time.Minute)
			again, _ := w.pop(polling(longEnough))
			require.Empty(w.t, again)
			w.ack(list...)
		}},
		{name: "a changed time is acknowledged by its own handle", run: func(w *popWorld) {
			w.send(0, "a")
			list, _ := w.pop()
			w.change(&list[0], soon)
			w.ack(list...)
			again, _ := w.pop(polling(longEnough))
			require.Empty(w.t, again)
		}},
		{name: "a time that is changed after the acknowledgement", run: func(w *popWorld) {
			w.send(0, "a")
			list, _ := w.pop()
			w.ack(list...)
			w.change(&list[0], soon)
			require.Len(w.t, w.await(1), 1, "it makes a duplicate")
		}},
		{name: "pops that are refused", run: func(w *popWorld) {
			w.refused(w.badParameter(), w.request(most(33)), nil)
			w.refused(w.badParameter(), w.request(func(h *headers.PopMessage) { h.QueueID = 1 }), nil)
			w.refused(headers.TopicNotExist, w.request(func(h *headers.PopMessage) { h.Topic = "none" }), nil)
			w.refused(headers.PollingTimeout, w.request(polling(time.Minute), func(h *headers.PopMessage) { h.BornTimestamp = time.Now().UnixMilli() - 62_000 }), nil)
			w.refused(headers.SubscriptionParseFailed, w.request(func(h *headers.PopMessage) { h.Expression = "||" }), nil)
		}},
		{name: "acknowledgements that are refused", run: func(w *popWorld) {
			w.send(0, "a")
			list, _ := w.pop()
			wrong := func(change func(h *headers.AckMessage)) *headers.AckMessage {
				h := w.ackRequest(&list[0])
				change(h)
				return h
			}
			w.refused(headers.TopicNotExist, wrong(func(h *headers.AckMessage) { h.Topic = "none" }), nil)
			w.refused(headers.MessageIllegal, wrong(func(h *headers.AckMessage) { h.QueueID = 1 }), nil)
			w.refused(headers.NoMessage, wrong(func(h *headers.AckMessage) { h.Offset = 2 }), nil)
			w.refused(headers.SystemError, wrong(func(h *headers.AckMessage) { h.Handle = "garbage" }), nil)
			w.succeed(wrong(func(h *headers.AckMessage) { h.Offset = 1 }), nil) // behind the last message
			change := &headers.ChangeInvisibleTime{ConsumerGroup: w.group, Topic: w.topic, Handle: list[0].handle.String(), Offset: 1, InvisibleMillis: 1000}
			if w.version >= headers.Version5_3_2 {
				w.refused(headers.NoMessage, change, nil)
			} else {
				w.succeed(change, nil)
			}
			change.Offset, change.InvisibleMillis = 0, (96 * time.Hour).Milliseconds()
			w.refused(headers.SystemError, change, nil)
		}},
		{name: "a filter", run: func(w *popWorld) {
			w.sendTagged(0, "red", "a")
			w.sendTagged(0, "blue", "b")
			w.sendTagged(0, "", "c")
			list, result := w.pop(func(h *headers.PopMessage) { h.Expression = "green || blue" })
			require.Equal(w.t, []string{"b"}, contents(list))
			require.Equal(w.t, []headers.PopQueue{{StartOffset: 0, Offsets: []int64{1}}}, result.Queues)
			w.requireOffset(0, 3)
		}},
		{name: "a filter that nothing passes", run: func(w *popWorld) {
			w.sendTagged(0, "red", "a")
			list, _ := w.pop(func(h *headers.PopMessage) { h.Expression = "blue" })
			require.Empty(w.t, list)
			w.requireOffset(0, 1)
		}},
		{name: "no expression is all", run: func(w *popWorld) {
			w.sendTagged(0, "red", "a")
			list, _ := w.pop(func(h *headers.PopMessage) { h.Expression, h.ExpressionType = "", "" })
			require.Equal(w.t, []string{"a"}, contents(list))
		}},
		{name: "a new group that wants the end gets a young queue from its start", since: headers.Version5_1_4, run: func(w *popWorld) {
			w.send(0, "a", "b", "c")
			list, _ := w.pop(func(h *headers.PopMessage) { h.InitMode = headers.PopFromMax })
			require.Len(w.t, list, 3)
		}},
		{name: "a committed offset is gone by", run: func(w *popWorld) {
			w.send(0, "a", "b", "c")
			_, _ = w.pop(func(h *headers.PopMessage) { h.MaxMessages = 1 }) // the group exists from now on
			w.requireOffset(0, 1)                                           // real brokers commit a moment later
			w.succeed(&headers.UpdateConsumerOffset{ConsumerGroup: w.group, Topic: w.topic, CommitOffset: 2}, nil)
			list, _ := w.pop()
			require.Equal(w.t, []string{"c"}, contents(list))
		}},
		{name: "a pop waits for a message", queues: 2, run: func(w *popWorld) {
			held := w.park(w.request(polling(longPoll)))
			w.send(1, "a")
			answer := held.await()
			require.NoError(w.t, answer.Err())
			list, _ := w.parse(&answer)
			require.Equal(w.t, []string{"a"}, contents(list))
		}},
		{name: "a pop waits for a message of its queue", queues: 2, run: func(w *popWorld) {
			held := w.park(w.request(polling(longPoll), func(h *headers.PopMessage) { h.QueueID = 1 }))
			w.send(0, "a")
			w.send(1, "b")
			answer := held.await()
			list, _ := w.parse(&answer)
			require.Equal(w.t, []string{"b"}, contents(list))
		}},
		{name: "a pop that does not say when it was made", run: func(w *popWorld) {
			w.send(0, "a")
			for _, bornTime := range []headers.FieldList{nil, {{Name: "bornTime", Value: "0"}}} {
				require.True(w.t, w.notified(w.call(plain{headers.CodeNotification, append(bornTime,
					headers.Field{Name: "consumerGroup", Value: w.group}, headers.Field{Name: "topic", Value: w.topic},
					headers.Field{Name: "queueId", Value: "-1"}, headers.Field{Name: "pollTime", Value: "1000"})}, nil)))
			}
			answer := w.succeed(plain{headers.CodePopMessage, headers.FieldList{
				{Name: "consumerGroup", Value: w.group},
				{Name: "topic", Value: w.topic},
				{Name: "queueId", Value: "-1"},
				{Name: "maxMsgNums", Value: "32"},
				{Name: "invisibleTime", Value: "60000"},
				{Name: "pollTime", Value: "1000"},
				{Name: "initMode", Value: "0"},
			}}, nil)
			list, _ := w.parse(&answer)
			require.Equal(w.t, []string{"a"}, contents(list))
		}},
		{name: "one answer has new messages and such that come again", queues: 2, run: func(w *popWorld) {
			w.send(0, "a", "b")
			list, _ := w.pop(invisible(soon))
			require.Len(w.t, list, 2)
			w.eventually(func() bool { return w.number(headers.CodeMaxOffset, headers.RetryV1.Topic(w.group, w.topic), 0) == 2 })
			w.send(0, "c")
			w.send(1, "d")
			list, result := w.pop()
			require.ElementsMatch(w.t, []string{"a", "b", "c", "d"}, contents(list))
			require.Len(w.t, result.Queues, 3)
			w.ack(list...)
		}},
		{name: "a pop waits in vain", run: func(w *popWorld) {
			begin := time.Now()
			list, _ := w.pop(polling(time.Second))
			require.Empty(w.t, list)
			require.GreaterOrEqual(w.t, time.Since(begin), 900*time.Millisecond)
		}},
		{name: "each message wakes one of those that wait", queues: 2, run: func(w *popWorld) {
			first := w.park(w.request(polling(longPoll)))
			second := w.park(w.request(polling(longPoll + 5*time.Second)))
			w.send(0, "a")
			answer := first.await()
			list, _ := w.parse(&answer)
			require.Equal(w.t, []string{"a"}, contents(list), "the one that ends first")
			require.Empty(w.t, second.answer)
			w.send(1, "b")
			answer = second.await()
			list, _ = w.parse(&answer)
			require.Equal(w.t, []string{"b"}, contents(list))
		}},
	})
}

func TestPopNotification(t *testing.T) {
	runCases(t, popVersions(), []brokerCase{
		{name: "there is something", run: func(w *popWorld) {
			w.send(0, "a")
			require.True(w.t, w.notified(w.call(w.notice(0), nil)))
			require.True(w.t, w.notified(w.call(w.notice(longPoll), nil)), "it takes nothing")
			w.ack(w.await(1)...)
			require.False(w.t, w.notified(w.call(w.notice(0), nil)))
		}},
		{name: "it waits for a message", queues: 2, run: func(w *popWorld) {
			held := w.park(w.notice(longPoll))
			w.send(1, "a")
			require.True(w.t, w.notified(held.await()))
			list, _ := w.pop()
			require.Equal(w.t, []string{"a"}, contents(list))
		}},
		{name: "it waits in vain", run: func(w *popWorld) {
			begin := time.Now()
			require.False(w.t, w.notified(w.call(w.notice(time.Second), nil)))
			require.GreaterOrEqual(w.t, time.Since(begin), 900*time.Millisecond)
		}},
		{name: "it waits for what is delivered again", run: func(w *popWorld) {
			w.send(0, "a")
			list, _ := w.pop(invisible(soon))
			require.Len(w.t, list, 1)
			require.True(w.t, w.notified(w.park(w.notice(longPoll), list...).await()))
			require.Len(w.t, w.await(1), 1)
		}},
		{name: "it has a filter", since: headers.Version5_5_0, run: func(w *popWorld) {
			filter := func(h *headers.Notification) { h.ExpressionType, h.Expression = "TAG", "blue" }
			w.sendTagged(0, "red", "a")
			require.False(w.t, w.notified(w.call(w.notice(0, filter), nil)))
			held := w.park(w.notice(longPoll, filter))
			w.sendTagged(0, "red", "b")
			require.Empty(w.t, held.answer)
			w.sendTagged(0, "blue", "c")
			require.True(w.t, w.notified(held.await()))
		}},
		{name: "refusals", run: func(w *popWorld) {
			w.refused(headers.TopicNotExist, w.notice(0, func(h *headers.Notification) { h.Topic = "none" }), nil)
			w.refused(w.badParameter(), w.notice(0, func(h *headers.Notification) { h.QueueID = 1 }), nil)
		}},
	})
}

func TestPopInOrder(t *testing.T) {
	runCases(t, popVersions(), []brokerCase{
		{name: "a batch keeps its queue", run: func(w *popWorld) {
			w.send(0, "a", "b", "c")
			list, result := w.pop(inOrder("1"), most(2))
			require.Equal(w.t, []string{"a", "b"}, contents(list))
			require.EqualValues(w.t, headers.OrderedReviveQueue, result.ReviveQueueID)
			other, result := w.pop(inOrder("2"))
			require.Empty(w.t, other)
			if w.version >= headers.Version5_3_1 {
				require.Zero(w.t, result.RestNum)
			} else {
				require.EqualValues(w.t, 3, result.RestNum)
			}
			w.requireOffset(0, 0)
			w.ack(list[0])
			w.requireOffset(0, 1)
			other, _ = w.pop(inOrder("3"))
			require.Empty(w.t, other, "one is not acknowledged")
			w.ack(list[1])
			w.requireOffset(0, 2)
			list, _ = w.pop(inOrder("4"))
			require.Equal(w.t, []string{"c"}, contents(list))
		}},
		{name: "the same attempt gets the same batch", run: func(w *popWorld) {
			w.send(0, "a", "b")
			first, _ := w.pop(inOrder("1"))
			w.eventually(func() bool { return time.Now().UnixMilli() > first[0].handle.PopTime+5 })
			second, _ := w.pop(inOrder("1"))
			require.Equal(w.t, contents(first), contents(second))
			require.NotEqual(w.t, first[0].handle.PopTime, second[0].handle.PopTime)
			w.ack(first...) // done by the handles of before: answered, and nothing
			other, _ := w.pop(inOrder("2"))
			require.Empty(w.t, other)
			w.ack(second...)
			w.requireOffset(0, 2)
		}},
		{name: "what is not acknowledged comes again in its place", run: func(w *popWorld) {
			w.send(0, "a", "b", "c")
			list, _ := w.pop(inOrder("1"), most(2), invisible(soon))
			require.Zero(w.t, list[0].count)
			w.ack(list[0])
			again := w.await(2, inOrder("2"))
			require.Equal(w.t, []string{"b", "c"}, contents(again))
			require.Equal(w.t, []int32{1, 0}, []int32{again[0].count, again[1].count})
			require.Zero(w.t, again[0].ReconsumeTimes)
			require.Equal(w.t, headers.RetryNone, again[0].handle.Retry)
		}},
		{name: "a batch given back", run: func(w *popWorld) {
			w.send(0, "a", "b")
			list, _ := w.pop(inOrder("1"))
			for i := range list {
				before := list[i].handle
				changed := w.change(&list[i], soon)
				require.Equal(w.t, before.PopTime, changed.PopTime)
				require.GreaterOrEqual(w.t, changed.InvisibleMillis, int64(1000))
			}
			again := w.await(2, inOrder("2"))
			require.Equal(w.t, []string{"a", "b"}, contents(again))
			require.EqualValues(w.t, 1, again[0].count)
			require.EqualValues(w.t, 1, again[1].count)
		}},
		{name: "a pop waits for the batch of another", run: func(w *popWorld) {
			w.send(0, "a", "b")
			list, _ := w.pop(inOrder("1"), most(1))
			held := w.park(w.request(inOrder("2"), polling(longPoll)))
			w.ack(list...)
			answer := held.await()
			next, _ := w.parse(&answer)
			require.Equal(w.t, []string{"b"}, contents(next))
		}},
		{name: "a notification waits for the batch of another", run: func(w *popWorld) {
			w.send(0, "a", "b")
			list, _ := w.pop(inOrder("1"), most(1))
			held := w.park(w.notice(longPoll, func(h *headers.Notification) { h.QueueID, h.Order, h.AttemptID = 0, true, "2" }))
			w.ack(list...)
			require.True(w.t, w.notified(held.await()))
		}},
		{name: "batches of acknowledgements", since: headers.Version5_1_3, run: func(w *popWorld) {
			w.send(0, "a", "b", "c")
			list, _ := w.pop(inOrder("1"), most(2))
			w.batchAck(w.broker, list...)
			w.requireOffset(0, 2)
			list, _ = w.pop(inOrder("2"))
			require.Equal(w.t, []string{"c"}, contents(list))
		}},
		{name: "queues of their own", queues: 2, run: func(w *popWorld) {
			w.send(0, "a")
			w.send(1, "b")
			list, _ := w.pop(inOrder("1"))
			require.Equal(w.t, []string{"a"}, contents(list))
			list, _ = w.pop(inOrder("2"), func(h *headers.PopMessage) { h.QueueID = -1 })
			require.Equal(w.t, []string{"b"}, contents(list))
		}},
		{name: "an acknowledgement of nothing that was popped", run: func(w *popWorld) {
			w.send(0, "a", "b", "c")
			list, _ := w.pop(inOrder("1"), most(1))
			list[0].handle.Offset = 2
			w.refused(headers.MessageIllegal, w.ackRequest(&list[0]), nil)
		}},
	})
}

func integer(t *testing.T, text string) int64 {
	t.Helper()
	n, err := strconv.ParseInt(text, 10, 64)
	require.NoError(t, err)
	return n
}
