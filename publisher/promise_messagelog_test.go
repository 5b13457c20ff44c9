package publisher_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
)

const sentLine = "Message sent to RocketMQ"

// Each message that is published has a line at trace level, one that is not has none.
func TestPromiseMessageLog(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		seen := newResults()
		p, lines := loggedOn(t, c, func(c *publisher.Config) { c.OnResult, c.Cluster.Namespace = seen.add, "shop" })
		call := newMessages(2)
		require.NoError(t, p.Publish("orders.eu", call...))
		sent := lines(watermill.TraceLogLevel, sentLine)
		require.Len(t, sent, 2)
		for i, line := range sent {
			result := seen.next(t)
			require.Equal(t, watermill.LogFields{
				"producer_group": publisher.DefaultProducerGroup,
				"message_uuid":   call[i].UUID,
				"topic":          "orders.eu",
				"rocketmq_topic": "_wm_orders-2Eeu",
				"message_id":     result.MessageID,
				"broker":         "broker-a",
				"queue_id":       result.MessageQueue.QueueID,
				"queue_offset":   result.QueueOffset,
				"status":         "SEND_OK",
				"outcome":        "stored",
			}, line.Fields)
		}
		require.NoError(t, p.PublishAsync(orders, newMessage("x")))
		require.NoError(t, p.Flush(t.Context()))
		require.NoError(t, p.PublishOneway(orders, newMessage("x")))
		sent = lines(watermill.TraceLogLevel, sentLine)
		require.Len(t, sent, 4)
		require.Equal(t, "may be stored", sent[3].Fields["outcome"])
		require.NotContains(t, sent[3].Fields, "queue_offset")

		everySend(c, embedded.Answer(headers.MessageIllegal, ""))
		require.Error(t, p.Publish(orders, newMessage("x")))
		require.Len(t, lines(watermill.TraceLogLevel, sentLine), 4, "who returns an error does not log it")
	})
}

func TestPromiseMessageLogOfATransaction(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		p, lines := loggedOn(t, c, withCheck(judging(publisher.TransactionCommit)))
		require.NoError(t, begin(t, p, "x").Commit(t.Context()))
		require.Len(t, lines(watermill.TraceLogLevel, "Half message sent to RocketMQ"), 1)
	})
}

// Messages that traces are sent in have none.
func TestPromiseMessageLogWithTrace(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		logs := watermill.NewCaptureLogger()
		p, err := publisher.New(publisher.Config{
			Cluster: c.Config(), Trace: publisher.TraceConfig{Enabled: true},
		}, logs)
		require.NoError(t, err)
		require.NoError(t, p.Publish(orders, newMessage("x")))
		require.NoError(t, p.Close())
		count := 0
		for _, line := range logs.Captured()[watermill.TraceLogLevel] {
			if line.Msg == sentLine {
				count++
			}
		}
		require.Equal(t, 1, count)
	}, withTrace)
}

