package promrocketmq_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
)

// What becomes of messages and attempts is counted, by topic and by broker.
func TestPublisher(t *testing.T) {
	inBubble(t, func(w *world) {
		p := w.publisher(nil)
		publish := func() error { return p.Publish(orders, newMessage("x")) }
		require.NoError(t, publish())

		undo := w.sends(embedded.DelayAnswer(time.Second))
		require.NoError(t, publish())
		undo()

		var failed bool
		undo = w.cluster.Intercept(func(r embedded.Request) embedded.Fault {
			if r.Send == nil || failed {
				return embedded.Fault{}
			}
			failed = true
			return embedded.Answer(headers.SystemBusy, "busy")
		})
		require.NoError(t, publish())
		undo()

		w.require(`rocketmq_publisher_retried_messages_total{topic="orders"} 1`, "rocketmq_publisher_retried_messages_total")

		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		msg := newMessage("x")
		msg.SetContext(ctx)
		undo = w.sends(embedded.Ignore())
		require.Error(t, p.Publish(orders, msg))
		undo()
		require.Error(t, p.Publish(orders, msg))
		cancel()
		require.NoError(t, p.PublishOneway(orders, newMessage("x")))

		w.require(`
			rocketmq_publisher_messages_total{outcome="may_be_stored",topic="orders"} 1
			rocketmq_publisher_messages_total{outcome="not_sent",topic="orders"} 1
			rocketmq_publisher_messages_total{outcome="oneway",topic="orders"} 1
			rocketmq_publisher_messages_total{outcome="stored",topic="orders"} 3
		`, "rocketmq_publisher_messages_total")
		w.require(`
			rocketmq_publisher_attempts_total{broker="broker-a",code="SUCCESS"} 3
			rocketmq_publisher_attempts_total{broker="broker-a",code="SYSTEM_BUSY"} 1
			rocketmq_publisher_attempts_total{broker="broker-a",code="no_answer"} 1
			rocketmq_publisher_attempts_total{broker="broker-a",code="oneway"} 1
		`, "rocketmq_publisher_attempts_total")
		seconds := series(t, w.registry, "rocketmq_publisher_message_duration_seconds")
		require.Contains(t, seconds, `rocketmq_publisher_message_duration_seconds_bucket{topic="orders",le="0.5"} 4`)
		require.Contains(t, seconds, `rocketmq_publisher_message_duration_seconds_bucket{topic="orders",le="1"} 6`)
		attempts := series(t, w.registry, "rocketmq_publisher_attempt_duration_seconds")
		require.Contains(t, attempts, `rocketmq_publisher_attempt_duration_seconds_bucket{broker="broker-a",le="0.5"} 4`)
		require.Contains(t, attempts, `rocketmq_publisher_attempt_duration_seconds_count{broker="broker-a"} 6`)
	})
}

// Attempts that no broker answers are told apart: one-way, and without a queue.
func TestAttemptsWithoutAnswer(t *testing.T) {
	inBubble(t, func(w *world) {
		p := w.publisher(func(c *publisher.Config) { c.SendTimeout = time.Second })
		require.NoError(t, p.PublishOneway(orders, newMessage("x")))
		require.Error(t, p.Publish("nowhere", newMessage("x")))
		lines := series(t, w.registry, "rocketmq_publisher_attempts_total")
		require.Contains(t, lines, `rocketmq_publisher_attempts_total{broker="broker-a",code="oneway"} 1`)
		require.Condition(t, func() bool {
			for _, line := range lines {
				if strings.HasPrefix(line, `rocketmq_publisher_attempts_total{broker="none",code="not_sent"} `) {
					return true
				}
			}
			return false
		}, "%s", lines)
	}, embedded.WithoutAutoCreateTopic())
}

// A request with several messages is one attempt.
func TestBatch(t *testing.T) {
	inBubble(t, func(w *world) {
		p := w.publisher(nil)
		require.NoError(t, p.Publish(orders, newMessage("1"), newMessage("2"), newMessage("3")))
		lines := series(t, w.registry, "rocketmq_publisher_request_messages", "rocketmq_publisher_request_size_bytes")
		require.Contains(t, lines, `rocketmq_publisher_request_messages_sum{topic="orders"} 3`)
		require.Contains(t, lines, `rocketmq_publisher_request_messages_count{topic="orders"} 1`)
		require.Contains(t, lines, `rocketmq_publisher_request_size_bytes_bucket{topic="orders",le="256"} 0`)
		require.Contains(t, lines, `rocketmq_publisher_request_size_bytes_bucket{topic="orders",le="1024"} 1`)
	})
}

// Lost records of message trace are counted.
func TestTracesDropped(t *testing.T) {
	inBubble(t, func(w *world) {
		hooks := w.metrics.PublisherHooks()
		hooks.TracesDropped(7, nil)
		w.require(`rocketmq_publisher_trace_records_dropped_total 7`, "rocketmq_publisher_trace_records_dropped_total")
	})
}

// What waits, and the requests and calls under way, are seen at the scrape.
func TestPublisherGauges(t *testing.T) {
	names := []string{
		"rocketmq_publisher_waiting_messages", "rocketmq_publisher_calls_in_flight",
		"rocketmq_publisher_requests_in_flight", "rocketmq_publisher_open_transactions",
	}
	inBubble(t, func(w *world) {
		p, other := w.publisher(nil), w.publisher(nil)
		require.Empty(t, series(t, w.registry, names...))
		remove := w.metrics.AddPublisher(p)
		w.metrics.AddPublisher(p)
		w.metrics.AddPublisher(other)
		defer w.sends(embedded.DelayAnswer(time.Second))()
		done := make(chan error)
		for _, one := range []*publisher.Publisher{p, other} {
			go func() { done <- one.Publish(orders, newMessage("1"), newMessage("2")) }()
		}
		synctest.Wait()
		w.require(`
			rocketmq_publisher_calls_in_flight 2
			rocketmq_publisher_open_transactions 0
			rocketmq_publisher_requests_in_flight 2
			rocketmq_publisher_waiting_messages 4
		`, names...)
		remove()
		w.require(`
			rocketmq_publisher_calls_in_flight 1
			rocketmq_publisher_open_transactions 0
			rocketmq_publisher_requests_in_flight 1
			rocketmq_publisher_waiting_messages 2
		`, names...)
		require.NotContains(t, series(t, w.registry, "rocketmq_publisher_waiting_bytes"), "rocketmq_publisher_waiting_bytes 0")
		require.NoError(t, <-done)
		require.NoError(t, <-done)
	})
}
