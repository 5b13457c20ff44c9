package subscriber

import (
	"context"
	"fmt"
	"sync"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/watermill-rocketmq/watermill-rocketmq/internal/body"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/lent"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/receive"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/session"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/topicadmin"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/topicname"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/tracelog"
	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber/internal/engine"
)

var (
	_ message.Subscriber           = (*Subscriber)(nil)
	_ message.SubscribeInitializer = (*Subscriber)(nil)
)

// Subscriber consumes messages of RocketMQ as a member of a consumer group. It is safe for
// concurrent use. Close it to give back its connections and goroutines, also if it was lent
// a Config.Client.
type Subscriber struct {
	cfg          Config
	logger       watermill.LoggerAdapter
	names        *topicname.Names
	hooks        Hooks // those of Config.Hooks, joined
	reader       receive.Reader
	decompressor *body.Decompressor
	cluster      lent.Client
	member       *session.Member
	routes       *routing.Table
	creator      *topicadmin.Creator
	engine       chosenEngine
	apart        apart // written with engine.turn, before engine.made
	logs         failureLogs
	messageLog   tracelog.Probe

	// life ends when Close, Stop or the end of the session ends what waits.
	life    context.Context
	endLife context.CancelCauseFunc
	// cutOff is closed when the end of life has stopped the subscriptions.
	cutOff chan struct{}

	mu            sync.Mutex // guards what follows
	stopped       bool       // Stop or Close was called
	closing       bool
	calls         sync.WaitGroup // Subscribe and its like; added to only before stopped
	subscriptions map[*subscription]struct{}
	// lost is what brokers have not confirmed of subscriptions that have ended, the last of
	// each topic.
	lost map[string]error
	// closed is closed when Close is over; closeErr is set before.
	closed   chan struct{}
	closeErr error
}

// New checks the configuration and returns a Subscriber. It needs no network: brokers are
// asked when the first topic is subscribed to.
//
// A nil logger logs nothing. Each message that is received has a line at trace level, with
// its UUID, topic, message id, broker, queue, offset and deliveries. Nothing is made of it
// where nobody reads that level, which New finds out by one line at that level; a level that
// is changed later changes nothing.
func New(cfg Config, logger watermill.LoggerAdapter) (*Subscriber, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg.setDefaults()
	if logger == nil {
		logger = watermill.NopLogger{}
	}
	s := &Subscriber{
		cfg:           cfg,
		logger:        logger.With(watermill.LogFields{"consumer_group": cfg.Group}),
		reader:        receive.Reader{Unmarshaler: cfg.Unmarshaler},
		decompressor:  body.NewDecompressor(cfg.MaxInFlight.Bytes),
		hooks:         joinHooks(cfg.Hooks),
		subscriptions: make(map[*subscription]struct{}),
		lost:          make(map[string]error),
		closed:        make(chan struct{}),
		cutOff:        make(chan struct{}),
	}
	s.names = topicname.New(cfg.Topics, cfg.Cluster.Namespace, s.topicDiffers)
	s.life, s.endLife = context.WithCancelCause(context.Background())
	s.engine.turn = make(chan struct{}, 1)
	if err := s.join(logger); err != nil {
		return nil, fmt.Errorf("subscriber: %w", err)
	}
	s.creator = topicadmin.New(topicadmin.Config{
		Client: s.member.Client(), Routes: s.routes, Topics: cfg.CreateTopics, Logger: s.logger, ErrClosed: ErrClosed,
	})
	s.messageLog.Begin(s.logger, "Logging each message received from RocketMQ")
	// A Client that is closed by its owner ends the subscriptions.
	context.AfterFunc(s.life, func() {
		_ = s.Stop() // it cannot fail
		close(s.cutOff)
	})
	return s, nil
}

// String is the subscriber's name in logs and metrics. It does not tell two subscribers of a
// process apart, so that metrics keep one label for both.
func (s *Subscriber) String() string { return "rocketmq.Subscriber" }

