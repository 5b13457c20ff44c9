package promrocketmq

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber"
)

// DefaultMaxTopics is Config.MaxTopics if that is 0.
const DefaultMaxTopics = 1000

// Config sets up Metrics. The zero value is ready for use.
type Config struct {
	// Registerer is where the metrics are registered, prometheus.DefaultRegisterer by
	// default. One that prometheus.WrapRegistererWith or WrapRegistererWithPrefix returns
	// gives all metrics more labels, or a prefix.
	Registerer prometheus.Registerer

	// MaxTopics bounds how many topics have time series of their own: of all others the
	// label topic is Other. DefaultMaxTopics by default.
	MaxTopics int
}

// Metrics are the metrics of any number of publishers and subscribers. It is a
// prometheus.Collector, which New has registered. Its methods are safe for concurrent use.
type Metrics struct {
	publisher  *publisherMetrics
	subscriber *subscriberMetrics
	lag        *lagMetrics
	gauges     *gauges
}

var _ prometheus.Collector = (*Metrics)(nil)

// New returns Metrics that are registered. The error is that of the Registerer, such as a
// prometheus.AlreadyRegisteredError where there are Metrics already: one is enough for all
// publishers and subscribers, unless each is registered with a label of its own.
func New(cfg Config) (*Metrics, error) {
	if cfg.MaxTopics < 0 {
		return nil, fmt.Errorf("promrocketmq: MaxTopics is %d, want at least 0", cfg.MaxTopics)
	}
	if cfg.MaxTopics == 0 {
		cfg.MaxTopics = DefaultMaxTopics
	}
	if cfg.Registerer == nil {
		cfg.Registerer = prometheus.DefaultRegisterer
	}
	topics := newNames(cfg.MaxTopics)
	m := &Metrics{
		publisher:  newPublisherMetrics(topics),
		subscriber: newSubscriberMetrics(topics),
		lag:        newLagMetrics(topics),
		gauges:     newGauges(topics, newNames(cfg.MaxTopics)),
	}
	if err := cfg.Registerer.Register(m); err != nil {
		return nil, fmt.Errorf("promrocketmq: %w", err)
	}
	return m, nil
}

// PublisherHooks returns hooks for publisher.Config.Hooks, of any number of publishers.
func (m *Metrics) PublisherHooks() publisher.Hooks { return m.publisher.hooks() }

// SubscriberHooks returns hooks for subscriber.Config.Hooks, of any number of subscribers.
func (m *Metrics) SubscriberHooks() subscriber.Hooks { return m.subscriber.hooks() }

// AddPublisher has gauges made of the Stats of p at each scrape, until remove is called. A
// program that goes on without p calls remove when it has closed p; others need not. Gauges
// are sums over all publishers.
func (m *Metrics) AddPublisher(p *publisher.Publisher) (remove func()) {
	return m.gauges.publishers.add(p)
}

// AddSubscriber has gauges made of the Stats of s at each scrape, until remove is called. A
// program that goes on without s calls remove when it has closed s; others need not. Gauges
// are sums over all subscribers of a group.
func (m *Metrics) AddSubscriber(s *subscriber.Subscriber) (remove func()) {
	return m.gauges.subscribers.add(s)
}

// collectors are the parts that have metrics.
func (m *Metrics) collectors() []prometheus.Collector {
	return append(append(m.publisher.vectors(), m.subscriber.vectors()...), m.lag.messages, m.lag.failures, m.gauges)
}

// Describe is for the Registerer.
func (m *Metrics) Describe(descs chan<- *prometheus.Desc) {
	for _, c := range m.collectors() {
		c.Describe(descs)
	}
}

// Collect is for the Registerer. It takes short locks and asks no broker.
func (m *Metrics) Collect(metrics chan<- prometheus.Metric) {
	for _, c := range m.collectors() {
		c.Collect(metrics)
	}
}
