package publisher_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ThreeDotsLabs/watermill/components/delay"
	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/realbroker"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
)

// A recalled message does not come, while one that is due later does.
func TestRecall(t *testing.T) {
	t.Run("embedded", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			testRecall(t, embeddedWorld(t, embedded.InMemory(), embedded.WithRecall()))
		})
	})
	for _, version := range []string{"5.5.0", "5.3.3"} { // the first that has it
		t.Run("real "+version, func(t *testing.T) {
			testRecall(t, realWorld(t, realbroker.Start(t, realbroker.Config{
				Version: version, BrokerProps: map[string]string{"recallMessageEnable": "true"},
			})))
		})
	}
}

func testRecall(t *testing.T, w *world) {
	// A busy machine may take longer than the first delay for a recall.
	lasts := 4 * time.Second
	for !recalls(t, w, lasts) {
		require.Less(t, lasts, time.Minute)
		lasts *= 4
	}
}

// recalls reports whether a message could be recalled before its delay was over.
func recalls(t *testing.T, w *world, lasts time.Duration) bool {
	topic := newTopic(t, "recall")
	w.createTopic(t, topic, 1)
	results := newResults()
	p := publisherIn(t, w, func(c *publisher.Config) { c.OnResult = results.add })
	gone, stays := newMessage("gone"), newMessage("stays")
	delay.Message(gone, delay.For(lasts))
	delay.Message(stays, delay.For(lasts+2*time.Second))
	began := time.Now()
	require.NoError(t, p.Publish(topic, gone, stays))
	result := results.next(t)
	require.Equal(t, gone.UUID, result.UUID)

	for _, what := range []string{"a recall", "it may be repeated"} {
		err := p.Recall(t.Context(), result.RecallHandle)
		if errors.Is(err, publisher.ErrRecallTooLate) && time.Since(began) > lasts/2 {
			return false
		}
		require.NoError(t, err, what)
	}

	// The later one is there, so the time of the other is over.
	all := awaitMessages(t, w, topic, 1)
	if string(all[0].Body) == "gone" {
		return false // a busy broker has taken the recall, and looked at it too late
	}
	require.Equal(t, "stays", string(all[0].Body))
	err := p.Recall(t.Context(), result.RecallHandle)
	require.ErrorIs(t, err, publisher.ErrRecallTooLate)
	require.Len(t, w.read(t, topic, 1), 1)
	return true
}

// What brokers without recall answer, and those that forbid it.
func TestRecallWhereItIsNot(t *testing.T) {
	handleOf := func(topic string) string {
		return headers.RecallHandle{Topic: topic, BrokerName: "broker-a", Timestamp: time.Now().Add(time.Minute).UnixMilli(), UniqueKey: "ID"}.String()
	}
	test := func(t *testing.T, w *world, forbidden bool) {
		topic := newTopic(t, "recall")
		w.createTopic(t, topic, 1)
		err := publisherIn(t, w, nil).Recall(t.Context(), handleOf(topic))
		if forbidden {
			require.ErrorIs(t, err, publisher.ErrRecallDisabled)
			require.ErrorIs(t, err, &headers.StatusError{Code: headers.NoPermission})
			return
		}
		requireRecallUnsupported(t, err)
	}
	for version, forbidden := range map[string]bool{"5.5.0": true, "5.1.4": false, "4.9.7": false} {
		t.Run("real "+version, func(t *testing.T) { test(t, realWorld(t, sharedCluster(t, version)), forbidden) })
	}
	t.Run("embedded 5.5.0", func(t *testing.T) { test(t, embeddedWorld(t), true) })
	t.Run("embedded 4.9.7", func(t *testing.T) {
		test(t, embeddedWorld(t, embedded.WithVersion(headers.Version4_9_7)), false)
	})
}

// A broker whose timers are off, or end sooner, says so, and the message is not
// stored, unless a delay level will do.
func TestDelayThatTheBrokerRefuses(t *testing.T) {
	test := func(t *testing.T, w *world, check func(err error)) {
		topic := newTopic(t, "refused")
		w.createTopic(t, topic, 1)
		p := publisherIn(t, w, nil)
		check(p.Publish(topic, delayed(delay.For(3*time.Hour))))
		require.NoError(t, p.Publish(topic, newMessage("x")))
		require.Equal(t, "x", string(w.readDelayed(t, topic, 1)[0].Body))

		if w.real == nil {
			return // it would take time; see TestPromiseDelayByLevelWhereTimersAreRefused
		}
		exact := publisherIn(t, w, func(c *publisher.Config) { c.Delay.RequireLevel = true })
		n := 1
		inTime(t, func(unit time.Duration) bool {
			body := "by " + unit.String()
			late, began := newMessage(body), time.Now()
			level := 5 * unit // 5 s, and longer ones that there are as well
			if unit > time.Second {
				level = unit
			}
			delay.Message(late, delay.For(level))
			require.NoError(t, exact.Publish(topic, late))
			n++
			got := bodiesOf(w.readDelayed(t, topic, n))[body]
			if wasLate(got, began.Add(level)) {
				return true
			}
			requireDelayed(t, got, began.Add(level), late, false)
			return false
		})
	}
	off := func(err error) { requireTimersDisabled(t, err) }
	short := func(err error) {
		var long *publisher.DelayTooLongError
		require.ErrorAs(t, err, &long)
		require.Zero(t, long.Max)
		require.ErrorIs(t, err, &headers.StatusError{Code: headers.MessageIllegal})
		require.Equal(t, publisher.NotSent, failureOf(t, err).Outcome())
	}
	t.Run("embedded, off", func(t *testing.T) { test(t, embeddedWorld(t, embedded.WithoutTimers()), off) })
	t.Run("embedded, shorter", func(t *testing.T) { test(t, embeddedWorld(t, embedded.WithMaxDelay(time.Minute)), short) })
	t.Run("real 5.5.0, off", func(t *testing.T) {
		test(t, realWorld(t, realbroker.Start(t, realbroker.Config{
			Version: "5.5.0", BrokerProps: map[string]string{"timerWheelEnable": "false"},
		})), off)
	})
	t.Run("real 5.5.0, shorter", func(t *testing.T) {
		test(t, realWorld(t, realbroker.Start(t, realbroker.Config{
			Version: "5.5.0", BrokerProps: map[string]string{"timerMaxDelaySec": "1"},
		})), short)
	})
}
