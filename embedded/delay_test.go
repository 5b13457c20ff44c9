package embedded_test

import (
	"context"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

func millis(t time.Time) string { return strconv.FormatInt(t.UnixMilli(), 10) }

// delivered waits for the only message of the topic and returns it with the time
// since.
func delivered(t *testing.T, c *embedded.Cluster, topic string, since time.Time) (embedded.Message, time.Duration) {
	t.Helper()
	stored, err := c.AwaitMessages(context.Background(), topic, 1)
	require.NoError(t, err)
	require.Len(t, stored, 1)
	return stored[0], time.Since(since)
}

// A message with a delay level is in its queue when that time is over, the same
// but for what says where it has been.
func TestDelayLevel(t *testing.T) {
	for _, version := range []headers.Version{headers.Version4_9_7, headers.Version5_5_0} {
		inBubble(t, func(t *testing.T, c *embedded.Cluster) {
			cl := dial(t, c, c.Broker(0).Addr())
			began := time.Now()
			answer := cl.succeed(message("topic", toQueue(1), with("UNIQ_KEY", "ID1", "DELAY", "3", "TAGS", "tag")), []byte("body"))
			require.Equal(t, "1", fields(answer)["queueId"])
			require.Empty(t, fields(answer)["recallHandle"])
			require.Zero(t, storedIn(c, "topic"))
			require.Len(t, messagesIn(c, "SCHEDULE_TOPIC_XXXX"), 1)
			require.EqualValues(t, 2, messagesIn(c, "SCHEDULE_TOPIC_XXXX")[0].QueueID)

			m, took := delivered(t, c, "topic", began)
			require.Equal(t, 10*time.Second, took)
			require.Equal(t, "body", string(m.Body))
			require.EqualValues(t, 1, m.QueueID)
			require.Equal(t, int64(1_700_000_000_000), m.BornTimestamp.UnixMilli())
			require.Equal(t, "ID1", m.UniqueKey)
			require.Equal(t, "tag", m.Tags)
			require.Equal(t, "3", m.Properties["DELAY"])
			require.Equal(t, "topic", m.Properties["REAL_TOPIC"])
			require.Equal(t, "1", m.Properties["REAL_QID"])
		}, embedded.WithVersion(version))
	}
}

func TestDelayLevelsAreCut(t *testing.T) {
	for level, want := range map[string]time.Duration{"99": 2 * time.Hour, "18": 2 * time.Hour, "1": time.Second, "0": 0, "-1": 0} {
		inBubble(t, func(t *testing.T, c *embedded.Cluster) {
			began := time.Now()
			dial(t, c, c.Broker(0).Addr()).succeed(message("topic", with("DELAY", level)), []byte("body"))
			_, took := delivered(t, c, "topic", began)
			require.Equal(t, want, took, "level %s", level)
		})
	}
}

func TestWithDelayLevels(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		began := time.Now()
		dial(t, c, c.Broker(0).Addr()).succeed(message("topic", with("DELAY", "3")), []byte("body"))
		m, took := delivered(t, c, "topic", began)
		require.Equal(t, time.Hour, took)
		require.Equal(t, "2", m.Properties["DELAY"])
	}, embedded.WithDelayLevels(time.Minute, time.Hour))
}

// A timer's time is put back to the whole second before, which is worked on when
// it is over.
func TestTimer(t *testing.T) {
	for _, test := range []struct {
		name   string
		set    func(now time.Time) []string
		out    time.Duration // TIMER_OUT_MS after the send
		stored time.Duration
	}{
		{"whole second", func(now time.Time) []string { return []string{"TIMER_DELIVER_MS", millis(now.Add(3 * time.Second))} }, 2 * time.Second, 3 * time.Second},
		{"within a second", func(now time.Time) []string {
			return []string{"TIMER_DELIVER_MS", millis(now.Add(3100 * time.Millisecond))}
		}, 3 * time.Second, 4 * time.Second},
		{"delay in milliseconds", func(time.Time) []string { return []string{"TIMER_DELAY_MS", "1500"} }, time.Second, 2 * time.Second},
		{"delay in seconds", func(time.Time) []string { return []string{"TIMER_DELAY_SEC", "5"} }, 4 * time.Second, 5 * time.Second},
		{"seconds win", func(now time.Time) []string {
			return []string{"TIMER_DELIVER_MS", millis(now.Add(time.Hour)), "TIMER_DELAY_MS", "60000", "TIMER_DELAY_SEC", "2"}
		}, time.Second, 2 * time.Second},
		{"milliseconds win", func(now time.Time) []string {
			return []string{"TIMER_DELIVER_MS", millis(now.Add(time.Hour)), "TIMER_DELAY_MS", "2000"}
		}, time.Second, 2 * time.Second},
	} {
		t.Run(test.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, c *embedded.Cluster) {
				began := time.Now()
				set := append([]string{"UNIQ_KEY", "ID1"}, test.set(began)...)
				answer := dial(t, c, c.Broker(0).Addr()).succeed(message("topic", toQueue(1), with(set...)), []byte("body"))
				require.Equal(t, headers.RecallHandle{
					Topic: "topic", BrokerName: "broker-a", UniqueKey: "ID1", Timestamp: began.Add(test.out).UnixMilli() + 1,
				}.String(), fields(answer)["recallHandle"])

				m, took := delivered(t, c, "topic", began)
				require.Equal(t, test.stored, took)
				require.EqualValues(t, 1, m.QueueID)
				require.Equal(t, millis(began.Add(test.out)), m.Properties["TIMER_OUT_MS"])
				require.Equal(t, "topic", m.Properties["REAL_TOPIC"])
				require.Equal(t, "1", m.Properties["REAL_QID"])
				require.Equal(t, millis(began), m.Properties["TIMER_ENQUEUE_MS"])
				require.Equal(t, millis(m.StoreTimestamp), m.Properties["TIMER_DEQUEUE_MS"])
			})
		})
	}
}

