package publisher

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/watermill-rocketmq/watermill-rocketmq/internal/body"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/pool"
	"github.com/watermill-rocketmq/watermill-rocketmq/marshaler"
	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
	"github.com/watermill-rocketmq/watermill-rocketmq/transport"
)

var _ message.Publisher = (*Publisher)(nil)

// Publisher publishes Watermill messages to RocketMQ. It is safe for concurrent
// use. Close it to give back its connections and goroutines.
type Publisher struct {
	cfg        Config
	logger     watermill.LoggerAdapter
	now        func() time.Time
	ids        *idSource
	marshal    appendFunc
	compressor *body.Compressor
	client     *transport.Client
	decorator  *decorator // nil if requests go as they are
	routes     *routing.Table
	selector   routing.Selector
	heart      *heart
	open       transactions
	checker    *checker
	creator    *creator
	outboxes   outboxes
	health     health
	quiet      failureLogs
	calls      callPool
	batches    batchPool
	bodies     pool.Buffers
	limits     timeLimits
	gate       gate
	delivery   delivery
	tracer     *tracer // nil if messages are not traced
	senders    sync.WaitGroup
	hurryAfter time.Duration // const hurryAfter, unless a test says otherwise
	// plainTopics says that topics are RocketMQ's, and its own ones too.
	plainTopics bool

	mu       sync.Mutex // guards what follows
	closing  bool
	inFlight int
	stopped  bool // no sender may be started
	handed   generations
	// drained is closed when the publisher is closing and the last call ends.
	drained chan struct{}
	// cut is closed when the calls still under way have to end.
	cut chan struct{}
	// closed is closed when Close is over; closeErr is set before.
	closed   chan struct{}
	closeErr error
}

// New checks the configuration and returns a Publisher. It needs no network: a
// name server is asked when the first message is published, or, in the
// background, at once if there is a Config.Transaction.Check. A Config.Resolver is
// called at once, in the background. A nil logger logs nothing.
func New(cfg Config, logger watermill.LoggerAdapter) (*Publisher, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg.setDefaults()
	if logger == nil {
		logger = watermill.NopLogger{}
	}
	p := &Publisher{
		cfg:      cfg,
		logger:   logger.With(watermill.LogFields{"producer_group": cfg.ProducerGroup}),
		now:      time.Now,
		drained:  make(chan struct{}),
		cut:      make(chan struct{}),
		closed:   make(chan struct{}),
		selector: cfg.Queues.Selector,
		gate:     gate{limit: cfg.Waiting},
		health:   health{cfg: cfg.Avoidance, probeTime: cfg.AttemptTimeout},

		hurryAfter: hurryAfter,
		bodies:     pool.Buffers{Fresh: 4 << 10, Most: 2 * cfg.Batch.MaxBytes},
	}
	var err error
	if p.ids, err = newIDSource(p.now()); err != nil {
		return nil, err
	}
	if p.compressor, err = cfg.compressor(); err != nil {
		return nil, fmt.Errorf("publisher: config: Compression: %w", err)
	}
	p.cfg.ProducerGroup = wrapNamespace(cfg.Namespace, cfg.ProducerGroup)
	p.delivery.p = p
	p.marshal = appendMarshal(cfg.Marshaler)
	p.checker = newChecker(p)
	connections := transport.Config{
		Dial:          cfg.Dial,
		TLS:           cfg.TLS,
		Serialization: cfg.serialization(),
		DialTimeout:   cfg.DialTimeout,
		Events:        transport.Events{Connected: p.connected, Disconnected: p.disconnected},
		Requests:      p.checker.request,
	}
	if p.decorator = newDecorator(cfg.namespaceFields(), cfg.Credentials); p.decorator != nil {
		connections.Decorate = p.decorator.decorate
	}
	p.client, err = transport.New(connections)
	if err != nil {
		return nil, fmt.Errorf("publisher: %w", err)
	}
	p.routes, err = routing.New(routing.Config{
		NameServers:        cfg.NameServers,
		Resolver:           cfg.Resolver,
		ResolveInterval:    cfg.ResolveInterval,
		RefreshInterval:    cfg.RouteRefreshInterval,
		DefaultTopic:       cfg.AutoCreate.DefaultTopic,
		DefaultTopicQueues: int32(cfg.AutoCreate.Queues),
		Events: routing.Events{
			RouteChanged: p.routeChanged, RefreshFailed: p.refreshFailed, NameServerFailed: p.nameServerFailed,
			NameServersChanged: p.nameServersChanged, ResolveFailed: p.resolveFailed,
		},
	}, p.client)
	if err != nil {
		_ = p.client.Close() // it has no connection yet
		return nil, fmt.Errorf("publisher: %w", err)
	}
	p.creator = newCreator(p)
	if p.heart, err = newHeart(p); err != nil {
		_, _ = p.routes.Close(), p.client.Close() // neither has done anything yet
		return nil, err
	}
	// It may connect at once, and connections tell p.heart of themselves.
	go p.heart.run()
	if p.tracer, err = startTracer(p, logger); err != nil {
		p.checker.stop()
		p.heart.stop()
		_, _ = p.routes.Close(), p.client.Close() // nothing has been published
		return nil, err
	}
	return p, nil
}

