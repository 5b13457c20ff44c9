package requestreply

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/ctxerr"
	"github.com/watermill-rocketmq/watermill-rocketmq/marshaler"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
	"github.com/watermill-rocketmq/watermill-rocketmq/transport"
)

const (
	// minPause and maxPause are the pauses between two rounds of attempts.
	minPause = 20 * time.Millisecond
	maxPause = 500 * time.Millisecond
	// minAttempt is the least time that a broker has for an attempt.
	minAttempt = 100 * time.Millisecond
)

// goneRemark is in the answer of a broker that does not know the requester
// (ReplyMessageProcessor.pushReplyMessage, 4.9.7 and 5.5.0). Its code is SYSTEM_ERROR, as
// for failures of other kinds.
const goneRemark = "push reply message fail, channel of <"

var (
	errNoCluster    = errors.New("the request does not say in which cluster it is stored: it was sent in a batch")
	errNoReply      = errors.New("the reply is nil")
	errEmptyReply   = errors.New("marshaler returned an empty body, which brokers refuse")
	errReplyTimeout = errors.New("reply not delivered in time")
)

// reply sends a reply, to the broker that has the request first: its requester was known
// there. It is tried at the other brokers of the cluster as well, and again.
func (r *Responder) reply(ctx context.Context, uuid string, request *Request, reply *message.Message) error {
	failed := &ReplyError{CorrelationID: request.CorrelationID, UUID: uuid}
	if !r.enter() {
		failed.Err = ErrClosed
		return failed
	}
	defer r.replies.Done()
	h, body, err := r.marshal(request, reply)
	if err != nil {
		failed.Err = err
		return failed
	}
	limit := time.Now().Add(r.cfg.ReplyTimeout)
	if !r.cfg.HandleExpired && !request.Deadline.IsZero() && request.Deadline.Before(limit) {
		limit = request.Deadline
	}
	ctx, cancel := context.WithDeadlineCause(ctx, limit, errReplyTimeout)
	defer cancel()
	pause := minPause
	for {
		err := r.round(ctx, request.Broker, h, body, failed)
		if err == nil {
			return nil
		}
		// The end of the time is no news of the requester.
		if failed.Err == nil || ctx.Err() == nil {
			failed.Err, failed.Gone = err, isGone(err)
		}
		select {
		case <-time.After(pause):
			pause = min(2*pause, maxPause)
		case <-ctx.Done():
			if end := ctxerr.Of(ctx); !failed.Gone && !errors.Is(failed.Err, end) {
				failed.Err = fmt.Errorf("%w: %w", end, failed.Err)
			}
			return failed
		}
	}
}

// isGone reports whether a broker has said that it does not know the requester.
func isGone(err error) bool {
	var status *headers.StatusError
	return errors.As(err, &status) && status.Code == headers.SystemError && strings.HasPrefix(status.Remark, goneRemark)
}

// round tries each broker of the cluster once, first the one of that name. Each but the
// last has half of the time that is left, so that one that hangs does not keep the reply
// from the others. The error is that of the last attempt, but for one that says that the
// requester is gone: another broker that could not be asked does not make that less true.
// One that was asked and has not answered does, as it may have handed on the reply.
func (r *Responder) round(ctx context.Context, first string, h headers.SendMessage, body []byte, failed *ReplyError) error {
	route, err := r.member.Routes().Route(ctx, h.Topic)
	if err != nil {
		return err
	}
	brokers := slices.Clone(route.Brokers())
	slices.SortStableFunc(brokers, func(a, b routing.Broker) int {
		switch {
		case a.Name == b.Name:
			return 0
		case a.Name == first:
			return -1
		case b.Name == first:
			return 1
		}
		return 0
	})
	var last error
	unanswered := false
	for i, b := range brokers {
		failed.Attempts++
		h.BrokerName = b.Name
		sent, err := r.push(ctx, share(ctx, i == len(brokers)-1), b.Addr, &h, body)
		if err == nil {
			return nil
		}
		if sent || !unanswered && !isGone(last) {
			last = err
		}
		unanswered = unanswered || sent
		if !isGone(err) {
			r.member.Routes().Refresh(h.Topic) // the broker may be elsewhere by now
		}
		if ctx.Err() != nil {
			break
		}
	}
	return last
}

