package publisher

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/watermill-rocketmq/watermill-rocketmq/internal/body"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/ctxerr"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/lent"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/messageid"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/session"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/topicadmin"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/topicname"
	"github.com/watermill-rocketmq/watermill-rocketmq/marshaler"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher/internal/dispatch"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher/internal/failed"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher/internal/gate"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher/internal/latest"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher/internal/told"
	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
	"github.com/watermill-rocketmq/watermill-rocketmq/transport"
)

var _ message.Publisher = (*Publisher)(nil)

// Publisher publishes Watermill messages to RocketMQ. It is safe for concurrent
// use. Close it to give back its connections and goroutines, also if it was lent a
// Config.Client.
type Publisher struct {
	cfg     Config
	logger  watermill.LoggerAdapter
	ids     *messageid.Source
	marshal appendFunc
	// ownMarshaler says that marshal makes legal properties only.
	ownMarshaler bool
	compressor   *body.Compressor
	cluster      lent.Client // has the session, of which member is this publisher's part
	session      *session.Session
	member       *session.Member
	client       *transport.Client // the member's, as is routes
	routes       *routing.Table
	signer       *session.Signer // nil if requests go as they are
	open         transactions
	checkbacks   *checkbacks
	creator      *topicadmin.Creator
	engine       *dispatch.Engine
	hurryAfter   time.Duration // dispatch.Config.HurryAfter; 0 unless a test says otherwise
	logs         failureLogs
	topics       *topicname.Names
	hooks        Hooks // those of Config.Hooks, joined
	calls        callPool
	lists        messageLists
	inRequests   atomic.Int64 // send requests under way
	gate         *gate.Gate
	delivery     told.Teller[*call]
	tracer       *tracer // nil if messages are not traced
	messageLog   messageLog
	// plainTopics says that topics are RocketMQ's, and its own ones too.
	plainTopics bool

	mu       sync.Mutex // guards what follows
	closing  bool
	inFlight int
	stopped  bool // calls are cut off, those under way and later ones
	handed   told.Generations
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
// background, at once if there is a Config.Transaction.Check. A Cluster.Resolver is
// called at once, in the background.
//
// A nil logger logs nothing. Each message that is published has a line at trace level,
// with its UUID, topic, message id, broker, queue and offset. Nothing is made of it
// where nobody reads that level. Since a LoggerAdapter does not say whether anybody
// does, New writes one line at trace level, and goes by whether that is written out;
// a level that is changed later changes nothing.
func New(cfg Config, logger watermill.LoggerAdapter) (*Publisher, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg.setDefaults()
	if logger == nil {
		logger = watermill.NopLogger{}
	}
	p := &Publisher{
		cfg:     cfg,
		logger:  logger.With(watermill.LogFields{"producer_group": cfg.ProducerGroup}),
		drained: make(chan struct{}),
		cut:     make(chan struct{}),
		closed:  make(chan struct{}),
		gate:    gate.New(gate.Amount(cfg.Waiting)),
		hooks:   joinHooks(cfg.Hooks),
		open:    transactions{ended: latest.IDs{Most: keptEnded}},
	}
	p.topics = topicname.New(cfg.Topics, cfg.Cluster.Namespace, p.topicDiffers)
	var err error
	if p.ids, err = messageid.NewSource(time.Now()); err != nil {
		return nil, err
	}
	if p.compressor, err = cfg.compressor(); err != nil {
		return nil, fmt.Errorf("publisher: config: Compression: %w", err)
	}
	p.cfg.ProducerGroup = topicname.WrapNamespace(cfg.Cluster.Namespace, cfg.ProducerGroup)
	p.engine = p.newEngine()
	p.delivery.Tell = p.finishAsync
	p.marshal, p.ownMarshaler = appendMarshal(cfg.Marshaler)
	p.checkbacks = newCheckbacks(p)
	if err = p.join(); err != nil {
		return nil, fmt.Errorf("publisher: %w", err)
	}
	p.creator = topicadmin.New(topicadmin.Config{
		Client: p.client, Routes: p.routes, Topics: cfg.CreateTopics, Logger: p.logger, ErrClosed: ErrClosed,
	})
	if p.tracer, err = startTracer(p, logger); err != nil {
		_ = p.Close() // nothing has been published
		return nil, err
	}
	p.messageLog.begin(p.logger)
	if cfg.ProducerGroup == DefaultProducerGroup {
		p.logger.Info("Publishing as the producer group of all programs that set none: set Config.ProducerGroup to the program's name", nil)
	}
	return p, nil
}

// String is the publisher's name in logs and metrics. It does not tell two
// publishers of a process apart, so that metrics keep one label for both.
func (p *Publisher) String() string { return "rocketmq.Publisher" }

// Publish stores the messages on a broker and returns when the last is stored.
// Nil means that a broker said of every message that it has stored it (for how
// safely, see Config.RequireDurable). Without messages it returns nil.
//
// Every other return is an *Error, which says of each message whether it is
// stored, not sent, or may be stored, and whether it can ever be published as it is
// (ErrPermanent). All messages are checked before the first
// is sent, so a message that is refused keeps the whole call from being sent.
// After a message has failed no further request is started for the call.
//
// Messages of one call, and of calls that come while a request is under way,
// share requests (Config.Batch), but not fates: each has its own result.
//
// Each message is bounded by its own context and by Config.SendTimeout. A context
// that has ended before the call does not count for a message that a poison queue
// publishes (metadata reason_poisoned), nor for one that was acknowledged: under
// Watermill's middlewares Timeout and InstantAck it has ended by then. Messages
// are read and not changed; they may be used again when Publish has returned.
//
// What Watermill's components add to the metadata of a message never makes it one
// that cannot be published. Error texts (reason_poisoned and its like,
// _watermill_requestreply_error) that do not fit into a message's properties are cut,
// with a mark where. The delay of a message that a poison queue or a requeuer
// publishes is shortened to the longest there is, and what cannot be read as a delay is
// none; it goes without an ordering key if OrderingKey has none for it. A debug line
// tells of what was cut, shortened or dropped, one in 30 s for a topic.
//
// A message whose answer was lost is sent again under the same message id, so a
// message may be stored twice: delivery is at least once.
func (p *Publisher) Publish(topic string, messages ...*message.Message) error {
	return p.send(topic, messages, mode{})
}

// send is Publish in any mode that waits.
func (p *Publisher) send(topic string, messages []*message.Message, how mode) error {
	if len(messages) == 0 {
		return nil
	}
	c := p.calls.get(p, topic, messages, how)
	if p.enter() {
		defer p.leave()
		p.publish(c, messages)
	} else {
		c.refuse(0, ErrClosed)
	}
	err := p.report(c)
	if err == nil {
		p.calls.put(c)
	}
	return err
}

// publish prepares all messages, hands them to the engine and waits. What became of them
// is in the call.
func (p *Publisher) publish(c *call, messages []*message.Message) {
	mapped, ok := p.checkCall(c, messages)
	if !ok {
		return
	}
	messages = failed.Live(messages)
	need := needOf(messages)
	now := c.began
	if !p.gate.TryEnter(need) {
		if at, err := p.waitAtGate(c, messages, need); err != nil {
			c.refuse(at, err)
			return
		}
		now = time.Now()
	}
	defer p.gate.Leave(need)
	if !p.prepareAll(c, mapped, messages, need, now) {
		return
	}
	if c.mode.transaction {
		p.open.begin(c.messages[0].id.String())
	}
	if live := c.cutEnded(messages); live > 0 {
		c.readContexts(messages[:live])
		p.engine.Deliver(mapped.Name, &c.Call, p.engine.Moment(now))
	}
}

// waitAtGate lets the call in when there is room, or says at which of its messages the wait ended:
// one whose context is over, or else the first.
func (p *Publisher) waitAtGate(c *call, messages []*message.Message, need gate.Amount) (at int, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), p.cfg.SendTimeout-time.Since(c.began))
	defer cancel()
	for _, msg := range messages {
		stop := context.AfterFunc(msg.Context(), cancel)
		defer stop()
	}
	if p.gate.Enter(need, ctx.Done(), p.cut) {
		return 0, nil
	}
	for i, msg := range messages {
		if err := ctxerr.Of(msg.Context()); err != nil {
			return i, err
		}
	}
	select {
	case <-p.cut:
		return 0, ErrClosed
	default:
		return 0, ErrSendTimeout
	}
}

