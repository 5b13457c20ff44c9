package requestreply

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/watermill-rocketmq/watermill-rocketmq/internal/body"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/lent"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/loglimit"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/messageid"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/session"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/topicname"
)

// HandlerFunc answers a request. The reply is its to make; nil is no reply, and the
// requester waits in vain.
type HandlerFunc func(request *message.Message) (reply *message.Message, err error)

// Responder sends replies to requests that a subscriber has received. It is safe for
// concurrent use. Close it to give back its connections, also if it was lent a
// ResponderConfig.Client.
type Responder struct {
	cfg        ResponderConfig
	logger     watermill.LoggerAdapter
	cluster    lent.Client
	session    *session.Session
	member     *session.Member
	ids        *messageid.Source
	compressor *body.Compressor // nil if replies are not compressed
	logs       loglimit.Limit

	mu      sync.Mutex // guards closing, and what is added to replies
	closing bool
	replies sync.WaitGroup
	closed  chan struct{} // closed when Close is over
}

// NewResponder checks the configuration and returns a Responder. It needs no network. A nil
// logger logs nothing.
func NewResponder(cfg ResponderConfig, logger watermill.LoggerAdapter) (*Responder, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	client, cluster := cfg.Client, cfg.Cluster
	cfg.setDefaults()
	cfg.ProducerGroup = topicname.WrapNamespace(cfg.Cluster.Namespace, cfg.ProducerGroup)
	if logger == nil {
		logger = watermill.NopLogger{}
	}
	r := &Responder{cfg: cfg, logger: logger, closed: make(chan struct{})}
	var err error
	if r.ids, err = messageid.NewSource(time.Now()); err != nil {
		return nil, fmt.Errorf("requestreply: %w", err)
	}
	if r.compressor, err = cfg.compressor(); err != nil {
		return nil, fmt.Errorf("requestreply: config: Compression: %w", err)
	}
	if r.cluster, err = lent.Open(client, cluster, logger); err != nil {
		return nil, fmt.Errorf("requestreply: %w", err)
	}
	r.session = r.cluster.Session()
	r.member = r.session.NewMember(session.Role{})
	if err = r.member.Join(); err != nil {
		r.member.Leave()
		r.cluster.CloseOwn()
		if errors.Is(err, session.ErrClosed) {
			err = fmt.Errorf("Config.Client: %w", ErrClosed)
		}
		return nil, fmt.Errorf("requestreply: %w", err)
	}
	return r, nil
}

// String is the responder's name in logs and metrics, the same for every one.
func (r *Responder) String() string { return "rocketmq.Responder" }

// Handler makes a handler for a router of one that answers requests. What it returns is
// what a router acks or nacks by:
//
//   - An error of h is returned as it is: the request is nacked and delivered again, until
//     its requester waits no longer. The requester is told nothing of it. Reply with a
//     message that says what is wrong where it should be.
//   - A reply that has reached the requester is success, and so is a nil reply.
//   - A reply that finds the requester gone is success as well, with a log line: to handle
//     the request again would be of no use. The brokers are asked again until
//     ResponderConfig.ReplyTimeout is over, as a requester may be about to come back.
//   - A reply that failed otherwise is a *ReplyError: the request is handled again.
//   - A request that nobody waits for any more is acked, with a log line, and h is not
//     called, unless ResponderConfig.HandleExpired is set. If the time ends while h has it,
//     its context ends with the cause ErrExpired, and a reply is not sent.
//   - A message that is no request is given to h all the same, and a reply to it is
//     dropped, with a log line. RequestFromContext tells the two apart.
//
// Log lines are one in 30 s of each kind.
func (r *Responder) Handler(h HandlerFunc) message.NoPublishHandlerFunc {
	return func(msg *message.Message) error { return r.handle(h, msg) }
}

func (r *Responder) handle(h HandlerFunc, msg *message.Message) error {
	request, is := RequestFromContext(msg.Context())
	bounded := is && !r.cfg.HandleExpired && !request.Deadline.IsZero()
	if bounded {
		if request.isExpired(time.Now()) {
			r.note("Not handling a request that nobody waits for any more", msg, request)
			return nil
		}
		own := msg.Context()
		ctx, cancel := context.WithDeadlineCause(own, request.Deadline, ErrExpired)
		msg.SetContext(ctx)
		defer func() {
			msg.SetContext(own)
			cancel()
		}()
	}
	reply, err := h(msg)
	switch {
	case err != nil || reply == nil:
		return err
	case !is:
		r.note("Dropping the reply to a message that is no request", msg, request)
		return nil
	case bounded && request.isExpired(time.Now()):
		r.note("Dropping a reply that nobody waits for any more: its handler took too long", msg, request)
		return nil
	}
	err = r.reply(msg.Context(), msg.UUID, &request, reply)
	var failed *ReplyError
	if errors.As(err, &failed) && failed.Gone {
		r.note("Dropping a reply: its requester is gone", msg, request)
		return nil
	}
	return err
}

// note logs what may come again with every request: the first of its kind, and then one in
// 30 s.
func (r *Responder) note(kind string, msg *message.Message, request Request) {
	if missed, ok := r.logs.Ask(kind, time.Now()); ok {
		r.logger.Info(kind, watermill.LogFields{
			"message_uuid": msg.UUID, "correlation_id": request.CorrelationID, "reply_to": request.ReplyTo, loglimit.Unlogged: missed,
		})
	}
}

// Reply sends the reply to a received request, for those who do not use Handler. ctx bounds
// it beside ResponderConfig.ReplyTimeout and, without ResponderConfig.HandleExpired, the
// time that the requester waits. Nil means that the requester has it. The error is a *ReplyError; a message that is no request is
// ErrNotRequest in it. The reply is read and not changed.
func (r *Responder) Reply(ctx context.Context, request, reply *message.Message) error {
	what, ok := RequestFromContext(request.Context())
	if !ok {
		return &ReplyError{UUID: request.UUID, Err: permanent{ErrNotRequest}}
	}
	return r.reply(ctx, request.UUID, &what, reply)
}

// enter lets a reply in, unless the responder is closing.
func (r *Responder) enter() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.closing {
		r.replies.Add(1)
	}
	return !r.closing
}

// Close refuses new replies, waits for those that are being sent, which takes
// ResponderConfig.ReplyTimeout at most, and gives back the connections. It may be called
// again; each call returns when all is over, with nil. Close the router first: a request
// whose reply is refused is nacked.
func (r *Responder) Close() error {
	r.mu.Lock()
	again := r.closing
	r.closing = true
	r.mu.Unlock()
	if again {
		<-r.closed
		return nil
	}
	r.replies.Wait()
	r.member.Leave()
	r.cluster.CloseOwn()
	close(r.closed)
	return nil
}
