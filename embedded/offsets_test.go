package embedded_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

func groupOffset(topic string, change ...func(h *headers.QueueRequest)) *headers.QueueRequest {
	h := &headers.QueueRequest{Code: headers.CodeQueryConsumerOffset, ConsumerGroup: "group", Topic: topic}
	for _, f := range change {
		f(h)
	}
	return h
}

func keepUnset(h *headers.QueueRequest) { h.KeepUnset = true }

func TestConsumerOffset(t *testing.T) {
	for _, version := range []headers.Version{headers.Version5_5_0, headers.Version4_9_7} {
		five := version == headers.Version5_5_0
		cluster := start(t, embedded.InMemory(), embedded.WithVersion(version), embedded.WithTopic("topic", 1), embedded.WithRetention(1))
		c := dial(t, cluster, cluster.Broker(0).Addr())

		require.Equal(t, "0", fields(c.succeed(groupOffset("topic"), nil))["offset"], "a young queue")
		if five {
			require.EqualValues(t, headers.QueryNotFound, c.call(groupOffset("topic", keepUnset), nil).Code)
			require.EqualValues(t, headers.QueryNotFound, c.call(groupOffset("none"), nil).Code)
		} else {
			require.Equal(t, "0", fields(c.succeed(groupOffset("topic", keepUnset), nil))["offset"])
			require.Equal(t, "0", fields(c.succeed(groupOffset("none"), nil))["offset"])
		}
		for range 3 {
			c.succeed(message("topic"), []byte("body"))
		}
		require.EqualValues(t, headers.QueryNotFound, c.call(groupOffset("topic"), nil).Code, "the start is gone")

		if five {
			commit := &headers.UpdateConsumerOffset{ConsumerGroup: "group", Topic: "topic", CommitOffset: 99}
			require.EqualValues(t, headers.SubscriptionGroupNotExist, c.call(commit, nil).Code)
			cluster.CreateConsumerGroup(headers.NewSubscriptionGroupConfig("group"))
		}
		c.oneway(&headers.UpdateConsumerOffset{ConsumerGroup: "group", Topic: "topic", CommitOffset: 99}, nil)
		require.Equal(t, "99", fields(c.succeed(groupOffset("topic"), nil))["offset"])

		unknown := c.call(&headers.UpdateConsumerOffset{ConsumerGroup: "group", Topic: "none", CommitOffset: 1}, nil)
		if five {
			require.EqualValues(t, headers.TopicNotExist, unknown.Code)
		} else {
			require.NoError(t, unknown.Err())
		}
	}
}

func TestQueueNumbers(t *testing.T) {
	for version, last := range map[headers.Version]string{headers.Version5_5_0: "5", headers.Version4_9_7: "4"} {
		synctest.Test(t, func(t *testing.T) {
			cluster, err := embedded.Start(embedded.InMemory(), embedded.WithVersion(version), embedded.WithTopic("topic", 2), embedded.WithRetention(4))
			require.NoError(t, err)
			defer func() { require.NoError(t, cluster.Close()) }()
			c := dial(t, cluster, cluster.Broker(0).Addr())
			begin := time.Now()
			for range 5 { // at 0, 1, 2, 3, 4 s; the first is dropped
				c.succeed(message("topic"), []byte("body"))
				time.Sleep(time.Second)
			}
			at := func(d time.Duration) int64 { return begin.Add(d).UnixMilli() }
			number := func(code headers.RequestCode, change ...func(h *headers.QueueRequest)) string {
				h := &headers.QueueRequest{Code: code, Topic: "topic"}
				for _, f := range change {
					f(h)
				}
				got := fields(c.succeed(h, nil))
				require.Len(t, got, 1)
				return got["offset"] + got["timestamp"]
			}
			search := func(millis int64, boundary string) string {
				return number(headers.CodeSearchOffset, func(h *headers.QueueRequest) { h.Timestamp, h.Boundary = millis, boundary })
			}
			otherQueue := func(h *headers.QueueRequest) { h.QueueID = 1 }
			otherTopic := func(h *headers.QueueRequest) { h.Topic = "none" }
			require.Equal(t, "5", number(headers.CodeMaxOffset))
			require.Equal(t, "1", number(headers.CodeMinOffset))
			require.Equal(t, "0", number(headers.CodeMaxOffset, otherQueue))
			require.Equal(t, "0", number(headers.CodeMinOffset, otherTopic))
			require.Equal(t, "-1", number(headers.CodeEarliestStoreTime, otherQueue))
			require.NotEqual(t, "-1", number(headers.CodeEarliestStoreTime))
			require.Equal(t, "1", search(0, ""))
			require.Equal(t, "2", search(at(1500*time.Millisecond), ""))
			require.Equal(t, "3", search(at(3*time.Second), "LOWER"))
			require.Equal(t, "2", search(at(2900*time.Millisecond), "UPPER"))
			require.Equal(t, "4", search(at(4*time.Second), "UPPER"))
			require.Equal(t, "1", search(0, "UPPER"))
			require.Equal(t, "5", search(at(time.Hour), "UPPER"))
			require.Equal(t, last, search(at(time.Hour), ""), "after the last message the versions differ")
		})
	}
}

func TestOffsetRequestsWithoutFields(t *testing.T) {
	cluster := start(t, embedded.InMemory())
	c := dial(t, cluster, cluster.Broker(0).Addr())
	for _, code := range []headers.RequestCode{
		headers.CodeQueryConsumerOffset, headers.CodeUpdateConsumerOffset, headers.CodeSearchOffset, headers.CodeMaxOffset,
		headers.CodeViewMessage, headers.CodeQueryMessage, headers.CodeCreateTopic, headers.CodeHeartbeat,
		headers.CodeLockQueues, headers.CodeUnlockQueues, headers.CodeConsumerList,
	} {
		answer := c.call(plain{code: code}, nil)
		require.EqualValues(t, headers.SystemError, answer.Code, code)
		require.NotEmpty(t, answer.Remark)
	}
}
