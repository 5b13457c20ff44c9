package promrocketmq

import (
	"context"
	"errors"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
)

// Values of the label code beside RocketMQ's names of the codes with which brokers answer.
const (
	// CodeNotSent is an attempt that no broker has got: there was no queue or no connection,
	// or its time was over.
	CodeNotSent = "not_sent"
	// CodeNoAnswer is an attempt that a broker has not answered, and may have stored.
	CodeNoAnswer = "no_answer"
	// CodeOneway is an attempt that wants no answer.
	CodeOneway = "oneway"
)

// NoBroker is the label broker of an attempt that has found no queue.
const NoBroker = "none"

// maxBrokers bounds the brokers that have time series, and maxCodes the codes.
const (
	maxBrokers = 1000
	maxCodes   = 100
)

// publisherMetrics are what the hooks of publishers count.
type publisherMetrics struct {
	messages, retried, attempts        *prometheus.CounterVec
	duration, batch, size, attemptTime *prometheus.HistogramVec
	lostTraces                         prometheus.Counter

	topics  *children[string, *publishedTopic]
	brokers *children[string, prometheus.Observer]
	codes   *children[brokerCode, prometheus.Counter]
}

// publishedTopic is what messages to a topic count with.
type publishedTopic struct {
	stored, notSent, mayBeStored, oneway, retried prometheus.Counter
	duration, batch, size                         prometheus.Observer
}

// brokerCode is the labels of an attempt.
type brokerCode struct{ broker, code string }

func newPublisherMetrics(topics *names) *publisherMetrics {
	m := &publisherMetrics{
		messages: newCounter("rocketmq_publisher_messages_total",
			"Messages whose result is final, by outcome: stored, not_sent, may_be_stored, or oneway if it was sent and wants no answer.", "topic", "outcome"),
		duration: newHistogram("rocketmq_publisher_message_duration_seconds",
			"Time from when a message was handed over until its result was final, whatever that was.", requestSeconds[:], "topic"),
		retried: newCounter("rocketmq_publisher_retried_messages_total",
			"Messages that were to be sent again after an attempt that failed, each time that they were.", "topic"),
		batch: newHistogram("rocketmq_publisher_request_messages",
			"Messages in an attempt to send a request.", messageCounts[:], "topic"),
		size: newHistogram("rocketmq_publisher_request_size_bytes",
			"Size of the body in an attempt to send a request.", byteCounts[:], "topic"),
		attempts: newCounter("rocketmq_publisher_attempts_total",
			"Attempts to send a request, by broker and the code of its answer, or else not_sent, no_answer or oneway.", "broker", "code"),
		attemptTime: newHistogram("rocketmq_publisher_attempt_duration_seconds",
			"Time that an attempt to send a request took, whatever became of it.", requestSeconds[:], "broker"),
		lostTraces: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "rocketmq_publisher_trace_records_dropped_total", Help: "Records of message trace that were lost.",
		}),
	}
	brokers, codes := newNames(maxBrokers), newNames(maxCodes)
	m.topics = newChildren(topics.max, topics.label, m.topic)
	m.brokers = newChildren(maxBrokers, brokers.label, func(broker string) prometheus.Observer {
		return m.attemptTime.WithLabelValues(broker)
	})
	m.codes = newChildren(maxBrokers, func(k brokerCode) brokerCode {
		return brokerCode{brokers.label(k.broker), codes.label(k.code)}
	}, func(k brokerCode) prometheus.Counter { return m.attempts.WithLabelValues(k.broker, k.code) })
	return m
}

// topic makes what messages to a topic count with. All its time series are there from the
// first message on, so that a first failure is an increase.
func (m *publisherMetrics) topic(topic string) *publishedTopic {
	return &publishedTopic{
		stored:      m.messages.WithLabelValues(topic, "stored"),
		notSent:     m.messages.WithLabelValues(topic, "not_sent"),
		mayBeStored: m.messages.WithLabelValues(topic, "may_be_stored"),
		oneway:      m.messages.WithLabelValues(topic, "oneway"),
		retried:     m.retried.WithLabelValues(topic),
		duration:    m.duration.WithLabelValues(topic),
		batch:       m.batch.WithLabelValues(topic),
		size:        m.size.WithLabelValues(topic),
	}
}

func (m *publisherMetrics) vectors() []prometheus.Collector {
	return []prometheus.Collector{m.messages, m.duration, m.retried, m.batch, m.size, m.attempts, m.attemptTime, m.lostTraces}
}

func (m *publisherMetrics) hooks() publisher.Hooks {
	return publisher.Hooks{
		PublishEnd: func(_ context.Context, r publisher.Result) { m.published(&r) },
		AttemptEnd: func(_ context.Context, e publisher.AttemptEvent) { m.attempted(&e) },
		Retry: func(_ context.Context, e publisher.RetryEvent) {
			m.topics.of(e.Topic).retried.Add(float64(len(e.Messages)))
		},
		TracesDropped: func(records int, _ error) { m.lostTraces.Add(float64(records)) },
	}
}

func (m *publisherMetrics) published(r *publisher.Result) {
	t := m.topics.of(r.Topic)
	switch {
	case r.Outcome == publisher.Stored:
		t.stored.Inc()
	case r.Outcome == publisher.MayBeStored && r.Err == nil:
		t.oneway.Inc()
	case r.Outcome == publisher.MayBeStored:
		t.mayBeStored.Inc()
	default:
		t.notSent.Inc()
	}
	t.duration.Observe(r.Took.Seconds())
}

func (m *publisherMetrics) attempted(e *publisher.AttemptEvent) {
	if errors.Is(e.Attempt.Err, publisher.ErrNotAttempted) {
		return
	}
	broker := e.Attempt.MessageQueue.BrokerName
	if broker == "" {
		broker = NoBroker
	}
	m.codes.of(brokerCode{broker, codeOf(e)}).Inc()
	m.brokers.of(broker).Observe(e.Attempt.Took.Seconds())
	t := m.topics.of(e.Topic)
	t.batch.Observe(float64(len(e.Messages)))
	t.size.Observe(float64(e.Bytes))
}

// codeOf returns the label code of an attempt.
func codeOf(e *publisher.AttemptEvent) string {
	code, ok := e.Code()
	switch {
	case ok:
		return code.String()
	case e.Attempt.Outcome == publisher.NotSent:
		return CodeNotSent
	case e.Attempt.Err == nil:
		return CodeOneway
	default:
		return CodeNoAnswer
	}
}
