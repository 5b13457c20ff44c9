package embedded_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

func (w *popWorld) createGroup(cfg headers.SubscriptionGroupConfig) {
	w.t.Helper()
	content, err := cfg.Encode()
	require.NoError(w.t, err)
	w.succeed(headers.CreateSubscriptionGroup{}, content)
}

// join has the world's client be a member of its group.
func (w *popWorld) join(clientID string) {
	w.t.Helper()
	sub, err := headers.NewSubscription(w.topic, "*", time.Now().UnixMilli())
	require.NoError(w.t, err)
	beat := headers.HeartbeatData{ClientID: clientID, Consumers: []headers.ConsumerData{{
		Group: w.group, ConsumeType: headers.ConsumePassively, MessageModel: headers.Clustering, ConsumeFromWhere: headers.ConsumeFromFirstOffset,
		Subscriptions: []headers.SubscriptionData{sub},
	}}}
	content, err := beat.Encode()
	require.NoError(w.t, err)
	w.succeed(headers.Heartbeat{}, content)
}

// offsetID is the offset message id of a stored message.
func offsetID(t *testing.T, m *popped) string {
	t.Helper()
	host := m.StoreHost.Addr().Unmap().As4()
	return fmt.Sprintf("%X%08X%016X", host[:], m.StoreHost.Port(), m.CommitLogOffset)
}

func TestGroups(t *testing.T) {
	runCases(t, pullVersions(), []brokerCase{
		{name: "a group's connections", run: func(w *popWorld) {
			ask := &headers.GroupRequest{Code: headers.CodeConsumerConnection, ConsumerGroup: w.group}
			w.refused(headers.ConsumerNotOnline, ask, nil)
			w.join("client-1")
			answer := w.succeed(ask, nil)
			got, err := headers.ParseConsumerConnectionData(answer.Body)
			require.NoError(w.t, err)
			require.Len(w.t, got.Connections, 1)
			require.Equal(w.t, "client-1", got.Connections[0].ClientID)
			require.NotEmpty(w.t, got.Connections[0].Address)
			require.Equal(w.t, headers.ConsumePassively, got.ConsumeType)
			require.Equal(w.t, headers.Clustering, got.MessageModel)
			require.Equal(w.t, headers.ConsumeFromFirstOffset, got.ConsumeFromWhere)
			require.Contains(w.t, got.Subscriptions, w.topic)
		}},
		{name: "a group that may not consume", run: func(w *popWorld) {
			cfg := headers.NewSubscriptionGroupConfig(w.group)
			cfg.ConsumeEnable = false
			w.createGroup(cfg)
			w.refused(headers.NoPermission, &headers.PullMessage{
				ConsumerGroup: w.group, Topic: w.topic, MaxMessages: 1, SysFlag: headers.PullSubscription, Subscription: "*",
			}, nil)
			if w.version >= headers.Version5_0_0 {
				w.refused(headers.NoPermission, w.request(), nil)
				w.refused(headers.NoPermission, w.notice(0), nil)
			}
		}},
		{name: "a group's configuration", since: headers.Version5_0_0, run: func(w *popWorld) {
			ask := &headers.GroupRequest{Code: headers.CodeSubscriptionGroup, ConsumerGroup: w.group}
			cfg := headers.NewSubscriptionGroupConfig(w.group)
			cfg.RetryMaxTimes = 3
			w.createGroup(cfg)
			answer := w.succeed(ask, nil)
			got, err := headers.ParseSubscriptionGroupConfig(answer.Body)
			require.NoError(w.t, err)
			require.Equal(w.t, w.group, got.ConsumerGroup)
			require.EqualValues(w.t, 3, got.RetryMaxTimes)
			require.True(w.t, got.ConsumeEnable)
		}},
		{name: "offsets of a group that is not known", run: func(w *popWorld) {
			commit := &headers.UpdateConsumerOffset{ConsumerGroup: w.group, Topic: w.topic, CommitOffset: 0}
			if w.version < headers.Version5_3_0 {
				w.succeed(commit, nil)
				return
			}
			w.refused(headers.SubscriptionGroupNotExist, commit, nil)
			w.join("client-1")
			w.succeed(commit, nil)
		}},
	})
}