// share is the time for an attempt.
func share(ctx context.Context, isLast bool) time.Duration {
	end, _ := ctx.Deadline() // reply sets one
	if isLast {
		return time.Until(end)
	}
	return max(time.Until(end)/2, minAttempt)
}

// push sends the reply to one broker, and waits for so long at most until the requester has
// it. unanswered says that the broker may have the reply, and has not answered.
func (r *Responder) push(ctx context.Context, limit time.Duration, addr string, h *headers.SendMessage, body []byte) (unanswered bool, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, limit, errReplyTimeout)
	defer cancel()
	addr = r.session.SendAddr(addr)
	if err := r.member.Client().Connect(ctx, addr); err != nil {
		return false, err
	}
	if err := r.member.Admit(ctx, addr); err != nil {
		return false, err
	}
	_, err = headers.Successful(r.member.Client().Invoke(ctx, addr, h, body))
	var op *transport.OpError
	return errors.As(err, &op) && op.Sent, err
}

// marshal makes the reply's message (MessageUtil.createReplyMessage, 4.9.7 and 5.5.0).
func (r *Responder) marshal(request *Request, reply *message.Message) (headers.SendMessage, []byte, error) {
	switch {
	case reply == nil:
		return headers.SendMessage{}, nil, permanent{errNoReply}
	case request.Cluster == "":
		return headers.SendMessage{}, nil, permanent{errNoCluster}
	}
	topic := headers.ReplyTopic(request.Cluster)
	made, err := r.cfg.Marshaler.Marshal(topic, reply)
	switch {
	case err != nil:
		return headers.SendMessage{}, nil, permanent{&publisher.MarshalError{Err: err}}
	case len(made.Body) == 0:
		return headers.SendMessage{}, nil, permanent{&publisher.MarshalError{Err: errEmptyReply}}
	}
	now := time.Now()
	id, err := r.ids.Next(now)
	if err != nil {
		return headers.SendMessage{}, nil, err
	}
	list := replaceProperties(made.Properties,
		headers.Property{Name: headers.PropertyUniqueKey, Value: id.String()},
		headers.Property{Name: headers.PropertyMessageType, Value: headers.MessageTypeReply},
		headers.Property{Name: headers.PropertyCorrelationID, Value: request.CorrelationID},
		headers.Property{Name: headers.PropertyReplyToClient, Value: request.ReplyTo},
	)
	if request.TTL > 0 {
		list = replaceProperties(list, headers.Property{Name: headers.PropertyTTL, Value: milliseconds(request.TTL)})
	}
	h := headers.SendMessage{
		Reply: true, ProducerGroup: r.cfg.ProducerGroup, Topic: topic, DefaultTopic: headers.DefaultTopic, DefaultTopicQueues: 4,
		BornTimestamp: now.UnixMilli(), Flag: made.Flag, UnitMode: r.cfg.Cluster.UnitMode,
	}
	if err := marshaler.CheckPropertiesSize(list, marshaler.DefaultMaxPropertiesSize); err != nil {
		return h, nil, permanent{&publisher.MarshalError{Err: err}}
	}
	for _, p := range list {
		if err := p.Check(); err != nil {
			return h, nil, permanent{&publisher.MarshalError{Err: err}}
		}
		h.Properties = headers.AppendProperty(h.Properties, p.Name, p.Value)
	}
	body := made.Body
	if r.compressor != nil && len(body) >= r.cfg.Compression.Threshold {
		packed, err := r.compressor.Compress(nil, body)
		if err != nil {
			return h, nil, fmt.Errorf("cannot compress reply: %w", err)
		}
		if len(packed) < len(body) {
			body, h.SysFlag = packed, r.compressor.SysFlag()
		}
	}
	if len(body) > r.cfg.MaxReplySize {
		return h, nil, permanent{&publisher.MessageTooLargeError{Size: len(body), Limit: r.cfg.MaxReplySize}}
	}
	return h, body, nil
}
