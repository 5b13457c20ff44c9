package promrocketmq

import (
	"context"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber"
)

// subscriberMetrics are what the hooks of subscribers count.
type subscriberMetrics struct {
	fetch, processing                          *prometheus.HistogramVec
	deliveries, acks, nacks, releases          *prometheus.CounterVec
	renewals, losses                           *prometheus.CounterVec
	dead, deadFailures, unreadable, rebalances *prometheus.CounterVec

	topics *children[topicGroup, *consumedTopic]
	read   *children[topicGroup, readTopic]
}

// topicGroup is the labels of most metrics of subscribers.
type topicGroup struct{ topic, group string }

// consumedTopic is what messages of a topic count with, for a group.
type consumedTopic struct {
	first, again, acks, nacks, releases, renewals, losses prometheus.Counter
	dead, deadFailures, unreadable                        prometheus.Counter
	processing                                            prometheus.Observer
}

// readTopic is what the queues of a topic count with, for a group. It may be a retry topic,
// whose messages count with the topic that they were published to.
type readTopic struct {
	fetch      prometheus.Observer
	rebalances prometheus.Counter
}

func newSubscriberMetrics(topics *names) *subscriberMetrics {
	counter := func(name, help string) *prometheus.CounterVec {
		return newCounter("rocketmq_subscriber_"+name, help, "topic", "group")
	}
	m := &subscriberMetrics{
		fetch: newHistogram("rocketmq_subscriber_fetch_messages",
			"Messages in an answer of a broker that has some.", messageCounts[:], "topic", "group"),
		deliveries: newCounter("rocketmq_subscriber_deliveries_total",
			"Messages that receivers took, by delivery: first, or again.", "topic", "group", "delivery"),
		processing: newHistogram("rocketmq_subscriber_processing_duration_seconds",
			"Time that a handler had a message until it was acked or nacked.", processingSeconds[:], "topic", "group"),
		acks:         counter("acks_total", "Messages that were acked."),
		nacks:        counter("nacks_total", "Messages that were nacked, or whose handler took too long."),
		releases:     counter("releases_total", "Messages that went back unanswered: nobody received them in time, their subscription ended, or their queue went to another member."),
		renewals:     counter("lease_renewals_total", "Leases of messages that were renewed (POP)."),
		losses:       counter("lease_losses_total", "Leases of messages that were lost, so that others may get them while their handlers work."),
		dead:         counter("dead_letters_total", "Messages that became dead letters, or were dropped for want of a group."),
		deadFailures: counter("dead_letter_failures_total", "Tries to make a dead letter that failed and are made again."),
		unreadable:   counter("unreadable_messages_total", "Messages that no Watermill message could be made of."),
		rebalances:   counter("rebalances_total", "Changes of the queues that belong to a member (Pull)."),
	}
	label := func(k topicGroup) topicGroup { return topicGroup{topics.label(k.topic), k.group} }
	m.topics = newChildren(topics.max, label, m.topic)
	m.read = newChildren(topics.max, label, func(k topicGroup) readTopic {
		return readTopic{m.fetch.WithLabelValues(k.topic, k.group), m.rebalances.WithLabelValues(k.topic, k.group)}
	})
	return m
}

// topic makes what messages of a topic count with. All its time series are there from the
// first event on, so that a first failure is an increase.
func (m *subscriberMetrics) topic(k topicGroup) *consumedTopic {
	with := func(v *prometheus.CounterVec) prometheus.Counter { return v.WithLabelValues(k.topic, k.group) }
	return &consumedTopic{
		first:        m.deliveries.WithLabelValues(k.topic, k.group, "first"),
		again:        m.deliveries.WithLabelValues(k.topic, k.group, "again"),
		acks:         with(m.acks),
		nacks:        with(m.nacks),
		releases:     with(m.releases),
		renewals:     with(m.renewals),
		losses:       with(m.losses),
		dead:         with(m.dead),
		deadFailures: with(m.deadFailures),
		unreadable:   with(m.unreadable),
		processing:   m.processing.WithLabelValues(k.topic, k.group),
	}
}

func (m *subscriberMetrics) vectors() []prometheus.Collector {
	return []prometheus.Collector{
		m.fetch, m.deliveries, m.processing, m.acks, m.nacks, m.releases, m.renewals, m.losses,
		m.dead, m.deadFailures, m.unreadable, m.rebalances,
	}
}

func (m *subscriberMetrics) hooks() subscriber.Hooks {
	count := func(of func(*consumedTopic) prometheus.Counter) func(context.Context, subscriber.MessageEvent) {
		return func(_ context.Context, e subscriber.MessageEvent) { of(m.of(&e)).Inc() }
	}
	return subscriber.Hooks{
		Fetched: func(e subscriber.FetchEvent) {
			m.read.of(topicGroup{e.Topic, e.Group}).fetch.Observe(float64(e.Messages))
		},
		Received: func(_ context.Context, e subscriber.MessageEvent) {
			if e.Deliveries > 1 {
				m.of(&e).again.Inc()
			} else {
				m.of(&e).first.Inc()
			}
		},
		Acked: func(_ context.Context, e subscriber.MessageEvent) {
			t := m.of(&e)
			t.acks.Inc()
			t.processing.Observe(e.Took.Seconds())
		},
		Nacked: func(_ context.Context, e subscriber.NackEvent) {
			t := m.of(&e.MessageEvent)
			t.nacks.Inc()
			t.processing.Observe(e.Took.Seconds())
		},
		Released:         count(func(t *consumedTopic) prometheus.Counter { return t.releases }),
		Renewed:          count(func(t *consumedTopic) prometheus.Counter { return t.renewals }),
		LeaseLost:        count(func(t *consumedTopic) prometheus.Counter { return t.losses }),
		DeadLettered:     count(func(t *consumedTopic) prometheus.Counter { return t.dead }),
		DeadLetterFailed: count(func(t *consumedTopic) prometheus.Counter { return t.deadFailures }),
		Unreadable:       count(func(t *consumedTopic) prometheus.Counter { return t.unreadable }),
		Rebalanced: func(e subscriber.RebalanceEvent) {
			m.read.of(topicGroup{e.Topic, e.Group}).rebalances.Inc()
		},
	}
}

func (m *subscriberMetrics) of(e *subscriber.MessageEvent) *consumedTopic {
	return m.topics.of(topicGroup{e.Topic, e.Group})
}