// checkCall looks at what is wrong with a call before it has taken any memory. It
// reports whether the call may go on.
func (p *Publisher) checkCall(c *call, messages []*message.Message) (marshaler.MappedTopic, bool) {
	mapped, err := p.mapTopic(c.topic)
	if err != nil {
		c.refuse(0, err)
		return mapped, false
	}
	if at := slices.Index(messages, nil); at >= 0 {
		err := ErrNilMessage
		if len(messages) > 1 { // it has no UUID that would tell which
			err = fmt.Errorf("message %d of %d: %w", at+1, len(messages), err)
		}
		c.refuse(at, permanently(err))
		return mapped, false
	}
	return mapped, true
}

// prepareAll prepares the call's messages, and reports whether none was refused.
func (p *Publisher) prepareAll(c *call, mapped marshaler.MappedTopic, messages []*message.Message, need gate.Amount, now time.Time) bool {
	c.Begin(c, len(messages))
	c.buf = slices.Grow(c.buf, need.Bytes+len(messages)*batchRoom)
	c.stamped = now
	for i, msg := range messages {
		err := p.prepare(c, i, mapped, msg, now)
		if err != nil {
			err = p.prepareFitting(c, i, mapped, msg, now, err)
		}
		if err != nil {
			c.refuse(i, err)
			return false
		}
	}
	c.setData()
	return true
}