// Watermill's adapters write the lines where they write that level, and none is made
// where they do not: then a message costs what it costs without a logger.
func TestPromiseMessageLogAdapters(t *testing.T) {
	atLevel := func(out *bytes.Buffer, level slog.Level) *slog.Logger {
		return slog.New(slog.NewJSONHandler(out, &slog.HandlerOptions{Level: level}))
	}
	for name, test := range map[string]struct {
		logger func(out *bytes.Buffer) watermill.LoggerAdapter
		reads  bool
	}{
		"std with trace": {func(out *bytes.Buffer) watermill.LoggerAdapter { return watermill.NewStdLoggerWithOut(out, true, true) }, true},
		"std without": {func(out *bytes.Buffer) watermill.LoggerAdapter {
			return watermill.NewStdLoggerWithOut(out, true, false)
		}, false},
		"slog with trace": {func(out *bytes.Buffer) watermill.LoggerAdapter {
			return watermill.NewSlogLogger(atLevel(out, watermill.LevelTrace))
		}, true},
		"slog without": {func(out *bytes.Buffer) watermill.LoggerAdapter {
			return watermill.NewSlogLogger(atLevel(out, slog.LevelDebug))
		}, false},
		"slog as text": {func(out *bytes.Buffer) watermill.LoggerAdapter {
			return watermill.NewSlogLogger(slog.New(slog.NewTextHandler(out, &slog.HandlerOptions{Level: watermill.LevelTrace})))
		}, true},
		"slog, mapped": {func(out *bytes.Buffer) watermill.LoggerAdapter {
			return watermill.NewSlogLoggerWithLevelMapping(atLevel(out, slog.LevelInfo), map[slog.Level]slog.Level{watermill.LevelTrace: slog.LevelInfo})
		}, true},
		"with other fields": {func(out *bytes.Buffer) watermill.LoggerAdapter {
			return watermill.NewStdLoggerWithOut(out, true, true).With(watermill.LogFields{"a": 1})
		}, true},
		"none": {func(*bytes.Buffer) watermill.LoggerAdapter { return watermill.NopLogger{} }, false},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, c *embedded.Cluster) {
				var out bytes.Buffer
				traced := &countingLogger{LoggerAdapter: test.logger(&out)}
				p, err := publisher.New(publisher.Config{Cluster: c.Config()}, traced)
				require.NoError(t, err)
				for range 3 {
					require.NoError(t, p.Publish(orders, newMessage("x")))
				}
				require.NoError(t, p.Close())
				require.Equal(t, test.reads, strings.Contains(out.String(), sentLine))
				if test.reads {
					require.Equal(t, 3, strings.Count(out.String(), sentLine))
					require.Equal(t, 4, *traced.count())
				} else {
					require.Equal(t, 1, *traced.count(), "nothing but the question whether anybody reads it")
				}
			})
		})
	}
}

// countingLogger counts the lines at trace level that it is given.
type countingLogger struct {
	watermill.LoggerAdapter
	lines *int
}

func (l *countingLogger) count() *int {
	if l.lines == nil {
		l.lines = new(int)
	}
	return l.lines
}

func (l *countingLogger) Trace(text string, fields watermill.LogFields) {
	*l.count()++
	l.LoggerAdapter.Trace(text, fields)
}

func (l *countingLogger) With(fields watermill.LogFields) watermill.LoggerAdapter {
	return &countingLogger{LoggerAdapter: l.LoggerAdapter.With(fields), lines: l.count()}
}

// Whatever becomes of a message, its result has the topic that it was published to.
func TestPromiseResultTopic(t *testing.T) {
	const topic = "orders.eu"
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		seen := newResults()
		p := publisherOn(t, c, func(c *publisher.Config) {
			withCheck(judging(publisher.TransactionCommit))(c)
			c.OnResult, c.Cluster.Namespace, c.Waiting.Messages = seen.add, "shop", 1
		})
		check := func(err error) {
			t.Helper()
			require.Equal(t, topic, seen.next(t).Topic)
			if err != nil {
				require.Equal(t, topic, failureOf(t, err).Results[0].Topic)
				require.Equal(t, topic, failureOf(t, err).Cause().Topic)
			}
		}
		check(p.Publish(topic, newMessage("x")))
		check(p.Publish(topic, nil))
		check(p.PublishOneway(topic, newMessage("x")))
		require.Equal(t, topic, failureOf(t, p.PublishAsync(topic, named("bad")...)).Results[0].Topic)
		require.NoError(t, p.PublishAsync(topic, newMessage("x")))
		require.NoError(t, p.Flush(t.Context()))
		check(nil)
		tx, err := p.BeginTransaction(topic, newMessage("x"))
		check(err)
		require.Equal(t, topic, tx.Info().Topic)
		require.NoError(t, tx.Rollback(t.Context()))
		everySend(c, embedded.Answer(headers.MessageIllegal, ""))
		_, err = p.BeginTransaction(topic, newMessage("x"))
		check(err)
		check(p.Publish(topic, newMessage("x")))
		everySend(c, embedded.Ignore())
		check(p.Publish(topic, newMessage("x")))
		require.NoError(t, p.Close())
		check(p.Publish(topic, newMessage("x")))
		check(p.PublishOneway(topic, newMessage("x")))
		require.Equal(t, topic, failureOf(t, p.PublishAsync(topic, newMessage("x"))).Results[0].Topic)

		err = publisherOn(t, c, nil).Publish("", newMessage("x"))
		require.Empty(t, failureOf(t, err).Results[0].Topic)
	})
}
