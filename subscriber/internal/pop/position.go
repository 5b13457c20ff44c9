package pop

import (
	"context"
	"errors"
	"fmt"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/fanout"
	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber/internal/engine"
)

// atOnce is how many brokers are asked at once.
const atOnce = 8

// Initialize has all brokers of the topic know the group. Pops start at the first message
// of a queue in which the group has no offset; another position is one that is committed
// beforehand, since brokers take "max" for the first message while a queue is young, and
// for the last one later (PopMessageProcessor.getInitOffset of 5.5.0). Nothing is lost that
// is stored after a call has returned, whatever others call it for at the same time.
//
// With Earliest it is enough that one broker answers. The error is an *UnsupportedError, a
// *BrokerError, or one of routing.Table.ReadRoute.
func (e *Engine) Initialize(ctx context.Context, topic engine.Topic) error {
	earliest := topic.From.Position == engine.Earliest
	errs, err := e.eachQueue(ctx, topic, func(b *broker, q routing.MessageQueue) error {
		if earliest {
			return nil
		}
		return b.begin(ctx, q, topic.From)
	})
	if err != nil {
		return err
	}
	return e.verdictOf(errs, earliest)
}

// eachQueue introduces the group to the brokers of the topic, several at once, and then does
// something for each queue of a broker until that fails. It returns the errors by broker.
func (e *Engine) eachQueue(ctx context.Context, topic engine.Topic, do func(b *broker, q routing.MessageQueue) error) ([]error, error) {
	queues, err := e.queuesByBroker(ctx, topic.Name)
	if err != nil {
		return nil, err
	}
	errs := make([]error, len(queues))
	fanout.Each(len(queues), atOnce, func(i int) {
		b := e.broker(queues[i][0].BrokerName)
		errs[i] = b.introduce(ctx, topic)
		for _, q := range queues[i] {
			if errs[i] == nil {
				errs[i] = do(b, q)
			}
		}
	})
	return errs, nil
}

// verdictOf returns the error that matters, nil if none does: with oneIsEnough brokers that
// cannot be reached are found later.
func (e *Engine) verdictOf(errs []error, oneIsEnough bool) error {
	failed := 0
	for _, err := range errs {
		var unsupported *UnsupportedError
		if errors.As(err, &unsupported) {
			return err
		}
		if err != nil {
			failed++
		}
	}
	if failed == 0 || oneIsEnough && failed < len(errs) {
		return nil
	}
	return errors.Join(errs...)
}

// queuesByBroker returns the queues to read of each broker.
func (e *Engine) queuesByBroker(ctx context.Context, topic string) ([][]routing.MessageQueue, error) {
	route, err := e.cfg.Member.Routes().ReadRoute(ctx, topic)
	if err != nil {
		return nil, err
	}
	var groups [][]routing.MessageQueue
	rest := route.ReadQueues() // sorted by broker
	for len(rest) > 0 {
		n := 1
		for n < len(rest) && rest[n].BrokerName == rest[0].BrokerName {
			n++
		}
		groups, rest = append(groups, rest[:n]), rest[n:]
	}
	return groups, nil
}

// introduce has the broker create the group, unless it must not
// (autoCreateSubscriptionGroup): it does so for a NOTIFICATION, which moves no offsets
// (NotificationProcessor of 5.5.0). The answer says as well whether it would let the group
// read.
func (b *broker) introduce(ctx context.Context, topic engine.Topic) error {
	version, err := b.version(ctx, topic.Name)
	if err != nil {
		return &BrokerError{Topic: topic.Name, Broker: b.name, Op: "asking for the version", Err: err}
	}
	if version < headers.Version5_0_0 {
		return &UnsupportedError{Broker: b.name, Version: version}
	}
	expressionType, expression := expressionOf(topic.Filter)
	_, err = b.ask(ctx, topic.Name, &headers.Notification{
		ConsumerGroup: b.e.cfg.Group, Topic: topic.Name, QueueID: anyQueue, BornTimestamp: unborn,
		ExpressionType: expressionType, Expression: expression, BrokerName: b.name,
	}, nil)
	switch {
	case isUnsupported(err):
		return &UnsupportedError{Broker: b.name, Version: version, Err: err}
	case err != nil:
		return &BrokerError{Topic: topic.Name, Broker: b.name, Op: "introducing the group", Err: err}
	}
	return nil
}

