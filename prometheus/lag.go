package promrocketmq

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber"
)

// Defaults of LagConfig.
const (
	DefaultLagInterval = 15 * time.Second
	DefaultLagTimeout  = 5 * time.Second
)

// LagConfig says of which topics PollLag asks the lag, and how often. The zero value is ready
// for use.
type LagConfig struct {
	// Topics are Watermill's names. Without any, the default, they are those that the
	// Subscriber subscribes to at the time.
	Topics []string
	// Interval is the time from the start of a poll to that of the next, or longer if a poll
	// takes longer. DefaultLagInterval by default.
	Interval time.Duration
	// Timeout bounds the questions about one topic, DefaultLagTimeout by default.
	Timeout time.Duration
}

// lagMetrics are what PollLag has found.
type lagMetrics struct {
	topics   *names
	messages *prometheus.GaugeVec
	failures *prometheus.CounterVec
}

func newLagMetrics(topics *names) *lagMetrics {
	return &lagMetrics{
		topics: topics,
		messages: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "rocketmq_subscriber_lag_messages",
			Help: "Messages of a topic that the group has not read; there is none while a broker does not say.",
		}, []string{"topic", "group"}),
		failures: newCounter("rocketmq_subscriber_lag_failures_total",
			"Questions about the lag that brokers did not answer, or not for all queues.", "topic", "group"),
	}
}

// PollLag asks brokers again and again how far the group of s is behind, and keeps the gauge
// rocketmq_subscriber_lag_messages. It works until ctx ends or s is closed, and returns nil
// then, so it wants a goroutine of its own:
//
//	go metrics.PollLag(ctx, sub, promrocketmq.LagConfig{})
//
// The error is at once, for a negative duration, or for a Subscriber without a Group
// (subscriber.ErrNoGroup), which has no lag.
//
// It is apart from the scrape because it asks each queue's broker twice: a scrape would hang
// with a broker that hangs, and each server that scrapes would ask anew. So the gauge is as
// old as Interval. Where a broker does not answer within Timeout, the topic has no gauge
// until it does, rather than an old value or a sum that lacks queues, and
// rocketmq_subscriber_lag_failures_total counts it. When PollLag returns, the gauges of its
// topics end.
//
// All members of a group find the same lag. One that asks is enough; several do no harm.
func (m *Metrics) PollLag(ctx context.Context, s *subscriber.Subscriber, cfg LagConfig) error {
	if cfg.Interval < 0 || cfg.Timeout < 0 {
		return errors.New("promrocketmq: Interval and Timeout of a LagConfig cannot be negative")
	}
	group := s.Stats().Group
	if group == "" {
		return subscriber.ErrNoGroup
	}
	if cfg.Interval == 0 {
		cfg.Interval = DefaultLagInterval
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = DefaultLagTimeout
	}
	cfg.Topics = slices.Compact(slices.Sorted(slices.Values(cfg.Topics)))
	p := lagPoller{lagMetrics: m.lag, subscriber: s, group: group, cfg: cfg, known: make(map[string]bool)}
	defer p.forget(nil)
	ticker := time.NewTicker(cfg.Interval)
	defer ticker.Stop()
	for p.poll(ctx) {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return nil
		}
	}
	return nil
}

// lagPoller is one call of PollLag.
type lagPoller struct {
	*lagMetrics
	subscriber *subscriber.Subscriber
	group      string
	cfg        LagConfig
	known      map[string]bool // labels of topics that have a gauge
}

// poll asks for all topics once. It reports whether there is anybody to go on for.
func (p *lagPoller) poll(ctx context.Context) bool {
	sums, failed := make(map[string]int64), make(map[string]bool)
	topics := p.names()
	if len(topics) == 0 {
		// A name that no topic has: only a closed Subscriber answers with ErrClosed.
		_, err := p.ask(ctx, "")
		return ctx.Err() == nil && !errors.Is(err, subscriber.ErrClosed)
	}
	for _, topic := range topics {
		label := p.topics.label(topic)
		n, err := p.ask(ctx, topic)
		switch {
		case ctx.Err() != nil || errors.Is(err, subscriber.ErrClosed):
			return false
		case err != nil:
			failed[label] = true
			p.failures.WithLabelValues(label, p.group).Inc()
		default:
			p.failures.WithLabelValues(label, p.group).Add(0)
			sums[label] += n // of several that have the label Other
		}
	}
	for label := range failed {
		delete(sums, label)
	}
	p.forget(sums)
	for label, n := range sums {
		p.known[label] = true
		p.messages.WithLabelValues(label, p.group).Set(float64(n))
	}
	return true
}

// names returns the topics to ask for.
func (p *lagPoller) names() []string {
	if len(p.cfg.Topics) > 0 {
		return p.cfg.Topics
	}
	var topics []string
	for _, sub := range p.subscriber.Stats().Subscriptions { // sorted by topic
		topics = append(topics, sub.Topic)
	}
	return slices.Compact(topics)
}

func (p *lagPoller) ask(ctx context.Context, topic string) (int64, error) {
	ctx, cancel := context.WithTimeout(ctx, p.cfg.Timeout)
	defer cancel()
	lag, err := p.subscriber.Lag(ctx, topic)
	if err == nil {
		err = lag.Err()
	}
	return lag.Messages(), err
}

// forget ends the gauges that have no value any more.
func (p *lagPoller) forget(values map[string]int64) {
	for label := range p.known {
		if _, ok := values[label]; !ok {
			delete(p.known, label)
			p.messages.DeleteLabelValues(label, p.group)
		}
	}
}
