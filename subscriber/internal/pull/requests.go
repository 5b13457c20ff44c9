package pull

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber/internal/delivery"
)

// BrokerError means that a broker has not done what it was asked for, as far as is known.
type BrokerError struct {
	// Broker is its name, or its address.
	Broker string
	// What it was asked for.
	What string
	Err  error
}

// Error names the broker and what it was asked for.
func (e *BrokerError) Error() string {
	return fmt.Sprintf("broker %s: %s: %v", e.Broker, e.What, e.Err)
}

// Unwrap returns the cause.
func (e *BrokerError) Unwrap() error { return e.Err }

// isAnswer reports whether an error is a server's answer, which others of its queues do not
// have to share.
func isAnswer(err error) bool {
	status := new(headers.StatusError)
	return errors.As(err, &status)
}

// answerIn returns the broker's answer that askBroker has wrapped, or what else has kept it
// from asking.
func answerIn(err error) error {
	if broker, ok := err.(*BrokerError); ok {
		return broker.Err
	}
	return err
}

// ask sends a request to a server and waits for a successful answer.
func (e *Engine) ask(ctx context.Context, addr string, r headers.Request, body []byte) (headers.Command, error) {
	ctx, cancel := context.WithTimeout(ctx, e.cfg.RequestTimeout)
	defer cancel()
	return headers.Successful(e.cfg.Member.Client().Invoke(ctx, addr, r, body))
}

// askBroker sends a request to the master of a broker of the topic.
func (e *Engine) askBroker(ctx context.Context, topic, broker string, r headers.Request, body []byte) (headers.Command, error) {
	at, err := e.cfg.Member.Routes().Replica(ctx, topic, broker, routing.MasterID, true)
	var answer headers.Command
	if err == nil {
		answer, err = e.ask(ctx, at.Addr, r, body)
	}
	if err != nil {
		return answer, &BrokerError{Broker: broker, What: r.RequestCode().String(), Err: err}
	}
	return answer, nil
}

// askAny is askBroker where a slave will do if there is no master.
func (e *Engine) askAny(ctx context.Context, q routing.MessageQueue, r headers.Request) (headers.Command, error) {
	answer, _, err := e.askReplica(ctx, q, r)
	return answer, err
}

// askReplica is askAny that says whether the master was asked.
func (e *Engine) askReplica(ctx context.Context, q routing.MessageQueue, r headers.Request) (_ headers.Command, master bool, _ error) {
	at, err := e.cfg.Member.Routes().Replica(ctx, q.Topic, q.BrokerName, routing.MasterID, false)
	var answer headers.Command
	if err == nil {
		answer, err = e.ask(ctx, at.Addr, r, nil)
	}
	if err != nil {
		return answer, at.IsMaster(), &BrokerError{Broker: q.BrokerName, What: r.RequestCode().String(), Err: err}
	}
	return answer, at.IsMaster(), nil
}

// offsetField reads the answer to a request for an offset.
func offsetField(answer *headers.Command) (int64, error) {
	offset, ok, err := answer.Fields.Int("offset", 64)
	switch {
	case err != nil:
		return 0, err
	case !ok || offset < 0:
		return 0, fmt.Errorf("%w: answer without an offset", headers.ErrMalformed)
	}
	return offset, nil
}

// committed returns the offset that the group has in a queue. It is not found if the
// group has never committed one; brokers before 5.0 say 0 then, as long as they have the
// first message of the queue. master says who was asked: a slave learns of offsets later.
func (e *Engine) committed(ctx context.Context, q routing.MessageQueue) (offset int64, found, master bool, err error) {
	answer, master, err := e.askReplica(ctx, q, &headers.QueueRequest{
		Code: headers.CodeQueryConsumerOffset, Topic: q.Topic, QueueID: q.QueueID, ConsumerGroup: e.group, KeepUnset: true,
	})
	if errors.Is(err, &headers.StatusError{Code: headers.QueryNotFound}) {
		return 0, false, master, nil
	}
	if err != nil {
		return 0, false, master, err
	}
	offset, err = offsetField(&answer)
	return offset, err == nil, master, err
}