// What keeps a timer from waiting, and what refuses it.
func TestTimerLimits(t *testing.T) {
	const most = 3 * 24 * time.Hour
	for _, test := range []struct {
		name  string
		value func(now time.Time) string
		opts  []embedded.Option
		code  headers.ResponseCode
		waits bool
	}{
		{name: "past", value: func(now time.Time) string { return millis(now) }},
		{name: "at the limit", value: func(now time.Time) string { return millis(now.Add(most)) }, waits: true},
		{name: "over the limit", value: func(now time.Time) string { return millis(now.Add(most + time.Millisecond)) }, code: headers.MessageIllegal},
		{name: "over another limit", value: func(now time.Time) string { return millis(now.Add(time.Hour)) }, opts: []embedded.Option{embedded.WithMaxDelay(time.Minute)}, code: headers.MessageIllegal},
		{name: "no number", value: func(time.Time) string { return "soon" }, code: headers.MessageIllegal},
		{name: "timers are off", value: func(now time.Time) string { return millis(now.Add(time.Minute)) }, opts: []embedded.Option{embedded.WithoutTimers()}, code: headers.SystemError},
		{name: "4.9 does not know them", value: func(now time.Time) string { return millis(now.Add(time.Minute)) }, opts: []embedded.Option{embedded.WithVersion(headers.Version4_9_7)}},
	} {
		t.Run(test.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, c *embedded.Cluster) {
				answer := dial(t, c, c.Broker(0).Addr()).call(message("topic", with("TIMER_DELIVER_MS", test.value(time.Now()))), []byte("body"))
				require.Equal(t, test.code, headers.ResponseCode(answer.Code), string(answer.Remark))
				require.Equal(t, test.code == headers.Success && !test.waits, storedIn(c, "topic") == 1)
				require.Equal(t, test.waits, storedIn(c, "rmq_sys_wheel_timer") == 1)
			}, test.opts...)
		})
	}
}

// A level wins over a timer, whose property is gone then.
func TestDelayLevelWinsOverTimer(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		began := time.Now()
		dial(t, c, c.Broker(0).Addr()).succeed(message("topic", with("DELAY", "2", "TIMER_DELAY_SEC", "60")), []byte("body"))
		m, took := delivered(t, c, "topic", began)
		require.Equal(t, 5*time.Second, took)
		require.NotContains(t, m.Properties, "TIMER_DELAY_SEC")
	})
}

// What becomes due while its broker is down is delivered when it is back.
func TestDelayOverABrokersRestart(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		began := time.Now()
		dial(t, c, c.Broker(0).Addr()).succeed(message("topic", with("DELAY", "1")), []byte("body"))
		c.Broker(0).Kill()
		time.Sleep(time.Minute)
		require.Zero(t, storedIn(c, "topic"))
		require.NoError(t, c.Broker(0).Start())
		_, took := delivered(t, c, "topic", began)
		require.Equal(t, time.Minute, took)
	})
}

// Advance needs no bubble.
func TestAdvanceDeliversDelayedMessages(t *testing.T) {
	c := start(t, embedded.WithTopic("topic", 1))
	cl := dial(t, c, c.Broker(0).Addr())
	for i, level := range []string{"18", "17"} {
		cl.succeed(message("topic", with("DELAY", level, "n", strconv.Itoa(i))), []byte("body"))
	}
	cl.succeed(message("topic", with("TIMER_DELAY_SEC", "86400", "n", "2")), []byte("body"))
	require.Zero(t, storedIn(c, "topic"))
	c.Advance(25 * time.Hour)
	var order []string
	for _, m := range messagesIn(c, "topic") {
		order = append(order, m.Properties["n"])
	}
	require.Equal(t, []string{"1", "0", "2"}, order)
}