func (w *popWorld) reset(change func(h *headers.ResetOffset)) headers.Command {
	w.t.Helper()
	h := &headers.ResetOffset{ConsumerGroup: w.group, Topic: w.topic, QueueID: -1, Timestamp: -1, Force: true}
	if change != nil {
		change(h)
	}
	return w.call(h, nil)
}

func TestResetOffset(t *testing.T) {
	runCases(t, []caseVersion{{"5.5.0", headers.Version5_5_0}}, []brokerCase{
		{name: "a pull hears of it", queues: 2, run: func(w *popWorld) {
			w.send(0, "a", "b", "c")
			w.join("client-1")
			answer := w.reset(nil)
			require.NoError(w.t, answer.Err())
			got, err := headers.ParseResetOffsetData(answer.Body)
			require.NoError(w.t, err)
			require.ElementsMatch(w.t, []headers.QueueOffset{
				{MessageQueue: headers.MessageQueue{Topic: w.topic, BrokerName: w.broker, QueueID: 0}, Offset: 3},
				{MessageQueue: headers.MessageQueue{Topic: w.topic, BrokerName: w.broker, QueueID: 1}, Offset: 0},
			}, got.Offsets)
			w.requireOffset(0, 3)
			w.succeed(&headers.UpdateConsumerOffset{ConsumerGroup: w.group, Topic: w.topic, CommitOffset: 1}, nil)
			w.requireOffset(0, 3) // a commit of before does not undo it
			pull := &headers.PullMessage{ConsumerGroup: w.group, Topic: w.topic, QueueOffset: 1, MaxMessages: 32, SysFlag: headers.PullSubscription, Subscription: "*"}
			moved := w.call(pull, nil)
			require.Equal(w.t, headers.PullOffsetMoved, headers.ResponseCode(moved.Code))
			result, err := headers.ParsePullResult(&moved)
			require.NoError(w.t, err)
			require.EqualValues(w.t, 3, result.NextOffset)
			w.succeed(&headers.UpdateConsumerOffset{ConsumerGroup: w.group, Topic: w.topic, CommitOffset: 2}, nil)
			w.requireOffset(0, 2) // it knows now
		}},
		{name: "a pop goes by it", run: func(w *popWorld) {
			w.send(0, "a", "b", "c")
			require.Len(w.t, w.await(3), 3)
			answer := w.reset(func(h *headers.ResetOffset) { h.QueueID, h.Offset, h.HasOffset = 0, 1, true })
			require.NoError(w.t, answer.Err())
			require.Equal(w.t, []string{"b", "c"}, contents(w.await(2)))
		}},
		{name: "a batch in order is forgotten", run: func(w *popWorld) {
			w.send(0, "a", "b")
			require.Len(w.t, w.await(2, inOrder("1")), 2)
			answer := w.reset(func(h *headers.ResetOffset) { h.QueueID, h.Offset, h.HasOffset = 0, 1, true })
			require.NoError(w.t, answer.Err())
			require.Equal(w.t, []string{"b"}, contents(w.await(1, inOrder("2"))))
		}},
		{name: "by time", run: func(w *popWorld) {
			w.send(0, "a", "b")
			w.join("client-1")
			answer := w.reset(func(h *headers.ResetOffset) { h.Timestamp = 0 })
			require.NoError(w.t, answer.Err())
			w.requireOffset(0, 0)
		}},
		{name: "refusals", run: func(w *popWorld) {
			answer := w.reset(nil)
			require.Equal(w.t, headers.SubscriptionGroupNotExist, headers.ResponseCode(answer.Code))
			answer = w.reset(func(h *headers.ResetOffset) { h.Topic = "none" })
			require.Equal(w.t, headers.TopicNotExist, headers.ResponseCode(answer.Code))
			w.join("client-1")
			answer = w.reset(func(h *headers.ResetOffset) { h.QueueID, h.Offset, h.HasOffset = 0, 9, true })
			require.Equal(w.t, headers.SystemError, headers.ResponseCode(answer.Code))
		}},
	})
	runCases(t, []caseVersion{{"4.9.7", headers.Version4_9_7}}, []brokerCase{
		{name: "members are told", run: func(w *popWorld) {
			w.send(0, "a")
			answer := w.reset(nil)
			require.Equal(w.t, headers.SystemError, headers.ResponseCode(answer.Code), "it has no offset")
			w.succeed(&headers.UpdateConsumerOffset{ConsumerGroup: w.group, Topic: w.topic, CommitOffset: 0}, nil)
			answer = w.reset(nil)
			require.Equal(w.t, headers.ConsumerNotOnline, headers.ResponseCode(answer.Code))
			w.join("client-1")
			answer = w.reset(nil)
			require.NoError(w.t, answer.Err())
			want := []headers.QueueOffset{{MessageQueue: headers.MessageQueue{Topic: w.topic, BrokerName: w.broker}, Offset: 1}}
			got, err := headers.ParseResetOffsetData(answer.Body)
			require.NoError(w.t, err)
			require.Equal(w.t, want, got.Offsets)
			w.eventually(func() bool { return w.pushed(headers.CodeResetClientOffset) != nil })
			push := w.pushed(headers.CodeResetClientOffset)
			got, err = headers.ParseResetOffsetData(push.Body)
			require.NoError(w.t, err)
			require.Equal(w.t, want, got.Offsets)
		}},
	})
}