// prepareFitting prepares a message that was refused for what Watermill's components
// have added to it, without as much of that as does not fit. Else the refusal stays.
func (p *Publisher) prepareFitting(c *call, at int, mapped marshaler.MappedTopic, msg *message.Message, now time.Time, refusal error) error {
	fit := fitter{p.marshal, p.cfg.Delay.Max}
	for range 2 { // each time for another reason
		fitting, change := fit.fit(c.topic, msg, refusal, now)
		if fitting == nil {
			break
		}
		msg = fitting
		if refusal = p.prepare(c, at, mapped, msg, now); refusal == nil {
			p.messageFitted(c.topic, msg, change, now)
			return nil
		}
	}
	if errors.Is(refusal, messageid.ErrNoRandom) {
		return refusal
	}
	return permanently(refusal)
}

// report tells of each result, and makes the error that Publish returns, with the
// results in it.
func (p *Publisher) report(c *call) error {
	p.tell(c)
	if c.failed() {
		return &Error{Topic: c.topic, Results: c.results()}
	}
	return nil
}

// tell logs each message of a call if anybody reads that, and tells hooks and OnResult of
// it, if there are any.
func (p *Publisher) tell(c *call) {
	logs := p.logsMessages()
	if !logs && p.cfg.OnResult == nil && p.hooks.PublishEnd == nil {
		return
	}
	for i := range c.messages {
		r := c.result(i)
		c.endOne(i, r)
		if logs {
			p.messageLog.write(c.mode, &r)
		}
		if p.cfg.OnResult != nil {
			p.cfg.OnResult(r)
		}
	}
}

// logsMessages reports whether lines about single messages are to be made. There are
// none about the messages that traces are sent in.
func (p *Publisher) logsMessages() bool { return p.messageLog.Read() && !p.plainTopics }