// endOf returns the offset that the next message of a queue will have.
func (e *Engine) endOf(ctx context.Context, q routing.MessageQueue) (int64, error) {
	answer, err := e.askAny(ctx, q, &headers.QueueRequest{Code: headers.CodeMaxOffset, Topic: q.Topic, QueueID: q.QueueID})
	if err != nil {
		return 0, err
	}
	return offsetField(&answer)
}

// offsetAt returns the offset of the first message that was stored at that time or later.
// Brokers before 5.0 name a message that has just this time, not always the first, or else
// one of the two whose times are nearest (ConsumeQueue.getOffsetInQueueByTime of 4.9.7). So
// they are asked for the millisecond before, and what is before the time is passed over.
func (e *Engine) offsetAt(ctx context.Context, q routing.MessageQueue, at time.Time) (int64, error) {
	request := &headers.QueueRequest{
		Code: headers.CodeSearchOffset, Topic: q.Topic, QueueID: q.QueueID, Timestamp: at.UnixMilli(), Boundary: "LOWER",
	}
	answer, err := e.askAny(ctx, q, request)
	if err == nil && answer.Version < headers.Version5_0_0 {
		request.Timestamp--
		answer, err = e.askAny(ctx, q, request)
	}
	if err != nil {
		return 0, err
	}
	offset, err := offsetField(&answer)
	if err == nil && answer.Version < headers.Version5_0_0 {
		return e.notBefore(ctx, q, offset, at)
	}
	return offset, err
}

// notBefore returns the first offset from offset on whose message was stored at that time
// or later, or where there is none yet.
func (e *Engine) notBefore(ctx context.Context, q routing.MessageQueue, offset int64, at time.Time) (int64, error) {
	for {
		answer, err := e.askAny(ctx, q, &headers.PullMessage{
			ConsumerGroup: e.group, Topic: q.Topic, QueueID: q.QueueID, QueueOffset: offset, MaxMessages: delivery.Batch,
			SysFlag: headers.PullSubscription, Subscription: headers.ExpressionAll, BrokerName: q.BrokerName,
		})
		if status := new(headers.StatusError); errors.As(err, &status) && status.Code == headers.PullNotFound {
			return offset, nil
		}
		if err != nil {
			return 0, err
		}
		a, err := parseAnswer(&answer, q, offset, &headers.SubscriptionData{})
		if err != nil {
			return 0, err
		}
		for _, m := range a.messages {
			if !m.StoredAt().Before(at.Truncate(time.Millisecond)) {
				return m.Stored.QueueOffset, nil
			}
			offset = m.Stored.QueueOffset + 1
		}
	}
}

// commit stores the group's offset in a queue, and waits until the broker has it.
func (e *Engine) commit(ctx context.Context, q routing.MessageQueue, offset int64) error {
	return e.firstCommits.commit(ctx, q.BrokerName, q.Topic, func() error {
		_, err := e.askBroker(ctx, q.Topic, q.BrokerName, &headers.UpdateConsumerOffset{
			ConsumerGroup: e.group, Topic: q.Topic, QueueID: q.QueueID, CommitOffset: offset,
		}, nil)
		return err
	})
}

// members returns the client ids of the group's members that a broker of the route knows
// of, sorted, and the broker's name. All members ask the same one, so that they see the
// same group.
func (e *Engine) members(ctx context.Context, route *routing.Route) (ids []string, broker string, err error) {
	for _, at := range route.Replicas() {
		if !at.IsMaster() {
			continue
		}
		var answer headers.Command
		answer, err = e.ask(ctx, at.Addr, &headers.GroupRequest{Code: headers.CodeConsumerList, ConsumerGroup: e.group}, nil)
		var list headers.ConsumerListData
		if err == nil {
			list, err = headers.ParseConsumerListData(answer.Body)
		}
		if err != nil {
			err = &BrokerError{Broker: at.BrokerName, What: headers.CodeConsumerList.String(), Err: err}
			continue
		}
		slices.Sort(list.ClientIDs)
		return slices.Compact(list.ClientIDs), at.BrokerName, nil
	}
	if err == nil {
		err = errNoMaster
	}
	return nil, "", err
}

var errNoMaster = errors.New("no broker of the topic has a master")
