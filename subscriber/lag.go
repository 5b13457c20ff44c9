package subscriber

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/fanout"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/verdict"
	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
)

// Lag is how far a group is behind in a topic.
type Lag struct {
	// Topic is Watermill's name.
	Topic, Group string
	// Engine is that of this Subscriber.
	Engine Engine
	Queues []QueueLag
	// InFlight is how many messages this Subscriber has of the topic that are not answered.
	// With POP they are not part of any QueueLag.
	InFlight int
}

// QueueLag is how far a group is behind in a queue.
type QueueLag struct {
	// Queue has RocketMQ's name of the topic, or of the group's retry topic.
	Queue routing.MessageQueue
	// Next is the offset that the group reads next, -1 if it has none yet. With Pull all
	// before it is acked. With POP all before it has been handed to members, who may not
	// have acked it.
	Next int64
	// End is the offset of the next message that will be stored.
	End int64
	// Assigned says that the queue belongs to this Subscriber (Pull).
	Assigned bool
	// Err is why the broker could not be asked. The offsets are 0 then. If it is not known
	// which queues a retry topic has, there is one QueueLag for it, which names no broker.
	Err error
}

// Messages is how many messages of the queue the group has not read. Of a group that has no
// offset it is all of them.
func (q QueueLag) Messages() int64 { return q.End - max(q.Next, 0) }

// Messages is how many messages of the topic the group has not read.
func (l Lag) Messages() int64 {
	n := int64(0)
	for _, q := range l.Queues {
		n += q.Messages()
	}
	return n
}

// Err returns what keeps the numbers from being whole.
func (l Lag) Err() error {
	var errs []error
	for _, q := range l.Queues {
		if q.Err != nil {
			where := q.Queue.BrokerName
			if where == "" {
				where = q.Queue.Topic
			}
			errs = append(errs, fmt.Errorf("%s, queue %d: %w", where, q.Queue.QueueID, q.Err))
		}
	}
	return errors.Join(errs...)
}

// String is a table for people.
func (l Lag) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s, group %s (%s): %d messages behind, %d in flight here\n", l.Topic, l.Group, l.Engine, l.Messages(), l.InFlight)
	for _, q := range l.Queues {
		mark := ""
		if q.Assigned {
			mark = ", ours"
		}
		if q.Err != nil {
			fmt.Fprintf(&b, "  %s %s/%d: %v\n", q.Queue.Topic, q.Queue.BrokerName, q.Queue.QueueID, q.Err)
			continue
		}
		fmt.Fprintf(&b, "  %s %s/%d: %d behind, next %d of %d%s\n", q.Queue.Topic, q.Queue.BrokerName, q.Queue.QueueID, q.Messages(), q.Next, q.End, mark)
	}
	return b.String()
}

// lagAtOnce is how many queues are asked for at once.
const lagAtOnce = 16

// Lag asks the brokers how far the group is behind in a topic, in the queues of the group's
// retry topic too. Each question takes Config.RequestTimeout at most. Queues whose broker
// does not answer, or has no master at the time, say so: a slave learns of a group's offsets
// once a minute. The error is a *SubscribeError of the topic as a whole.
func (s *Subscriber) Lag(ctx context.Context, topic string) (Lag, error) {
	if !s.enter() {
		return Lag{}, subscribeError(topic, ErrClosed)
	}
	defer s.leave()
	ctx, done := s.whileOpen(ctx)
	defer done()
	l, err := s.lag(ctx, topic)
	if closed := context.Cause(s.life); closed != nil {
		err = closed // there was no time to ask about all queues, perhaps
	}
	if err != nil {
		return Lag{}, subscribeError(topic, err)
	}
	return l, nil
}

func (s *Subscriber) lag(ctx context.Context, topic string) (Lag, error) {
	if s.cfg.Group == "" {
		return Lag{}, ErrNoGroup
	}
	what, err := s.topic(topic)
	if err != nil {
		return Lag{}, err
	}
	e, err := s.chosen(ctx)
	if err != nil {
		return Lag{}, err
	}
	l := Lag{Topic: topic, Group: s.cfg.Group, Engine: e.kind}
	for _, name := range append([]string{what.Name}, e.RetryTopics(what.Name)...) {
		route, err := s.routes.ReadRoute(ctx, name)
		if err != nil {
			switch {
			case name == what.Name:
				return Lag{}, err
			case !isWithoutQueues(err): // else nothing was to be retried yet
				l.Queues = append(l.Queues, QueueLag{Queue: routing.MessageQueue{Topic: name}, Err: verdict.Bare(err)})
			}
			continue
		}
		for _, q := range route.ReadQueues() {
			l.Queues = append(l.Queues, QueueLag{Queue: q})
		}
	}
	fanout.Each(len(l.Queues), lagAtOnce, func(i int) {
		if l.Queues[i].Err == nil {
			s.measure(ctx, &l.Queues[i])
		}
	})
	retries := e.RetryQueues()
	for i := range l.Queues {
		l.Queues[i].Assigned = slices.Contains(retries, l.Queues[i].Queue)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for sub := range s.subscriptions {
		if sub.what.Name != what.Name {
			continue
		}
		l.InFlight += sub.output.Budget().Here()
		for i := range l.Queues {
			l.Queues[i].Assigned = l.Queues[i].Assigned || sub.has(&l.Queues[i])
		}
	}
	return l, nil
}

// isWithoutQueues reports whether an error says that there is nothing to read in a topic.
func isWithoutQueues(err error) bool {
	var wait *routing.WaitError
	var noRoute *routing.NoRouteError
	var noQueue *routing.NoQueueError
	if errors.As(err, &wait) {
		return false // what is in it is about a lookup before
	}
	return errors.As(err, &noRoute) || errors.As(err, &noQueue)
}

// has reports whether the subscription reads a queue.
func (sub *subscription) has(q *QueueLag) bool {
	f := sub.current()
	if f == nil || q.Queue.Topic != sub.what.Name {
		return false
	}
	for _, own := range f.Queues() {
		if own == q.Queue {
			return true
		}
	}
	return false
}

// measure asks for the offsets of a queue.
func (s *Subscriber) measure(ctx context.Context, q *QueueLag) {
	ask := func(code headers.RequestCode) (int64, error) {
		return s.queueNumber(ctx, q, &headers.QueueRequest{
			Code: code, Topic: q.Queue.Topic, QueueID: q.Queue.QueueID, ConsumerGroup: s.names.Group(s.cfg.Group), KeepUnset: true,
		})
	}
	if q.End, q.Err = ask(headers.CodeMaxOffset); q.Err != nil {
		return
	}
	q.Next, q.Err = ask(headers.CodeQueryConsumerOffset)
	if errors.Is(q.Err, &headers.StatusError{Code: headers.QueryNotFound}) {
		q.Next, q.Err = -1, nil
	}
}

// queueNumber asks the master of a queue for one number.
func (s *Subscriber) queueNumber(ctx context.Context, q *QueueLag, r *headers.QueueRequest) (int64, error) {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.RequestTimeout)
	defer cancel()
	replica, err := s.routes.Replica(ctx, q.Queue.Topic, q.Queue.BrokerName, routing.MasterID, true)
	if err != nil {
		return 0, explained(err)
	}
	answer, err := headers.Successful(s.member.Client().Invoke(ctx, replica.Addr, r, nil))
	if err != nil {
		return 0, explained(err)
	}
	n, ok, err := answer.Fields.Int("offset", 64)
	if err == nil && !ok {
		err = fmt.Errorf("%w: answer without an offset", headers.ErrMalformed)
	}
	return n, err
}
