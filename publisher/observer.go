package publisher

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill"

	"github.com/watermill-rocketmq/watermill-rocketmq/internal/loglimit"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/trace"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/verdict"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher/internal/dispatch"
	"github.com/watermill-rocketmq/watermill-rocketmq/transport"
)

// observer tells hooks, traces and the log what becomes of attempts.
type observer struct{ p *Publisher }

var _ dispatch.Observer = observer{}

// Stored is told that a broker has the messages of an attempt.
func (o observer) Stored(a *dispatch.Attempt, s *dispatch.Stored) {
	status := SendStatus(s.Status)
	if hook := o.p.cfg.Hooks.AfterAttempt; hook != nil {
		done := Attempt{MessageQueue: o.p.userQueue(s.Queue), Addr: s.Addr, Began: a.Began, Took: time.Since(a.Began), Outcome: Stored}
		if a.Oneway {
			done.Outcome = MayBeStored
		}
		o.p.withUUIDs(a, func(uuids []string) { hook(attemptEvent(a, uuids, done, status)) })
	}
	if a.Oneway {
		return
	}
	if status != SendOK {
		o.p.storedNotDurably(s)
	}
	if t := o.p.tracer; t.traces(a.Topic) && !s.Untraced {
		o.trace(t, a, s)
	}
}

// Failed is told that an attempt has failed.
func (o observer) Failed(a *dispatch.Attempt, f *dispatch.Failure, v verdict.Verdict, anybody bool) {
	o.p.attemptFailed(f, v.Broker)
	if hook := o.p.cfg.Hooks.AfterAttempt; hook != nil {
		o.p.withUUIDs(a, func(uuids []string) { hook(attemptEvent(a, uuids, o.p.attemptOf(f), StatusNone)) })
	}
	if anybody {
		o.p.refresh(a.Topic, v)
	}
}

// Retrying is told that messages are to be sent again.
func (o observer) Retrying(a *dispatch.Attempt, pause time.Duration, err error) {
	hook := o.p.cfg.Hooks.Retry
	if hook == nil {
		return
	}
	o.p.withUUIDs(a, func(uuids []string) {
		hook(RetryEvent{Topic: a.Topic, UUIDs: uuids, Failed: a.Try, Pause: pause, Err: err})
	})
}

func attemptEvent(a *dispatch.Attempt, uuids []string, done Attempt, status SendStatus) AttemptEvent {
	return AttemptEvent{Topic: a.Topic, UUIDs: uuids, Try: a.Try, Oneway: a.Oneway, Attempt: done, Status: status}
}

// tellSend tells BeforeSend of the request, whose body has that size.
func (p *Publisher) tellSend(hook func(SendEvent), a *dispatch.Attempt, size int) {
	p.withUUIDs(a, func(uuids []string) {
		hook(SendEvent{
			Topic: a.Topic, MessageQueue: p.userQueue(a.Queue), Addr: a.Addr, UUIDs: uuids,
			Bytes: size, Try: a.Try, Oneway: a.Oneway,
		})
	})
}

// uuidLists keeps lists of UUIDs for reuse. The zero value is ready.
type uuidLists struct{ pool sync.Pool }

// withUUIDs calls tell with the UUIDs of the attempt's messages. The list is good until
// it returns.
func (p *Publisher) withUUIDs(a *dispatch.Attempt, tell func(uuids []string)) {
	list, ok := p.uuids.pool.Get().(*[]string)
	if !ok {
		list = new([]string)
	}
	for _, m := range a.Messages {
		_, own := ownerOf(m)
		*list = append(*list, own.uuid)
	}
	tell(*list)
	clear(*list)
	*list = (*list)[:0]
	p.uuids.pool.Put(list)
}

// attemptFailed logs that a broker did not take messages, now and then. What ends with
// its caller, or with the publisher, is no failure.
func (p *Publisher) attemptFailed(f *dispatch.Failure, s verdict.Sign) {
	if s == verdict.NoSign || s == verdict.Answered || errors.Is(f.Err, context.Canceled) || errors.Is(f.Err, transport.ErrClosed) {
		return
	}
	if missed, ok := p.logs.brokers.Ask(f.Queue.BrokerName, time.Now()); ok {
		p.logger.Info("RocketMQ broker failed", watermill.LogFields{
			"broker": f.Queue.BrokerName, "addr": f.Addr, "cause": f.Err.Error(), loglimit.Unlogged: missed,
		})
	}
}

// storedNotDurably logs in the same way that a broker has stored messages with less
// safety than it is configured for: callers take that for success.
func (p *Publisher) storedNotDurably(s *dispatch.Stored) {
	status := SendStatus(s.Status)
	if missed, ok := p.logs.notDurable[status].Ask(s.Queue.BrokerName, s.At); ok {
		p.logger.Info("RocketMQ broker has stored messages less safely than it is configured to", watermill.LogFields{
			"broker": s.Queue.BrokerName, "addr": s.Addr, "status": status.String(), loglimit.Unlogged: missed,
		})
	}
}

// seldomGap is the least time between two lookups of a topic's route for failures that
// seldom have to do with it: all publishers of a cluster may meet a broker that is busy,
// and the name servers must not become busy from that.
const seldomGap = time.Second

// refresh has the route of a topic looked up, by RocketMQ's name of it, if a failure
// may mean that it is out of date.
func (p *Publisher) refresh(topic string, v verdict.Verdict) {
	switch {
	case v.Refresh && v.Seldom:
		p.routes.RefreshOlder(topic, seldomGap)
	case v.Refresh:
		p.routes.Refresh(topic)
	}
}

// trace gathers the records of an attempt whose messages a broker has stored.
func (o observer) trace(t *tracer, a *dispatch.Attempt, s *dispatch.Stored) {
	traced := trace.Message{
		Began: a.Began, Took: time.Since(a.Began), Group: o.p.userName(o.p.cfg.ProducerGroup), Topic: o.p.userName(a.Topic),
		Region: s.Region, StoreHost: s.Addr, Durable: SendStatus(s.Status) == SendOK,
	}
	for i, m := range a.Messages {
		_, known := ownerOf(m)
		sent := part(m)
		traced.ID, traced.OffsetID = known.id.String(), string(offsetID(s.OffsetIDs, i, len(a.Messages)))
		traced.BodyLength, traced.Properties = len(sent.Body), sent.Properties
		traced.Delayed = known.delay != nil && known.delay.applied
		t.observer.Stored(&traced)
	}
}