// String is the publisher's name in logs and metrics. It does not tell two
// publishers of a process apart, so that metrics keep one label for both.
func (p *Publisher) String() string { return "rocketmq.Publisher" }

// Publish stores the messages on a broker and returns when the last is stored.
// Nil means that a broker confirmed every message with code 0. Without messages
// it returns nil.
//
// Every other return is an *Error, which says of each message whether it is
// stored, not sent, or may be stored. All messages are checked before the first
// is sent, so a message that is refused keeps the whole call from being sent.
// After a message has failed no further request is started for the call.
//
// Messages of one call, and of calls that come while a request is under way,
// share requests (Config.Batch), but not fates: each has its own result.
//
// Each message is bounded by its own context and by Config.SendTimeout. Messages
// are read and not changed; they may be used again when Publish has returned.
// A message whose answer was lost is sent again under the same message id, so a
// message may be stored twice: delivery is at least once.
func (p *Publisher) Publish(topic string, messages ...*message.Message) error {
	return p.send(topic, messages, manner{})
}

// send is Publish in any manner that waits.
func (p *Publisher) send(topic string, messages []*message.Message, how manner) error {
	if len(messages) == 0 {
		return nil
	}
	c := p.calls.get(messages, p.now())
	c.manner = how
	if p.enter() {
		defer p.leave()
		p.publish(c, topic, messages)
	} else {
		refuse(c.results, 0, ErrClosed)
	}
	err := p.report(c, topic)
	if err == nil {
		p.calls.put(c)
	}
	return err
}

// publish prepares all messages, hands them to the topic's outbox and waits. What
// became of them is in the call's results.
func (p *Publisher) publish(c *call, topic string, messages []*message.Message) {
	mapped, ok := p.checkCall(c, topic, messages)
	if !ok {
		return
	}
	need := needOf(messages)
	now := c.began
	if !p.gate.tryEnter(need) {
		if at, err := p.waitAtGate(c, messages, need); err != nil {
			refuse(c.results, at, err)
			return
		}
		now = p.now()
	}
	defer p.gate.leave(need)
	if !p.prepareAll(c, topic, mapped, messages, now) {
		return
	}
	if live := c.cutEnded(messages); live > 0 {
		p.outboxes.of(p, mapped.Name).deliver(c, messages[:live], now)
	}
}

// checkCall looks at what is wrong with a call before it has taken any memory. It
// reports whether the call may go on.
func (p *Publisher) checkCall(c *call, topic string, messages []*message.Message) (marshaler.MappedTopic, bool) {
	mapped, err := p.mapTopic(topic)
	if err != nil {
		refuse(c.results, 0, err)
		return mapped, false
	}
	if at := slices.Index(messages, nil); at >= 0 {
		err := ErrNilMessage
		if len(messages) > 1 { // it has no UUID that would tell which
			err = fmt.Errorf("message %d of %d: %w", at+1, len(messages), err)
		}
		refuse(c.results, at, err)
		return mapped, false
	}
	return mapped, true
}

// prepareAll prepares the call's messages, and reports whether none was refused.
func (p *Publisher) prepareAll(c *call, topic string, mapped marshaler.MappedTopic, messages []*message.Message, now time.Time) bool {
	for i, msg := range messages {
		if err := p.prepare(&c.entries[i], c.manner, topic, mapped, msg, now); err != nil {
			refuse(c.results, i, err)
			return false
		}
	}
	return true
}

// refuse makes err the error of one message, for which all of them stay behind.
func refuse(results []Result, at int, err error) {
	for i := range results {
		results[i].Err = ErrNotAttempted
	}
	results[at].Err = err
}

// report tells OnResult of each result and makes the error that Publish returns,
// which takes the call's results with it.
func (p *Publisher) report(c *call, topic string) error {
	failed := false
	for i := range c.results { // a Result is too large to be copied for this
		failed = failed || c.results[i].Err != nil
	}
	if !failed && p.cfg.OnResult == nil {
		return nil
	}
	p.tell(c)
	if failed {
		return &Error{Topic: topic, Results: c.results}
	}
	return nil
}

// tell fills in what is still missing in the call's results and tells OnResult of
// each, if there is one.
func (p *Publisher) tell(c *call) {
	c.fillIDs(p.now())
	if p.cfg.OnResult == nil {
		return
	}
	for _, own := range c.results {
		own.Failed = slices.Clone(own.Failed)
		p.cfg.OnResult(own)
	}
}