// begin commits where the group begins to read a queue, unless it has an offset there.
//
// The position is asked for before it is known that there is none yet: if somebody else
// commits one in between, that was not asked for earlier than the call of this one.
func (b *broker) begin(ctx context.Context, q routing.MessageQueue, from engine.From) error {
	offset, err := b.find(ctx, q, from)
	if err != nil {
		return err
	}
	_, err = b.queueNumber(ctx, q, "asking for the offset", headers.QueueRequest{
		Code: headers.CodeQueryConsumerOffset, ConsumerGroup: b.e.cfg.Group, KeepUnset: true,
	})
	var status *headers.StatusError
	if err == nil || !errors.As(err, &status) || status.Code != headers.QueryNotFound {
		return err
	}
	return b.commit(ctx, q, offset)
}

// find returns the offset of a position in a queue.
func (b *broker) find(ctx context.Context, q routing.MessageQueue, from engine.From) (int64, error) {
	request := headers.QueueRequest{Code: headers.CodeMinOffset}
	switch from.Position {
	case engine.Latest:
		request.Code = headers.CodeMaxOffset
	case engine.FromTime:
		request = headers.QueueRequest{Code: headers.CodeSearchOffset, Timestamp: from.Time.UnixMilli(), Boundary: "LOWER"}
	}
	return b.queueNumber(ctx, q, "asking for an offset", request)
}

// queueNumber asks for a number about a queue.
func (b *broker) queueNumber(ctx context.Context, q routing.MessageQueue, op string, r headers.QueueRequest) (int64, error) {
	r.Topic, r.QueueID = q.Topic, q.QueueID
	answer, err := b.ask(ctx, q.Topic, &r, nil)
	if err != nil {
		return 0, &BrokerError{Topic: q.Topic, Broker: b.name, Op: op, Err: err}
	}
	offset, ok, err := answer.Fields.Int("offset", 64)
	if err == nil && (!ok || offset < 0) {
		err = fmt.Errorf("%w: answer to %s without an offset", headers.ErrMalformed, r.Code)
	}
	if err != nil {
		return 0, &BrokerError{Topic: q.Topic, Broker: b.name, Op: op, Err: err}
	}
	return offset, nil
}

// commit stores the group's offset in a queue.
func (b *broker) commit(ctx context.Context, q routing.MessageQueue, offset int64) error {
	_, err := b.ask(ctx, q.Topic, &headers.UpdateConsumerOffset{
		ConsumerGroup: b.e.cfg.Group, Topic: q.Topic, QueueID: q.QueueID, CommitOffset: offset,
	}, nil)
	if err != nil {
		return &BrokerError{Topic: q.Topic, Broker: b.name, Op: "committing an offset", Err: err}
	}
	return nil
}

// Seek moves the group in all queues of the topic. Messages that brokers are to deliver
// again, as they were not acked, are not affected. Brokers before 5.2.0 move a group back
// for sure only if it has no messages that it has not acked: pops go on behind those. The
// error joins those of the brokers that have failed, each a *BrokerError or an
// *UnsupportedError.
func (e *Engine) Seek(ctx context.Context, topic engine.Topic, to engine.From) error {
	errs, err := e.eachQueue(ctx, topic, func(b *broker, q routing.MessageQueue) error { return b.seek(ctx, q, to) })
	if err != nil {
		return err
	}
	for _, f := range e.allFetchers() {
		if f.topic.Name == topic.Name {
			f.look() // brokers do not tell those who wait for messages
		}
	}
	return errors.Join(errs...)
}

// seek moves the group in one queue. Pops read on from what they have in memory, whatever
// offset is committed, unless the broker resets it: it does so from 5.2.0 on, and with the
// next pop (useServerSideResetOffset, PopMessageProcessor.resetPopOffset of 5.5.0).
func (b *broker) seek(ctx context.Context, q routing.MessageQueue, to engine.From) error {
	offset, err := b.find(ctx, q, to)
	if err != nil {
		return err
	}
	if b.isBefore(headers.Version5_2_0) {
		return b.commit(ctx, q, offset)
	}
	_, err = b.ask(ctx, q.Topic, &headers.ResetOffset{
		ConsumerGroup: b.e.cfg.Group, Topic: q.Topic, Timestamp: -1, Force: true, QueueID: q.QueueID, Offset: offset, HasOffset: true,
	}, nil)
	var status *headers.StatusError
	switch {
	case isUnsupported(err), errors.As(err, &status) && status.Code == headers.ConsumerNotOnline:
		return b.commit(ctx, q, offset) // the broker leaves it to members, and knows none
	case err != nil:
		return &BrokerError{Topic: q.Topic, Broker: b.name, Op: "resetting the offset", Err: err}
	}
	return nil
}
