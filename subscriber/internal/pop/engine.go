package pop

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/loglimit"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/session"
	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber/internal/delivery"
	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber/internal/engine"
	"github.com/watermill-rocketmq/watermill-rocketmq/transport"
)

// Engine is an engine.Engine. Make one with New, and Close it.
type Engine struct {
	cfg  engine.Config
	logs logs

	// ctx ends with Close, and with it the work that is left.
	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup // the goroutines of brokers

	mu       sync.Mutex // guards what follows
	brokers  map[string]*broker
	fetchers map[*Fetcher]struct{}
	closed   bool
}

var _ engine.Engine = (*Engine)(nil)

// logs keep apart what fails often.
type logs struct {
	pops, acks, late, changes, answers, pullers loglimit.Limit
}

// New returns an Engine without subscriptions. What happens to the Member of cfg has to be
// passed on to its Events.
func New(cfg engine.Config) *Engine {
	e := &Engine{cfg: cfg, brokers: make(map[string]*broker), fetchers: make(map[*Fetcher]struct{})}
	e.ctx, e.cancel = context.WithCancel(context.Background())
	return e
}

// Events are the engine's part in those of the session: brokers that have come back, and
// routes that have changed. They do not block.
func (e *Engine) Events() session.Events {
	return session.Events{Connected: e.connected, RouteChanged: e.routeChanged}
}

// Serve refuses what brokers ask: no broker knows a popping member of a group.
func (e *Engine) Serve(request *transport.PeerRequest) {
	_ = request.Refuse() // the connection has ended, and the peer knows
}

// connected has requests go at once that wait for a broker to come back.
func (e *Engine) connected(addr string) {
	known := e.cfg.Session.BrokerAddrs(addr)
	for _, b := range e.allBrokers() {
		if b.lastAddr() != "" && slices.Contains(known, b.lastAddr()) {
			b.back.tell()
		}
	}
}

// routeChanged has the readers of a topic be those of its brokers from now on.
func (e *Engine) routeChanged(topic string, view routing.View, before, _ *routing.Route) {
	if view != routing.Reading {
		return
	}
	ours := false
	for _, f := range e.allFetchers() {
		if f.topic.Name == topic {
			ours = true
			f.reconcile()
		}
	}
	if before == nil && !ours {
		return // somebody else's topic, which is new
	}
	for _, b := range e.allBrokers() {
		b.back.tell() // its address may have changed
	}
}

func (e *Engine) allBrokers() []*broker {
	e.mu.Lock()
	defer e.mu.Unlock()
	list := make([]*broker, 0, len(e.brokers))
	for _, b := range e.brokers {
		list = append(list, b)
	}
	return list
}

func (e *Engine) allFetchers() []*Fetcher {
	e.mu.Lock()
	defer e.mu.Unlock()
	list := make([]*Fetcher, 0, len(e.fetchers))
	for f := range e.fetchers {
		list = append(list, f)
	}
	return list
}

// broker returns the broker of that name.
func (e *Engine) broker(name string) *broker {
	e.mu.Lock()
	defer e.mu.Unlock()
	b := e.brokers[name]
	if b == nil {
		b = newBroker(e, name)
		e.brokers[name] = b
	}
	return b
}

// Subscribe begins to pop.
func (e *Engine) Subscribe(ctx context.Context, topic engine.Topic, output *delivery.Output) (engine.Fetcher, error) {
	f := newFetcher(e, topic, output)
	if err := e.add(f); err != nil {
		f.discard()
		return nil, err
	}
	if err := e.Initialize(ctx, topic); err != nil {
		e.remove(f)
		f.discard()
		return nil, err
	}
	e.lookForPullers(ctx, topic.Name)
	f.begin()
	return f, nil
}

// add has the fetcher hear of routes.
func (e *Engine) add(f *Fetcher) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return ErrClosed
	}
	e.fetchers[f] = struct{}{}
	return nil
}

func (e *Engine) remove(f *Fetcher) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.fetchers, f)
}

// RetryTopics are those of both versions: brokers have the second if enableRetryTopicV2 is
// set (KeyBuilder of 5.5.0).
func (e *Engine) RetryTopics(topic string) []string {
	return []string{headers.RetryV1.Topic(e.cfg.Group, topic), headers.RetryV2.Topic(e.cfg.Group, topic)}
}

// RetryQueues is nil: brokers choose.
func (e *Engine) RetryQueues() []routing.MessageQueue { return nil }

// Close ends the requests that are left. Fetcher.Close has waited for those that matter. It
// waits for the goroutines, which takes no longer than calls need to notice.
func (e *Engine) Close(context.Context) error {
	e.mu.Lock()
	e.closed = true
	e.mu.Unlock()
	e.cancel()
	e.wg.Wait()
	return nil
}

// linger is how long an ack waits for others, in all.
func (e *Engine) linger() time.Duration { return min(e.cfg.AckLinger, e.cfg.Lease/10) }