func TestAssignment(t *testing.T) {
	runCases(t, popVersions(), []brokerCase{
		{name: "queues of a member", queues: 3, run: func(w *popWorld) {
			require.Nil(w.t, w.assignment("client-1"), "it is no member")
			w.join("client-1")
			w.eventually(func() bool { return len(w.assignment("client-1")) == 3 }) // brokers know routes from name servers
			for _, a := range w.assignment("client-1") {
				require.Equal(w.t, headers.RequestModePull, a.Mode)
				require.Equal(w.t, w.topic, a.Queue.Topic)
				require.Equal(w.t, w.broker, a.Queue.BrokerName)
			}
			require.Empty(w.t, w.assignment("stranger"))
		}},
		{name: "any queue, to pop from", queues: 3, run: func(w *popWorld) {
			w.join("client-1")
			w.setMode(headers.Success, headers.SetMessageRequestModeData{ConsumerGroup: w.group, Topic: w.topic, Mode: headers.RequestModePop, PopShareQueues: -1})
			want := []headers.Assignment{{Queue: headers.MessageQueue{Topic: w.topic, BrokerName: w.broker, QueueID: -1}, Mode: headers.RequestModePop}}
			w.eventually(func() bool { return len(w.assignment("client-1")) > 0 })
			require.Equal(w.t, want, w.assignment("client-1"))
		}},
		{name: "modes that are refused", run: func(w *popWorld) {
			mode := headers.SetMessageRequestModeData{ConsumerGroup: w.group, Topic: "none", Mode: headers.RequestModePop}
			if w.version >= headers.Version5_3_3 {
				w.setMode(headers.TopicNotExist, mode)
			} else {
				w.setMode(headers.Success, mode)
			}
			mode.Topic = headers.RetryTopicPrefix + w.group
			w.setMode(headers.NoPermission, mode)
		}},
	})
}

func (w *popWorld) setMode(code headers.ResponseCode, mode headers.SetMessageRequestModeData) {
	w.t.Helper()
	content, err := mode.Encode()
	require.NoError(w.t, err)
	w.refused(code, headers.SetMessageRequestMode{}, content)
}

func (w *popWorld) assignment(clientID string) []headers.Assignment {
	w.t.Helper()
	ask := headers.QueryAssignmentData{ClientID: clientID, ConsumerGroup: w.group, MessageModel: headers.Clustering, Strategy: "AVG", Topic: w.topic}
	content, err := ask.Encode()
	require.NoError(w.t, err)
	answer := w.succeed(headers.QueryAssignment{}, content)
	got, err := headers.ParseAssignmentData(answer.Body)
	require.NoError(w.t, err)
	return got.Assignments
}
