package requestreply

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"

	rocketmq "github.com/watermill-rocketmq/watermill-rocketmq"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/loglimit"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/receive"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/session"
	"github.com/watermill-rocketmq/watermill-rocketmq/marshaler"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
)

// Requester sends requests and waits for the replies. It is safe for concurrent use. Close
// it to give back its connections and goroutines. A request needs no goroutine of its own.
type Requester struct {
	cfg    RequesterConfig
	logger watermill.LoggerAdapter
	client *rocketmq.Client // its own
	member *session.Member
	pub    *publisher.Publisher
	intro  *introduction
	renew  *renewal
	reader receive.Reader
	room   *receive.Room // for replies that are decompressed
	// turns has a token for each request that is under way.
	turns chan struct{}
	table waitingTable
	late  atomic.Int64 // replies that nobody waited for
	logs  loglimit.Limit

	mu       sync.Mutex // guards closing and drained, and what is added to requests
	closing  bool
	requests int
	drained  chan struct{} // closed when Close is called and the last request has ended
	cut      chan struct{} // closed when requests have to end
	closed   chan struct{} // closed when Close is over; closeErr is set before
	closeErr error
}

// NewRequester checks the configuration and returns a Requester. It needs no network:
// brokers are connected to in the background, for replies to find the way, and when a
// request is sent. A nil logger logs nothing.
func NewRequester(cfg RequesterConfig, logger watermill.LoggerAdapter) (*Requester, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg.setDefaults()
	if logger == nil {
		logger = watermill.NopLogger{}
	}
	r := &Requester{
		cfg: cfg, logger: logger,
		reader:  receive.Reader{Unmarshaler: cfg.Unmarshaler},
		room:    receive.NewRoom(cfg.MaxReplySize),
		turns:   make(chan struct{}, cfg.MaxWaiting),
		drained: make(chan struct{}), cut: make(chan struct{}), closed: make(chan struct{}),
	}
	cluster := cfg.Publisher.Cluster
	if cfg.Publisher.Client != nil {
		cluster = cfg.Publisher.Client.Cluster()
	}
	var err error
	if r.client, err = rocketmq.Connect(cluster, logger); err != nil {
		return nil, fmt.Errorf("requestreply: %w", err)
	}
	if err = r.open(); err != nil {
		_ = r.client.Close() // it cannot fail
		return nil, fmt.Errorf("requestreply: %w", err)
	}
	return r, nil
}

// open makes the publisher, and then the member that replies are for, so that there is a
// producer group to be known by when the member seeks brokers.
func (r *Requester) open() error {
	cfg := r.cfg.Publisher
	cfg.Cluster, cfg.Client = rocketmq.Cluster{}, r.client
	if cfg.Marshaler == nil {
		cfg.Marshaler = marshaler.Default{}
	}
	cfg.Marshaler = requestMarshaler{Marshaler: cfg.Marshaler, clientID: r.client.Session().ID()}
	if cfg.OnResult == nil {
		cfg.OnResult = func(publisher.Result) {} // PublishAsync wants one
	}
	cfg.Hooks = append(cfg.Hooks[:len(cfg.Hooks):len(cfg.Hooks)], publisher.Hooks{PublishEnd: sent})
	var err error
	if r.pub, err = publisher.New(cfg, r.logger); err != nil {
		return err
	}
	r.member = r.client.Session().NewMember(r.role())
	r.intro, r.renew = newIntroduction(r.member), newRenewal(r.member)
	if err = r.member.Join(); err != nil {
		r.member.Leave()
		_ = r.pub.Close() // nothing was published
		return err
	}
	go r.renew.run()
	return nil
}

// String is the requester's name in logs and metrics, the same for every one.
func (r *Requester) String() string { return "rocketmq.Requester" }

// role is what the requester is to its session.
func (r *Requester) role() session.Role {
	return session.Role{
		DefaultTopic:       r.cfg.Publisher.AutoCreate.DefaultTopic,
		DefaultTopicQueues: int32(r.cfg.Publisher.AutoCreate.Queues),
		Seek:               r.seek,
		Requests: map[headers.RequestCode]session.RequestHandler{
			headers.CodePushReplyMessage: {Claim: r.claim, Handle: r.replied},
		},
		Events: session.Events{Disconnected: r.disconnected},
	}
}

// disconnected is told that a connection has ended.
func (r *Requester) disconnected(addr string, _ error) {
	at := r.client.Session().BrokerAddrs(addr)
	r.intro.forget(at)
	r.renew.lose(at)
}

// seek finds all brokers of the cluster: a responder in Java sends its reply to any of
// them, and only one that knows the requester can hand it on.
func (r *Requester) seek(ctx context.Context) (addrs []string, found bool) {
	brokers, err := r.member.Routes().ClusterBrokers(ctx)
	for _, b := range brokers {
		addrs = append(addrs, b.Addr)
	}
	return addrs, err == nil && len(addrs) > 0
}

// RequesterStats is what a Requester is doing.
type RequesterStats struct {
	// Waiting is the number of requests that wait, for their turn, to be sent, or for
	// their replies.
	Waiting int
	// Late counts the replies that came when nobody waited for them any more, or again.
	Late int64
}

