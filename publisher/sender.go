package publisher

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	rocketmq "github.com/watermill-rocketmq/watermill-rocketmq"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/session"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/trace"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/verdict"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher/internal/dispatch"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher/internal/gathered"
	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
	"github.com/watermill-rocketmq/watermill-rocketmq/transport"
)

// sender builds the requests of the engine and gets them to brokers.
type sender struct {
	p        *Publisher
	requests sync.Pool // of *gathered.Request
}

var _ dispatch.Sender = (*sender)(nil)

// Route is the route of a topic, which is created if need be and wanted.
func (s *sender) Route(ctx context.Context, topic string) (*routing.Route, error) {
	route, err := s.p.creator.Route(ctx, topic)
	if err != nil && !s.p.cfg.CreateTopics.Enabled {
		err = withWayOut(err)
	}
	return route, err
}

// withWayOut adds to the error of a topic that does not exist how the publisher can
// create it.
func withWayOut(err error) error {
	var noRoute *routing.NoRouteError
	if errors.As(err, &noRoute) {
		return fmt.Errorf("%w, by Publisher.CreateTopic, or for each topic by Config.CreateTopics", err)
	}
	return err
}

// Send sends the attempt's messages.
func (s *sender) Send(ctx context.Context, a *dispatch.Attempt) (dispatch.Stored, error) {
	p := s.p
	addr, err := p.routes.BrokerAddr(ctx, a.Queue.Topic, a.Queue.BrokerName)
	if err != nil {
		return dispatch.Stored{}, err
	}
	addr = p.session.SendAddr(addr)
	a.Connecting(addr)
	if err := p.client.Connect(ctx, addr); err != nil {
		return dispatch.Stored{}, err
	}
	if err := p.member.Admit(ctx, addr); err != nil {
		return dispatch.Stored{}, err
	}
	d := delayOfAttempt(a)
	var delayedBy headers.Property
	if d != nil {
		if delayedBy, err = p.arrangeDelay(ctx, a, d, addr); err != nil {
			return dispatch.Stored{}, err
		}
		d.applied = delayedBy.Name != ""
	}
	keys, err := p.signer.Keys(ctx)
	if err != nil {
		return dispatch.Stored{}, err
	}
	if !a.Commit() {
		return dispatch.Stored{}, nil
	}
	answer, err := s.exchange(ctx, a, keys, delayedBy)
	if err != nil {
		return dispatch.Stored{}, err
	}
	if a.Oneway {
		return dispatch.Stored{At: time.Now(), Queue: a.Queue, Addr: addr}, nil
	}
	status := storedStatus(headers.ResponseCode(answer.Code))
	if status == StatusNone {
		err := answer.Err()
		if d != nil {
			err = p.delayError(err, a, d, addr)
		}
		return dispatch.Stored{}, err
	}
	if a.Route.FromDefaultTopic() {
		// The broker has just created the topic: its real queues can be known.
		p.routes.Refresh(a.Queue.Topic)
	}
	return s.stored(a, status, &answer)
}

// delayOfAttempt returns the delay of the attempt's message, nil if there is none. A
// message with one goes alone.
func delayOfAttempt(a *dispatch.Attempt) *delay {
	if len(a.Messages) > 1 {
		return nil
	}
	_, own := ownerOf(a.Messages[0])
	return own.delay
}

// exchange sends the request and returns the answer, if one is wanted.
func (s *sender) exchange(ctx context.Context, a *dispatch.Attempt, keys session.Keys, delayedBy headers.Property) (headers.Command, error) {
	r, ok := s.requests.Get().(*gathered.Request)
	if !ok {
		r = new(gathered.Request)
	}
	defer func() {
		r.Messages = nil
		s.requests.Put(r)
	}()
	data := s.build(&r.SendMessage, a, delayedBy)
	if data == nil {
		r.Messages = a.Messages
	}
	s.p.inRequests.Add(1)
	defer s.p.inRequests.Add(-1)
	signed, data := s.p.sign(keys, r, data)
	if a.Oneway {
		return headers.Command{}, s.p.client.InvokeOneway(ctx, a.Addr, signed, data)
	}
	return s.p.client.Invoke(ctx, a.Addr, signed, data)
}

// sign returns the request and its body as they are sent. Signed is all that a request
// has, its body as well, which has to be in one piece then.
func (p *Publisher) sign(keys session.Keys, r *gathered.Request, body []byte) (headers.Request, []byte) {
	switch {
	case p.signer == nil && body == nil:
		return r, nil
	case p.signer == nil:
		return &r.SendMessage, body
	case body == nil:
		body = r.AppendBody(make([]byte, 0, r.BodySize()))
	}
	return p.signer.Sign(keys, &r.SendMessage, body), body
}

// build fills in the header of the request. It returns the body, unless the messages are
// not beside each other yet.
func (s *sender) build(h *headers.SendMessage, a *dispatch.Attempt, delayedBy headers.Property) []byte {
	p, first := s.p, a.Messages[0]
	c, own := ownerOf(first)
	*h = headers.SendMessage{
		ProducerGroup:      p.cfg.ProducerGroup,
		Topic:              a.Topic,
		DefaultTopic:       p.cfg.AutoCreate.DefaultTopic,
		DefaultTopicQueues: int32(p.cfg.AutoCreate.Queues),
		QueueID:            a.Queue.QueueID,
		BornTimestamp:      c.stamped.UnixMilli(),
		UnitMode:           p.cfg.Cluster.UnitMode,
		BrokerName:         a.Queue.BrokerName,
	}
	if len(a.Messages) > 1 {
		h.Batch = true
		return gathered.Together(a.Messages)
	}
	m := part(first)
	h.SysFlag, h.Flag, h.Properties = own.sysFlag, m.Flag, m.Properties
	if own.sysFlag&headers.SysFlagTransactionMask == headers.SysFlagPrepared {
		// Brokers count from it when they may ask about the half message, so
		// what the attempts before have taken is not to be in it.
		h.BornTimestamp = time.Now().UnixMilli()
	}
	h.ReconsumeTimes = own.reconsumed
	h.MaxReconsumeTimes, h.HasMaxReconsumeTimes = own.maxReconsumes, own.maxReconsumes > 0
	if delayedBy.Name != "" {
		// The message keeps its own: the next attempt may add something else.
		h.Properties = headers.AppendProperty(slices.Clip(h.Properties), delayedBy.Name, delayedBy.Value)
	}
	return m.Body
}