// enter lets a call in, unless the subscriber is stopped. The call has to leave.
func (s *Subscriber) enter() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return false
	}
	s.calls.Add(1)
	return true
}

func (s *Subscriber) leave() { s.calls.Done() }

// whileOpen returns a context that ends with ctx, with the subscriber's life, and with done.
func (s *Subscriber) whileOpen(ctx context.Context) (open context.Context, done func()) {
	open, cancel := context.WithCancelCause(ctx)
	unwatch := context.AfterFunc(s.life, func() { cancel(context.Cause(s.life)) })
	return open, func() {
		unwatch()
		cancel(nil)
	}
}

// Subscribe begins to consume a topic, and returns the channel of its messages. The channel
// is not buffered: a message that nobody has received is not consumed. It is closed when ctx
// ends, or the Subscriber is stopped or closed, soon and without waiting for handlers.
//
// The group is known to the brokers, and where it begins is durable, when Subscribe returns.
// A topic that does not exist is created if Config.CreateTopics says so; else Subscribe
// returns, and the subscription begins when the topic is there, which log lines tell. What
// is stored before that is not missed, whatever Config.From is. While servers cannot be
// reached Subscribe tries again, until ctx ends or Config.StartTimeout is over.
//
// Several subscriptions to one topic share its messages, as members of a group do. Without a
// group each of them gets all.
//
// Each message has to be acked or nacked. Its context has the values of ctx but not its end:
// it ends when the message is answered, so that handlers can finish while a router shuts
// down, or else with a cause of this package, such as ErrStopped. InfoFromContext tells what
// RocketMQ knows of the message. The payload may be part of the broker's answer: it must not
// be changed, and keeping it keeps the answer, up to 256 KiB, in memory.
//
// The error is a *SubscribeError, which wraps ErrClosed, an error of the name or of access,
// a *rocketmq.UnsupportedError, a *FilterError, or those of packages routing and transport when the cluster
// could not be reached in time.
func (s *Subscriber) Subscribe(ctx context.Context, topic string) (<-chan *message.Message, error) {
	if !s.enter() {
		return nil, subscribeError(topic, ErrClosed)
	}
	defer s.leave()
	sub, err := s.newSubscription(ctx, topic)
	if err == nil {
		err = sub.begin(ctx)
	}
	if err != nil {
		return nil, subscribeError(topic, err)
	}
	return sub.output.Channel(), nil
}

// SubscribeInitialize makes durable where the group begins to read the topic, so that a
// later Subscribe gets what is published in between. It creates the topic if
// Config.CreateTopics says so. It is not needed before Subscribe. The error is a
// *SubscribeError.
func (s *Subscriber) SubscribeInitialize(topic string) error {
	if !s.enter() {
		return subscribeError(topic, ErrClosed)
	}
	defer s.leave()
	if err := s.initialize(topic); err != nil {
		if closed := context.Cause(s.life); closed != nil {
			err = closed
		}
		return subscribeError(topic, err)
	}
	return nil
}

func (s *Subscriber) initialize(topic string) error {
	what, err := s.topic(topic)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(s.life, s.cfg.StartTimeout, errStartTimeout)
	defer cancel()
	return s.untilReached(ctx, topic, func(ctx context.Context) error {
		return s.initializeGroup(ctx, topic, what)
	})
}

func (s *Subscriber) initializeGroup(ctx context.Context, topic string, what engine.Topic) error {
	err := s.ensureTopic(ctx, what.Name)
	switch {
	case isMissing(err) && s.cfg.From == Earliest():
		return nil // the first message will be the earliest
	case err != nil:
		return err
	case s.cfg.Group == "":
		return nil
	}
	if err := s.checkFilter(ctx, what, s.cfg.Filters[topic]); err != nil {
		return err
	}
	e, err := s.chosen(ctx)
	if err != nil {
		return err
	}
	return e.Initialize(ctx, what)
}
