package dashboardtest

import (
	"context"
	"errors"
	"regexp"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/marshaler"
	promrocketmq "github.com/watermill-rocketmq/watermill-rocketmq/prometheus"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber"
)

const (
	scrapeInterval = 15 * time.Second
	running        = 2 * time.Minute

	orders  = "orders"  // is published to and read
	lost    = "lost"    // its messages are never answered
	busy    = "busy"    // its broker is busy every other time
	missing = "missing" // does not exist
	oneway  = "oneway"  // is published to one-way
)

// What becomes of a message is its payload.
const (
	good       = "good"
	nacked     = "nacked"
	slow       = "slow"
	unreadable = "unreadable"
)

// Groups that read orders.
const (
	billing   = "billing"   // POP
	auditing  = "auditing"  // POP, with leases that the broker does not renew
	shipping  = "shipping"  // Pull, with members that come and go
	archiving = "archiving" // lags, since no member subscribes
)

// pipeline is a program that publishes and consumes, on a broker that fails now and then.
type pipeline struct {
	*testing.T
	ctx     context.Context // ends when the pipeline is to end
	loops   sync.WaitGroup  // what is done again and again until then
	cluster *embedded.Cluster
	metrics *promrocketmq.Metrics
}

// runPipeline runs it in a bubble, whose clock goes at once to when something happens, and
// has it scraped again and again. It returns the time of the last scrape.
func runPipeline(t *testing.T, scrape func(testing.TB, prometheus.Gatherer)) (end time.Time) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		cluster, err := embedded.Start(embedded.InMemory(), embedded.WithTopic(orders, 4), embedded.WithTopic(lost, 1), embedded.WithTopic(busy, 1), embedded.WithTopic(oneway, 1), embedded.WithoutAutoCreateTopic())
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, cluster.Close()) })
		registry := prometheus.NewPedanticRegistry()
		metrics, err := promrocketmq.New(promrocketmq.Config{Registerer: registry})
		require.NoError(t, err)
		p := &pipeline{T: t, ctx: ctx, cluster: cluster, metrics: metrics}
		p.fail()
		p.consume()
		p.publish()
		for began := time.Now(); time.Since(began) < running; {
			member := p.subscriber(shipping, subscriber.Pull, nil)
			p.subscribe(member) // and takes no message
			time.Sleep(scrapeInterval)
			scrape(t, registry)
			end = time.Now()
			require.NoError(t, member.Close())
		}
	})
	return end
}

// fail has the broker fail.
func (p *pipeline) fail() {
	var sends atomic.Int64
	p.cluster.Intercept(func(r embedded.Request) embedded.Fault {
		switch {
		case r.Code == headers.CodeChangeInvisibleTime:
			if h, err := headers.ParseChangeInvisibleTime(&r.Command); err == nil && h.ConsumerGroup == auditing {
				return embedded.Answer(headers.SystemError, "no")
			}
		case r.Send == nil:
		case r.Send.Topic == lost:
			return embedded.Ignore()
		case r.Send.Topic == busy:
			if sends.Add(1)%2 == 1 {
				return embedded.Answer(headers.SystemBusy, "busy")
			}
		case r.Send.Topic == oneway:
		case r.Send.Topic == orders:
			return embedded.DelayAnswer(10 * time.Millisecond)
		default: // message trace
			return embedded.Answer(headers.NoPermission, "no")
		}
		return embedded.Fault{}
	})
}

// publish has messages published until the end, and a transaction that is open meanwhile.
func (p *pipeline) publish() {
	pub, err := publisher.New(publisher.Config{
		Cluster: p.cluster.Config(), ProducerGroup: "shop", Trace: publisher.TraceConfig{Enabled: true},
		Transaction: publisher.TransactionConfig{Check: func(context.Context, publisher.CheckedMessage) publisher.TransactionState {
			return publisher.TransactionUnknown
		}},
		Hooks: []publisher.Hooks{p.metrics.PublisherHooks()},
	}, nil)
	require.NoError(p, err)
	p.metrics.AddPublisher(pub)
	tx, err := pub.BeginTransaction(orders, newMessage(good))
	require.NoError(p, err)
	p.Cleanup(func() {
		p.loops.Wait()
		require.NoError(p, tx.Rollback(context.Background()))
		require.NoError(p, pub.Close())
	})
	p.every(200*time.Millisecond, func() {
		assert.NoError(p, pub.Publish(orders, newMessage(good), newMessage(good), newMessage(nacked)))
	})
	p.every(5*time.Second, func() {
		assert.NoError(p, pub.Publish(orders, newMessage(slow), newMessage(unreadable)))
	})
	p.every(time.Second, func() { assert.NoError(p, pub.Publish(busy, newMessage(good))) })
	p.every(time.Millisecond, func() { assert.Error(p, pub.Publish(lost, newMessage(good))) })
	p.every(time.Second, func() { assert.NoError(p, pub.PublishOneway(oneway, newMessage(good))) })
	p.every(time.Second, func() { assert.Error(p, pub.Publish(missing, newMessage(good))) })
}

