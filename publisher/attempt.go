package publisher

import (
	"context"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
)

// attempt tries to store the message once. It returns nil when a broker has
// confirmed it, and fills the result from the answer whenever the broker says
// that the message is stored. Queue and address are those it got as far as.
func (d *delivery) attempt(ctx context.Context) (queue routing.MessageQueue, addr string, err error) {
	p := d.publisher
	if p.cfg.AttemptTimeout < p.cfg.SendTimeout {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, p.cfg.AttemptTimeout, ErrAttemptTimeout)
		defer cancel()
	}
	route, err := p.routes.Route(ctx, d.message.header.Topic)
	if err != nil {
		return queue, "", err
	}
	queue = p.selector.Select(route, d.avoid)
	addr, err = p.routes.BrokerAddr(ctx, queue.Topic, queue.BrokerName)
	if err != nil {
		return queue, "", err
	}
	request := d.message.header
	request.QueueID, request.BrokerName = queue.QueueID, queue.BrokerName
	answer, err := p.client.Invoke(ctx, addr, &request, d.message.body)
	if err != nil {
		return queue, addr, err
	}
	status := storedStatus(headers.ResponseCode(answer.Code))
	if status == StatusNone {
		return queue, addr, answer.Err()
	}
	stored, err := headers.ParseSendResult(&answer)
	if err != nil {
		return queue, addr, &answerError{err}
	}
	if route.FromDefaultTopic() {
		// The broker has just created the topic: its real queues can be known.
		p.routes.Refresh(queue.Topic)
	}
	r := d.result
	r.Outcome, r.Status = Stored, status
	r.MessageQueue, r.BrokerAddr = queue, addr
	r.MessageQueue.QueueID = stored.QueueID
	r.QueueOffset, r.OffsetMessageID = stored.QueueOffset, stored.OffsetMessageID
	if status != SendOK && !p.cfg.AcceptNotDurable {
		r.Err = &NotDurableError{Status: status}
	}
	return queue, addr, nil
}

// answerError is an answer that says the message is stored but cannot be read,
// as no RocketMQ broker sends it.
type answerError struct{ err error }

func (e *answerError) Error() string { return "broker's answer cannot be read: " + e.err.Error() }

func (e *answerError) Unwrap() error { return e.err }