// stored says where the broker has put the messages.
func (s *sender) stored(a *dispatch.Attempt, status SendStatus, answer *headers.Command) (dispatch.Stored, error) {
	result, err := headers.ParseStoredPlace(answer)
	if err != nil {
		return dispatch.Stored{}, &answerError{err}
	}
	stored := dispatch.Stored{
		At: time.Now(), Queue: a.Queue, Addr: a.Addr, Status: int(status),
		Offset: result.QueueOffset, OffsetIDs: result.OffsetMessageIDs,
	}
	stored.Queue.QueueID = result.QueueID
	// Timer messages go alone. A handle for many would be one for each of them.
	if len(a.Messages) == 1 && len(result.RecallHandle) <= maxRecallHandle {
		stored.Handle = string(result.RecallHandle)
	}
	if s.p.tracer.traces(a.Topic) {
		region, wanted := trace.ReadAnswer(answer)
		stored.Region, stored.Untraced = region, !wanted
	}
	if status != SendOK && s.p.cfg.RequireDurable {
		stored.Err = &NotDurableError{Status: status}
	}
	return stored, nil
}

// maxRecallHandle is the most bytes of a recall handle that is kept. It is base64 of
// the names of topic and broker, a time and a message id.
const maxRecallHandle = 1 << 10

// Judge says what a failure means.
func (s *sender) Judge(err, timeout error) (verdict.Verdict, error) {
	if refusal := verdict.Refusal(err); refusal != nil {
		return judge(refusal), verdict.Bare(refusal)
	}
	if timeout != nil {
		v := judge(timedOut(err, timeout))
		return v, timedOut(verdict.Bare(err), timeout)
	}
	return judge(err), verdict.Bare(err)
}

// timedOut adds to an error what it is that had no time left.
func timedOut(err, cause error) error {
	if op, ok := err.(*transport.OpError); ok {
		own := *op // that of a dial is shared between callers
		own.Err = fmt.Errorf("%w: %w", op.Err, cause)
		return &own
	}
	return fmt.Errorf("%w: %w", err, cause)
}

// Left makes the error of an attempt that goes on without a message.
func (s *sender) Left(a *dispatch.Attempt, cause error) error {
	if a.Addr == "" {
		return s.p.routes.WaitError(a.Topic, cause)
	}
	return &transport.OpError{Op: "wait", Addr: a.Addr, Sent: a.Committed(), Err: cause}
}

// arrangeDelay chooses how the broker at addr is to delay the attempt's one message, by
// what the broker can do, and returns the property that says so. Brokers of a topic may
// be of different versions, so each attempt chooses anew.
func (p *Publisher) arrangeDelay(ctx context.Context, a *dispatch.Attempt, d *delay, addr string) (headers.Property, error) {
	version, err := p.member.Version(ctx, addr)
	if err != nil {
		return headers.Property{}, err
	}
	noTimer := d.noTimerAt(a.Queue.BrokerName)
	if version >= headers.Version5_0_0 && noTimer == nil {
		if d.until.IsZero() {
			return headers.Property{}, nil
		}
		return headers.Property{Name: headers.PropertyTimerDeliverMS, Value: strconv.FormatInt(timerTime(d.until), 10)}, nil
	}
	if d.timer {
		return headers.Property{}, unable(&rocketmq.UnsupportedError{Feature: rocketmq.FeatureTimer, Addr: addr, Version: version, Since: "5.0.0"})
	}
	left := time.Until(d.until)
	if left <= 0 {
		return headers.Property{}, nil
	}
	level := d.level(left, &p.cfg.Delay)
	if level == 0 {
		if noTimer != nil && version >= headers.Version5_0_0 {
			return headers.Property{}, unable(noTimer)
		}
		return headers.Property{}, unable(&DelayLevelError{Delay: left, Levels: slices.Clone(p.cfg.Delay.Levels), Addr: addr, Version: version})
	}
	return headers.Property{Name: headers.PropertyDelayLevel, Value: strconv.Itoa(level)}, nil
}

// delayError gives the refusal of a timer message, by the attempt's broker at addr, a type
// of its own. Other errors stay as they are.
func (p *Publisher) delayError(err error, a *dispatch.Attempt, d *delay, addr string) error {
	var status *headers.StatusError
	if !errors.As(err, &status) {
		return err
	}
	switch {
	case status.Code == headers.SystemError && strings.Contains(status.Remark, verdict.RemarkNoTimers):
		return d.refuseTimerAt(a.Queue.BrokerName, &TimersDisabledError{Addr: addr, Err: err}, &p.cfg.Delay)
	case status.Code == headers.MessageIllegal && !d.until.IsZero() && strings.Contains(status.Remark, "timer message illegal"):
		ahead := time.Until(time.UnixMilli(timerTime(d.until)))
		return d.refuseTimerAt(a.Queue.BrokerName, &DelayTooLongError{Delay: ahead, Err: err}, &p.cfg.Delay)
	}
	return err
}