// consume has the groups read orders.
func (p *pipeline) consume() {
	var refusals atomic.Int64
	first := p.subscriber(billing, subscriber.POP, func(c *subscriber.Config) {
		c.MaxDeliveries, c.Unmarshaler = 2, picky{}
		c.DeadLetter = func(context.Context, subscriber.DeadLetter) error {
			if refusals.Add(1)%2 == 1 {
				return errors.New("not now")
			}
			return nil
		}
	})
	p.handle(first, func(m *message.Message) {
		switch string(m.Payload) {
		case nacked:
			m.Nack()
		case slow:
			p.wait(m.Context(), 40*time.Second)
			m.Ack()
		default:
			p.wait(m.Context(), 50*time.Millisecond)
			m.Ack()
		}
	})
	p.handle(p.subscriber(auditing, subscriber.POP, nil), func(m *message.Message) {
		p.wait(m.Context(), time.Minute)
		m.Ack()
	})
	p.handle(p.subscriber(shipping, subscriber.Pull, func(c *subscriber.Config) { c.CommitInterval = time.Hour }), func(m *message.Message) { m.Ack() })
	lagging := p.subscriber(archiving, subscriber.POP, nil)
	done := make(chan error, 1)
	go func() {
		done <- p.metrics.PollLag(p.ctx, lagging, promrocketmq.LagConfig{Topics: []string{orders, missing}})
	}()
	p.Cleanup(func() { require.NoError(p, <-done) })
}

func (p *pipeline) subscriber(group string, engine subscriber.Engine, change func(*subscriber.Config)) *subscriber.Subscriber {
	cfg := subscriber.Config{
		Cluster: p.cluster.Config(), Group: group, Engine: engine,
		Redelivery: subscriber.RedeliveryConfig{MinPause: time.Second, MaxPause: time.Second},
		Hooks:      []subscriber.Hooks{p.metrics.SubscriberHooks()},
	}
	if engine == subscriber.POP {
		cfg.Lease = 20 * time.Second
	}
	if change != nil {
		change(&cfg)
	}
	s, err := subscriber.New(cfg, nil)
	require.NoError(p, err)
	p.Cleanup(func() { _ = s.Close() }) // some acks are not for the broker, which does not renew leases
	p.Cleanup(p.metrics.AddSubscriber(s))
	return s
}

func (p *pipeline) subscribe(s *subscriber.Subscriber) <-chan *message.Message {
	messages, err := s.Subscribe(context.Background(), orders)
	require.NoError(p, err)
	return messages
}

// handle has each message handled by a goroutine of its own.
func (p *pipeline) handle(s *subscriber.Subscriber, handler func(*message.Message)) {
	messages := p.subscribe(s)
	go func() {
		for m := range messages {
			go handler(m)
		}
	}()
}

// every does something again and again until the end.
func (p *pipeline) every(pause time.Duration, do func()) {
	p.loops.Go(func() {
		for p.wait(context.Background(), pause) {
			do()
		}
	})
}

// wait reports false if the end came before the time was over.
func (p *pipeline) wait(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return true
	case <-p.ctx.Done():
		return false
	}
}

// picky is an Unmarshaler that refuses what is unreadable.
type picky struct{ marshaler.Default }

func (p picky) Unmarshal(topic string, m marshaler.Message) (*message.Message, error) {
	if string(m.Body) == unreadable {
		return nil, errors.New("no such schema")
	}
	return p.Default.Unmarshal(topic, m)
}

func newMessage(payload string) *message.Message {
	return message.NewMessage(watermill.NewUUID(), []byte(payload))
}

var fullName = regexp.MustCompile(`fqName: "(\w+)"`)

// metricNames returns the names of all metrics.
func metricNames(t testing.TB) (names []string) {
	t.Helper()
	metrics, err := promrocketmq.New(promrocketmq.Config{Registerer: prometheus.NewRegistry()})
	require.NoError(t, err)
	descs := make(chan *prometheus.Desc, 100)
	metrics.Describe(descs)
	close(descs)
	for d := range descs {
		m := fullName.FindStringSubmatch(d.String())
		require.NotNil(t, m, d.String())
		names = append(names, m[1])
	}
	return names
}