// Stats returns what the requester is doing.
func (r *Requester) Stats() RequesterStats {
	r.mu.Lock()
	defer r.mu.Unlock()
	return RequesterStats{Waiting: r.requests, Late: r.late.Load()}
}

// enter lets a request in, unless the requester is closing.
func (r *Requester) enter() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.closing {
		r.requests++
	}
	return !r.closing
}

// leave is told when a request that was let in has ended.
func (r *Requester) leave() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.requests--
	if r.closing && r.requests == 0 {
		close(r.drained)
	}
}

// Close refuses new requests, waits up to RequesterConfig.CloseTimeout for those under way,
// and ends the connections and goroutines of the requester. Requests that did not end in
// time return an error around ErrClosed, and Close returns ErrCloseTimeout. It may be
// called again, and while Request waits; each call returns when all is over, with the same
// result.
func (r *Requester) Close() error {
	r.mu.Lock()
	again := r.closing
	r.closing = true
	if !again && r.requests == 0 {
		close(r.drained)
	}
	r.mu.Unlock()
	if again {
		<-r.closed
		return r.closeErr
	}
	timer := time.NewTimer(r.cfg.CloseTimeout)
	defer timer.Stop()
	select {
	case <-r.drained:
	case <-timer.C:
		select {
		case <-r.drained: // this goroutine has not run in time, but requests have ended
		default:
			r.closeErr = ErrCloseTimeout
		}
	}
	close(r.cut)
	r.renew.stop()
	r.member.Leave() // ends lookups of routes that requests wait for
	<-r.drained
	// What it has to send was for requests that have ended, whose contexts are over.
	_ = r.pub.Close()
	_ = r.client.Close() // it cannot fail
	close(r.closed)
	return r.closeErr
}

// Request sends a request to the topic and returns the reply. Its time begins with the call
// and ends with ctx, or after RequesterConfig.Timeout. ctx takes the place of the message's
// own context, and its values are those that Publisher.Hooks see. The message is read and
// not changed, and may be used again when Request has returned; each call is a request of
// its own.
//
// The reply is the caller's: its UUID and metadata are as the responder has set them. A
// Java responder sets no UUID; the reply has the id of its message then, as received
// messages do.
//
// The error is a *RequestError, which says whether the request may be handled. A request
// whose sending has failed in a way that leaves open whether it is stored goes on waiting
// until its time is over.
func (r *Requester) Request(ctx context.Context, topic string, msg *message.Message) (*message.Message, error) {
	if msg == nil {
		return nil, &RequestError{Topic: topic, Err: permanent{publisher.ErrNilMessage}}
	}
	if !r.enter() {
		return nil, &RequestError{Topic: topic, UUID: msg.UUID, Err: ErrClosed}
	}
	defer r.leave()
	w := newWaiting(ctx, r.cfg.Timeout)
	defer w.leave()
	if err := r.takeTurn(w.ctx); err != nil {
		return nil, &RequestError{Topic: topic, UUID: msg.UUID, Err: err}
	}
	defer func() { <-r.turns }()
	r.introduce(w.ctx, topic)
	r.table.add(w)
	defer r.table.take(w.id)
	p, outcome, err := r.exchange(w, topic, msg)
	if err == nil {
		outcome = publisher.Stored
		var reply *message.Message
		if reply, err = r.read(w.ctx, p); err == nil {
			return reply, nil
		}
	}
	if outcome != publisher.NotSent && errors.Is(err, context.DeadlineExceeded) {
		r.renew.doubt()
	}
	return nil, &RequestError{Topic: topic, UUID: msg.UUID, CorrelationID: w.id, Outcome: outcome, Err: err}
}

// takeTurn waits until there are fewer than MaxWaiting requests.
func (r *Requester) takeTurn(ctx context.Context) error {
	select {
	case r.turns <- struct{}{}:
		return nil
	default:
	}
	select {
	case r.turns <- struct{}{}:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("waiting for one of %d requests to end (MaxWaiting): %w", cap(r.turns), endOf(ctx))
	case <-r.cut:
		return ErrClosed
	}
}

// introduce makes the requester known to the brokers of the topic. A topic that cannot be
// published to has none; the publisher says why.
func (r *Requester) introduce(ctx context.Context, topic string) {
	if name, err := r.pub.TopicName(topic); err == nil {
		r.intro.to(ctx, name)
	}
}

// exchange sends the request and waits for its reply.
func (r *Requester) exchange(w *waiting, topic string, msg *message.Message) (*pushed, publisher.Outcome, error) {
	request := message.NewMessageWithContext(withWaiting(w), msg.UUID, msg.Payload)
	request.Metadata = msg.Metadata // neither is changed
	if err := r.pub.PublishAsync(topic, request); err != nil {
		return nil, publisher.NotSent, err
	}
	outcome, sendErr := publisher.MayBeStored, error(nil)
	for {
		select {
		case p := <-w.reply:
			w.replied = true
			return p, outcome, nil
		case result := <-w.sent:
			if outcome = result.Outcome; outcome == publisher.NotSent {
				return nil, outcome, result.Err
			}
			sendErr = result.Err // perhaps a reply comes all the same
		case <-w.ctx.Done():
			return w.giveUp(outcome, sendErr, endOf(w.ctx))
		case <-r.cut:
			return w.giveUp(outcome, sendErr, ErrClosed)
		}
	}
}
