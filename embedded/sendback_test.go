package embedded_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

func pullVersions() []caseVersion {
	return []caseVersion{{"5.5.0", headers.Version5_5_0}, {"4.9.7", headers.Version4_9_7}}
}

// sendBack sends a message back; change may be nil.
func (w *popWorld) sendBack(m *popped, level int32, change func(h *headers.ConsumerSendBack)) headers.Command {
	w.t.Helper()
	h := &headers.ConsumerSendBack{
		ConsumerGroup: w.group, Offset: m.CommitLogOffset, DelayLevel: level, OriginTopic: w.topic, OriginMessageID: m.property("UNIQ_KEY"),
	}
	if change != nil {
		change(h)
	}
	return w.call(h, nil)
}

func TestSendBack(t *testing.T) {
	runCases(t, pullVersions(), []brokerCase{
		{name: "to the retry topic, after a delay", run: func(w *popWorld) {
			w.send(0, "a")
			_, list := w.pull(w.topic, 0, 0)
			answer := w.sendBack(&list[0], 1, nil)
			require.NoError(w.t, answer.Err())
			retry := headers.RetryTopicPrefix + w.group
			again := w.awaitPull(retry, 0)
			require.Equal(w.t, "a", string(again.Body))
			require.Equal(w.t, retry, again.Topic)
			require.EqualValues(w.t, 1, again.ReconsumeTimes)
			require.EqualValues(w.t, 7, again.Flag)
			want := map[string]string{
				"RETRY_TOPIC": w.topic, "WAIT": "false", "DELAY": "1", "REAL_TOPIC": retry, "REAL_QID": "0",
				"ORIGIN_MESSAGE_ID": offsetID(w.t, &list[0]), "UNIQ_KEY": list[0].property("UNIQ_KEY"),
			}
			for name, value := range want {
				require.Equal(w.t, value, again.property(name), name)
			}
			answer = w.sendBack(&again, 1, nil)
			require.NoError(w.t, answer.Err())
			again = w.awaitPull(retry, 1)
			require.EqualValues(w.t, 2, again.ReconsumeTimes)
			require.Equal(w.t, want["ORIGIN_MESSAGE_ID"], again.property("ORIGIN_MESSAGE_ID"))
			require.Equal(w.t, w.topic, again.property("RETRY_TOPIC"))
		}},
		{name: "to the dead letters, at once", run: func(w *popWorld) {
			w.send(0, "a")
			_, list := w.pull(w.topic, 0, 0)
			answer := w.sendBack(&list[0], -1, nil)
			require.NoError(w.t, answer.Err())
			dead := w.awaitPull(headers.DeadLetterTopicPrefix+w.group, 0)
			require.Equal(w.t, "a", string(dead.Body))
			require.EqualValues(w.t, 1, dead.ReconsumeTimes)
			require.Equal(w.t, w.topic, dead.property("RETRY_TOPIC"))
			require.Equal(w.t, "0", dead.property("DELAY"))
			require.Empty(w.t, dead.property("DLQ_ORIGIN_TOPIC"))
		}},
		{name: "to the dead letters, after so many times", run: func(w *popWorld) {
			w.send(0, "a")
			_, list := w.pull(w.topic, 0, 0)
			answer := w.sendBack(&list[0], 1, func(h *headers.ConsumerSendBack) { h.MaxReconsumeTimes, h.HasMaxReconsumeTimes = 1, true })
			require.NoError(w.t, answer.Err())
			again := w.awaitPull(headers.RetryTopicPrefix+w.group, 0)
			answer = w.sendBack(&again, 1, func(h *headers.ConsumerSendBack) { h.MaxReconsumeTimes, h.HasMaxReconsumeTimes = 1, true })
			require.NoError(w.t, answer.Err())
			require.EqualValues(w.t, 2, w.awaitPull(headers.DeadLetterTopicPrefix+w.group, 0).ReconsumeTimes)
		}},
		{name: "what is not there", run: func(w *popWorld) {
			m := popped{}
			m.CommitLogOffset = 1 << 40
			answer := w.sendBack(&m, 0, nil)
			require.Equal(w.t, headers.SystemError, headers.ResponseCode(answer.Code))
		}},
		{name: "by the group's own number of times", run: func(w *popWorld) {
			w.group += "-own"
			cfg := headers.NewSubscriptionGroupConfig(w.group)
			cfg.RetryMaxTimes = 0
			w.createGroup(cfg)
			w.send(0, "a")
			_, list := w.pull(w.topic, 0, 0)
			answer := w.sendBack(&list[0], 0, nil)
			require.NoError(w.t, answer.Err())
			w.awaitPull(headers.DeadLetterTopicPrefix+w.group, 0)
		}},
		{name: "without retry queues it is gone", run: func(w *popWorld) {
			w.group += "-none"
			cfg := headers.NewSubscriptionGroupConfig(w.group)
			cfg.RetryQueues = 0
			w.createGroup(cfg)
			w.send(0, "a")
			_, list := w.pull(w.topic, 0, 0)
			answer := w.sendBack(&list[0], -1, nil)
			require.NoError(w.t, answer.Err())
		}},
		{name: "a send to the retry topic that comes too often", run: func(w *popWorld) {
			retry := headers.RetryTopicPrefix + w.group
			send := &headers.SendMessage{
				ProducerGroup: "producers", Topic: retry, DefaultTopic: headers.DefaultTopic, DefaultTopicQueues: 1,
				BornTimestamp: time.Now().UnixMilli(), ReconsumeTimes: 3, MaxReconsumeTimes: 3, HasMaxReconsumeTimes: true,
				Properties: []byte("DELAY\x011\x02"),
			}
			level := "-1"
			if w.version < headers.Version5_0_0 { // one less, and it waits for its delay
				send.ReconsumeTimes, level = 2, "1"
			}
			w.succeed(send, []byte("a"))
			send.ReconsumeTimes++
			w.succeed(send, []byte("b"))
			dead := w.awaitPull(headers.DeadLetterTopicPrefix+w.group, 0)
			require.Equal(w.t, "b", string(dead.Body))
			require.Equal(w.t, level, dead.property("DELAY"))
		}},
		{name: "a popped message", since: headers.Version5_0_0, run: func(w *popWorld) {
			w.send(0, "a")
			w.await(1, invisible(soon))
			list := w.await(1)
			require.EqualValues(w.t, 1, list[0].ReconsumeTimes)
			answer := w.sendBack(&list[0], -1, nil)
			require.NoError(w.t, answer.Err())
			dead := w.awaitPull(headers.DeadLetterTopicPrefix+w.group, 0)
			require.EqualValues(w.t, 2, dead.ReconsumeTimes)
			require.Equal(w.t, headers.RetryV1.Topic(w.group, w.topic), dead.property("RETRY_TOPIC"))
		}},
	})
}

// A message that comes back for the first time waits for 10 s, then for 30 s.
func TestSendBackDelays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cluster, err := embedded.Start(embedded.InMemory())
		require.NoError(t, err)
		defer func() { require.NoError(t, cluster.Close()) }()
		w := &popWorld{t: t, addr: cluster.Broker(0).Addr(), broker: "broker-a", version: headers.Version5_5_0}
		w.run(brokerCase{run: func(w *popWorld) {
			w.send(0, "a")
			_, list := w.pull(w.topic, 0, 0)
			for i, delay := range []time.Duration{10 * time.Second, 30 * time.Second, time.Minute} {
				answer := w.sendBack(&list[0], 0, nil)
				require.NoError(t, answer.Err())
				time.Sleep(delay - time.Millisecond)
				require.EqualValues(t, i, w.number(headers.CodeMaxOffset, headers.RetryTopicPrefix+w.group, 0))
				list[0] = w.awaitPull(headers.RetryTopicPrefix+w.group, int64(i))
			}
		}}, cluster.Dial)
	})
}
